// SPDX-License-Identifier: MIT
// What a witness is told, as events of the laboratory's trace. Where they go is the machine's matter: a guest writes
// them to registers, the hosted machine hands them to its laboratory.
#pragma once

#include "callbacks/core/witness.h"
#include "hw/spec/lab_registers.h"

#include <cstdint>

namespace remap::callbacks {

class DriverEventPort {
public:
    // On any thread that calls, perhaps under its locks: must neither block nor call back.
    virtual void post(const spec::lab::DriverEvent& event) = 0;

protected:
    ~DriverEventPort() = default;
};

// Fields are as iommu/lab/event.h says. An object is one event for itself and one for each run of its frames.
class EventWitness final : public Witness {
public:
    explicit EventWitness(DriverEventPort& port) : port_(port) {}

    void call_began(const Caller& caller) override;
    void call_ended(const Caller& caller, NTSTATUS status, std::uint64_t object) override;
    void object_made(const WitnessedObject& object, const FrameList& frames) override;
    void object_moved(const WitnessedObject& object, const FrameList& left, const FrameList& frames) override;
    void object_ended(const WitnessedObject& object) override;
    void mapped(const WitnessedReach& reach) override;
    void unmapped(const WitnessedReach& reach) override;
    void view_made(const LiveView& view, const FrameList& frames, std::uint64_t first) override;
    void view_ended(const LiveView& view) override;

private:
    void post_object(const WitnessedObject& object, std::uint8_t flags);
    void post_reach(spec::lab::DriverKind kind, const WitnessedReach& reach);
    void post_frames(const WitnessedObject& object, const FrameList& frames);

    DriverEventPort& port_;
};

}  // namespace remap::callbacks
