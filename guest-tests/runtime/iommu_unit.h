// SPDX-License-Identifier: MIT
// The machine's VT-d unit, found through its DMAR table.
#pragma once

#include "callbacks/vtd/fault_inbox.h"
#include "iommu/driver/unit.h"

namespace remap::guest {

// The unit that PCI segment 0 is behind; null when the machine has none. Started at the first call: every device is
// blocked then until it is attached. Options of the command line: iommu_levels=3|4 and
// iommu_invalidation=registers|queue. Panics when the unit cannot be started.
vtd_driver::Unit* iommu();

// The registers of that unit, for suites about the unit itself. Only with a unit.
vtd_driver::RegisterPort& iommu_registers();

// Their window as it is, for accesses that a driver would not make. Only with a unit.
volatile std::uint8_t* iommu_window();

// Starts the unit anew, as its driver does after somebody else has used it: the caches are empty, nothing is attached,
// no fault is pending. Only with a unit.
void restart_iommu();

// The same, with its interrupts remapped; by the queue, which that needs, whatever the command line says.
void restart_iommu(vtd_driver::Interrupts interrupts);

// Its fault records, sorted by device. Only with a unit.
callbacks::FaultInbox& fault_inbox();

// Takes a fault record, waiting for one up to a bound: a device may still be at work when its register write returns.
std::optional<vtd_driver::Fault> wait_for_fault(std::uint64_t milliseconds);

// Drops all pending fault records; returns how many there were.
unsigned drop_faults();

}  // namespace remap::guest
