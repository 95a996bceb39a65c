// SPDX-License-Identifier: MIT
// Who is told what a driver does by the callbacks: each call and its end, the memory objects and where their frames
// lie, what devices reach of them, and what the CPU sees. A machine has one witness or none.
//
// Called on the threads of the calls, those of objects, reaches and views under locks of the machine's: must not call
// back, and must not block.
#pragma once

#include "base/address.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/report.h"
#include "callbacks/core/view_audit.h"
#include "callbacks/ddk/ntddk.h"

#include <cstdint>
#include <span>

namespace remap::callbacks {

// Memory that a driver has got by a callback, or has given by one.
struct WitnessedObject {
    Subject subject{};  // its number is never 0
    ObjectSort sort{};
    std::uint64_t pages = 0;
};

// Pages at logical addresses that devices reach, side by side on both sides.
struct WitnessedReach {
    std::span<const std::uint16_t> sources;  // of all devices of the adapter: bus, device, function
    LogicalPage first;
    PhysicalPage to;  // of what ends: not known, 0
    std::uint64_t pages = 0;
    std::uint64_t object = 0;  // whose pages they are; 0: nobody's, as reserved ranges of the adapter
};

class Witness {
public:
    // A call, and its end, on the same thread; in between the thread may have told of the rest. Only a bugcheck that
    // strikes under the call's own lock leaves a call without an end. `object`: what it was about, 0 if that did not
    // become clear. Without a lock.
    virtual void call_began(const Caller& caller) = 0;
    virtual void call_ended(const Caller& caller, NTSTATUS status, std::uint64_t object) = 0;

    // An object is there, with the first `pages` of these frames.
    virtual void object_made(const WitnessedObject& object, const FrameList& frames) = 0;
    // It has no longer those that have left, and has these.
    virtual void object_moved(const WitnessedObject& object, const FrameList& left, const FrameList& frames) = 0;
    // Its frames may belong to somebody else from now on.
    virtual void object_ended(const WitnessedObject& object) = 0;

    // Devices reach pages, or no longer do; what ends need not end as it began, piece by piece.
    virtual void mapped(const WitnessedReach& reach) = 0;
    virtual void unmapped(const WitnessedReach& reach) = 0;

    // The CPU has a view, whoever made it, of these frames from index `first` on. Told again when they have moved.
    virtual void view_made(const LiveView& view, const FrameList& frames, std::uint64_t first) = 0;
    virtual void view_ended(const LiveView& view) = 0;

protected:
    ~Witness() = default;
};

}  // namespace remap::callbacks
