// SPDX-License-Identifier: MIT
// The machine as a suite sees it: include this and test.h.
//
//   pci::find(vendor, device)   PCI functions; map_bar, set_bus_master, find_capability of what is found
//   register_interrupt, message_for, enable_msi, MsixTable
//   iommu()                     the VT-d unit, started at the first call; null without one
//   wait_for_fault, drop_faults its fault records
//   IommuBench                  the unit without its driver, and the GPU behind it (iommu_bench.h, not included here)
//   Adapter                     a function started as a graphics adapter: its domain, its DXGKRNL_INTERFACE
//   KernelServices              what a driver imports (callbacks/kernel), for as long as the object lives
//   dxgkrnl(), reports()        the graphics kernel of the machine, and what it has found out about the driver
//   frames(), views()           physical memory and how to map it; PhysicalView for a view with a scope
//   Process                     tables of its own with user views in them; run(body) acts for it
//   find_leaf(address)          what the CPU's tables say of an address
//   read_cache_controls()       CR0, PAT and MTRRs: the effective type of a leaf (cache_controls.h, not included here)
//   MappedObject, ObjectView    an object and its views, without a list (mapped_object.h, not included here)
//   option, number_option       name=value of the command line
//   wait_until, Deadline        time
//   catch_trap                  a call that may trap
#pragma once

#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/address_space.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/kernel_port.h"
#include "guest-tests/runtime/msi.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/views.h"
