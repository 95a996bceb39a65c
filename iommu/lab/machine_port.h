// SPDX-License-Identifier: MIT
// What the laboratory needs from the machine whose faults it causes.
#pragma once

#include <cstdint>

namespace remap::lab {

class MachinePort {
public:
    // The machine's clock, nanoseconds: the one that rules' times are of. Any thread, any lock held.
    virtual std::uint64_t now() = 0;

    // Blocks this thread for so long, at most longest_delay; or, in a machine whose time stands still while it does,
    // sees to it that what follows comes that much later. On threads of devices, with no lock of unit or laboratory
    // held.
    virtual void wait(std::uint64_t nanoseconds) = 0;

    // Laboratory::timer_expired is to be called when so many nanoseconds have passed, 0: soon, but not from within this
    // call. In place of what was asked for before: one timer is enough. Any thread, perhaps with locks of the unit and
    // of the laboratory held: must neither block nor call back.
    virtual void call_later(std::uint64_t nanoseconds) = 0;

    // From within timer_expired, without any lock: a device sends the message of one of its vectors, a device is pulled
    // out. False if there is no such device, or no such vector.
    virtual bool raise(std::uint16_t source, std::uint32_t vector) = 0;
    virtual bool remove(std::uint16_t source) = 0;

protected:
    ~MachinePort() = default;
};

}  // namespace remap::lab
