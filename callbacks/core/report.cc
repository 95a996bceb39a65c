// SPDX-License-Identifier: MIT
#include "callbacks/core/report.h"

namespace remap::callbacks {

namespace {

struct Entry {
    Check check;
    CheckText text;
};

constexpr Entry entries[] = {
    {Check::InvalidObjectType,
     {"InvalidObjectType", "Pass the handle that the callback asks for: object, adapter object and adapter differ."}},
    {Check::UnlockedUnderAdls, {"UnlockedUnderAdls", "Free every ADL of the object before it is destroyed."}},
    {Check::AdapterObjectsLeaked,
     {"AdapterObjectsLeaked", "Close each adapter memory object, or name it when its object is destroyed."}},
    {Check::AdlsLeaked, {"AdlsLeaked", "Free each ADL before its adapter memory object is closed."}},
    {Check::LogicalPoolLeaked, {"LogicalPoolLeaked", "The machine ran out of memory for its own lists; give it more."}},
    {Check::ReattachFailed, {"ReattachFailed", "The IOMMU refused the domain; look at its fault records."}},
    {Check::NullArgument, {"NullArgument", "Pass a pointer to the callback's argument structure."}},
    {Check::WrongIrql,
     {"WrongIrql", "Call at APC_LEVEL or below: release spin locks first, use a work item from a DPC."}},
    {Check::UnknownHandle, {"UnknownHandle", "Look for a handle that was overwritten or comes from elsewhere."}},
    {Check::UseAfterClose,
     {"UseAfterClose", "The handle's object is gone: look for a second free, or a use after Destroy or Close."}},
    {Check::ForeignAdapterObject,
     {"ForeignAdapterObject",
      "Name the adapter memory object that belongs to this object, or null when it is closed."}},
    {Check::ForeignAdl, {"ForeignAdl", "Free an ADL with the adapter memory object that made it."}},
    {Check::UnknownAdl, {"UnknownAdl", "Free each ADL once, with the pointer that AllocateAdl returned."}},
    {Check::ChangedAdl, {"ChangedAdl", "An ADL is the system's memory: copy what has to be changed."}},
    {Check::ViewsLeft, {"ViewsLeft", "Unmap every CPU view before the object is destroyed."}},
    {Check::UnknownView, {"UnknownView", "Unmap with the pMappedAddress that Map returned, once."}},
    {Check::WrongViewSize, {"WrongViewSize", "Unmap with the Size that Map returned, not with the one it was given."}},
    {Check::WrongProcess, {"WrongProcess", "Unmap a user mode view in the process in which it was mapped."}},
    {Check::ReservedBits, {"ReservedBits", "Zero the argument structure before its members are set."}},
    {Check::MixedCacheTypes,
     {"MixedCacheTypes", "Give all objects of one page the same CacheType; what the CPU reads is undefined else.",
      false}},
    {Check::LargeUncachedView,
     {"LargeUncachedView", "Reading much through an uncached view is slow enough to trip a watchdog: cache it.",
      false}},
    {Check::ObjectsLeaked, {"ObjectsLeaked", "Destroy every physical memory object before the driver is unloaded."}},
    {Check::TrackingLeaked, {"TrackingLeaked", "Pass each hMemoryHandle to the free that belongs to its allocation."}},
    {Check::DeprecatedCallback,
     {"DeprecatedCallback", "With linear remapping use physical memory objects and ADLs in place of this callback."}},
    {Check::NotLeadAdapter, {"NotLeadAdapter", "Name the lead adapter of the linked chain."}},
    {Check::UnlockedMdl, {"UnlockedMdl", "Lock the pages of an MDL before it is mapped to the IOMMU."}},
    {Check::ChangedMdl, {"ChangedMdl", "Keep an MDL unchanged and allocated until it is unmapped from the IOMMU."}},
    {Check::UsedFreedPages,
     {"UsedFreedPages", "Wait until the GPU is done with an ADL's pages (a fence) before the ADL is freed."}},
    {Check::CpuAddressGivenToGpu,
     {"CpuAddressGivenToGpu", "Give the GPU the page numbers of an ADL, not CPU or physical addresses."}},
    {Check::UnmappedAccess, {"UnmappedAccess", "Look at the command that held this address.", false}},
    {Check::AccessDuringSwitch,
     {"AccessDuringSwitch",
      "Stop the GPU's bus accesses before BeginExclusiveAccess returns, until EndExclusiveAccess."}},
    {Check::ConflictingViews,
     {"ConflictingViews", "Map a page with one cache type at a time: what the CPU reads and writes is undefined else.",
      false}},
};

}  // namespace

const CheckText& text_of(Check check) {
    for (const Entry& entry : entries)
        if (entry.check == check) return entry.text;
    return entries[0].text;
}

}  // namespace remap::callbacks
