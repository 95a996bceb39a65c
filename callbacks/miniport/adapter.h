// SPDX-License-Identifier: MIT
// A logical adapter as its driver sees it: one to eight physical adapters, each taken through AddDevice, the queries,
// StartDevice, StopDevice and RemoveDevice, in this order for all of them.
//
//     miniport::LogicalAdapter adapter(driver, core, devices);
//     adapter.add({descriptions, n});     AddDevice of each
//     adapter.query();                    QueryAdapterInfo; then caps() is known
//     adapter.start();                    the core starts it, then StartDevice of each
//     ...
//     adapter.stop();                     StopDevice of each, in reverse order; then the core stops it
//     adapter.remove();                   RemoveDevice of each
//
// A step out of order is STATUS_INVALID_DEVICE_STATE. After a failed add nothing is added, after a failed query or
// start the devices are added and not started. Not thread safe.
#pragma once

#include "callbacks/miniport/caps.h"
#include "callbacks/miniport/devices.h"
#include "callbacks/miniport/driver.h"
#include "callbacks/miniport/ports.h"

#include <array>
#include <cstdint>
#include <span>

namespace remap::miniport {

// Logical adapters that can be started at the same time in one process.
inline constexpr unsigned adapter_slots = 16;

class LogicalAdapter final : public callbacks::DriverPort {
public:
    // All three outlive the adapter.
    LogicalAdapter(Driver& driver, CorePort& core, DevicePort& devices)
        : driver_(driver), core_(core), device_port_(devices) {}

    // Stops and removes what is left, whatever the driver says to it.
    ~LogicalAdapter();
    LogicalAdapter(const LogicalAdapter&) = delete;
    LogicalAdapter& operator=(const LogicalAdapter&) = delete;

    Outcome add(std::span<const DeviceDescription> descriptions);
    Outcome query();
    Outcome start();
    Outcome stop();
    Outcome remove();

    const Caps& caps() const { return caps_; }  // after query
    unsigned physical_adapters() const { return count_; }
    bool started() const { return state_ == State::Started; }
    const DXGKRNL_INTERFACE& interface(unsigned index) const { return interfaces_[index]; }  // after start
    PVOID context(unsigned index) const { return devices_[index].context(); }                // after add

    // DxgkDdiBeginExclusiveAccess and DxgkDdiEndExclusiveAccess of all physical adapters. When one cannot begin, those
    // that have begun end again. Between the two every other DDI is refused.
    NTSTATUS begin_exclusive_access() override { return begin_exclusive(); }
    NTSTATUS end_exclusive_access() override { return end_exclusive(); }
    const Outcome& exclusive_outcome() const { return exclusive_outcome_; }  // of the last of the two

    // DxgkDdiEscape with a private request; only while started.
    Outcome escape(unsigned index, void* data, UINT bytes);

    // What paging.h needs.
    Calls& calls() { return calls_; }
    const DRIVER_INITIALIZATION_DATA& ddis() const { return driver_.ddis(); }

    // The device that a DeviceHandle names; null: none of this adapter.
    Device* find_device(HANDLE handle);

private:
    enum class State : std::uint8_t { Empty, Added, Queried, Started };

    Outcome add_device(unsigned index, const DeviceDescription& description);
    Outcome start_device(unsigned index);
    Outcome stop_device(unsigned index);
    Outcome remove_device(unsigned index);
    Outcome start_devices();
    NTSTATUS begin_exclusive();
    NTSTATUS end_exclusive();
    Outcome end_exclusive_of(unsigned count);

    Driver& driver_;
    CorePort& core_;
    DevicePort& device_port_;
    Calls calls_;
    Caps caps_;
    State state_ = State::Empty;
    unsigned count_ = 0;
    std::array<Device, longest_chain> devices_{};
    std::array<DXGKRNL_INTERFACE, longest_chain> interfaces_{};
    Outcome exclusive_outcome_;
};

}  // namespace remap::miniport
