// SPDX-License-Identifier: MIT
// A hosted machine's laboratory: rules, trace and tools as in QEMU, its time that of the host. What is delayed is
// waited for by the thread that does it.
#pragma once

#include "hw/hosted/machine.h"
#include "hw/hosted/timer.h"
#include "iommu/lab/station.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace remap::hosted {

class MachineLab final : lab::MachinePort {
public:
    // The error is a sentence for people.
    static Result<std::unique_ptr<MachineLab>, std::string> create(const LaboratoryOptions& options);
    ~MachineLab();
    MachineLab(const MachineLab&) = delete;
    MachineLab& operator=(const MachineLab&) = delete;

    // What tools attach to, and what the machine's parts ask and tell. Any thread.
    lab::Station& station() { return *station_; }
    lab::Laboratory& laboratory() { return station_->laboratory(); }

    // Before anything happens: the unit (null: there is none) and the devices of the machine.
    void connect(iommu::Iommu* unit, MachineDevices& devices);

    // A device sends a message. False: it is lost.
    bool interrupt(std::uint16_t source, unsigned vector);

private:
    MachineLab();

    std::uint64_t now() override;
    void wait(std::uint64_t nanoseconds) override;
    void call_later(std::uint64_t nanoseconds) override;
    bool raise(std::uint16_t source, std::uint32_t vector) override;
    bool remove(std::uint16_t source) override;

    MachineDevices* devices_ = nullptr;
    std::optional<lab::DirectUnit> unit_;
    std::unique_ptr<Timer> timer_;
    std::unique_ptr<lab::Station> station_;  // its thread, too, asks for the timer
};

}  // namespace remap::hosted
