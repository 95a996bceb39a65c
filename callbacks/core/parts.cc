// SPDX-License-Identifier: MIT
#include "callbacks/core/parts.h"

#include "callbacks/core/backing.h"

#include <algorithm>
#include <memory>
#include <new>

namespace remap::callbacks {

namespace {

// Spreads an address over the 24 bits that tell one machine's handles from another's.
std::uint64_t tag_of(const void* machine) {
    return (reinterpret_cast<std::uintptr_t>(machine) * 0x9e37'79b9'7f4a'7c15u) >> 40;
}

}  // namespace

Dxgkrnl::Parts::Parts(const Ports& given) : ports(given), findings(given.reports), handles(tag_of(this)) {}

Dxgkrnl::Parts::~Parts() {
    while (!adapters.empty()) stop(*adapters.first());
    std::uint64_t left = 0;
    while (!objects.empty()) {
        end_mappings(*objects.first());
        end_object(*objects.first());
        ++left;
    }
    if (left == 0) return;
    findings.warn(Check::ObjectsLeaked, Text{}.add_number(left).add(" physical memory objects were never destroyed"));
}

Adapter* Dxgkrnl::Parts::find_adapter(HANDLE handle) const {
    return static_cast<Adapter*>(handles.find(HandleKind::Adapter, handle));
}

MemoryObject* Dxgkrnl::Parts::find_object(HANDLE handle) const {
    return static_cast<MemoryObject*>(handles.find(HandleKind::PhysicalMemory, handle));
}

AdapterObject* Dxgkrnl::Parts::find_adapter_object(HANDLE handle) const {
    return static_cast<AdapterObject*>(handles.find(HandleKind::AdapterMemory, handle));
}

// ---- adapters ------------------------------------------------------------------------------------------------------

bool Dxgkrnl::Parts::give_handles(Adapter& adapter) {
    for (unsigned i = 0; i < adapter.size(); ++i) {
        adapter.handles[i] = handles.insert(HandleKind::Adapter, &adapter);
        if (adapter.handles[i] == nullptr) return false;
    }
    return true;
}

void Dxgkrnl::Parts::end_adapter(Adapter& adapter) {
    for (HANDLE handle : adapter.handles)
        if (handle != nullptr) handles.remove(handle);
    delete &adapter;
}

NTSTATUS Dxgkrnl::Parts::start(const AdapterDescription& description, HANDLE* given_handles) {
    auto adapter = Adapter::make(description, ports.frames.highest_installed());
    if (!adapter) return adapter.error();
    if (!give_handles(**adapter)) {
        end_adapter(**adapter);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    adapters.add(**adapter);
    std::copy_n((*adapter)->handles.begin(), (*adapter)->size(), given_handles);
    return STATUS_SUCCESS;
}

// What the driver left is reported by kind, then taken back: lists first, so that the adapter loses its access before
// the frames find new owners.
void Dxgkrnl::Parts::stop(Adapter& adapter) {
    std::uint64_t lists = 0;
    std::uint64_t views = 0;
    std::uint64_t opened = 0;
    while (AdapterObject* left = adapter.objects.first()) {
        MemoryObject& object = left->object;
        lists += end_adls(*left);
        close(*left);
        views += end_mappings(object);
        end_object(object);
        ++opened;
    }
    if (lists != 0)
        findings.fatal(Fatal::AdlsLeaked, Text{}.add_number(lists).add(" ADLs were left when the adapter stopped"));
    if (opened != 0)
        findings.fatal(Fatal::AdapterObjectsLeaked,
                       Text{}.add_number(opened).add(" adapter memory objects were left when the adapter stopped"));
    if (views != 0)
        findings.warn(Check::ViewsLeft, Text{}.add_number(views).add(" CPU views were left when the adapter stopped"));
    if (adapter.remaps() && !adapter.view.space.whole())
        findings.fatal(Fatal::LogicalPoolLeaked, Text{}.add("logical pages were lost for want of memory"));
    adapters.remove(adapter);
    end_adapter(adapter);
}

// ---- objects -------------------------------------------------------------------------------------------------------

Result<MemoryObject*, NTSTATUS> Dxgkrnl::Parts::make_object(const CreateRequest& request) {
    auto frames = take_frames(ports.frames, request);
    if (!frames) return Failure{frames.error()};
    auto* object = new (std::nothrow) MemoryObject(request, std::move(*frames));
    if (object == nullptr) {  // then the frames were not moved: nothing was initialised
        give_frames(ports.frames, *frames);
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    }
    object->handle = handles.insert(HandleKind::PhysicalMemory, object);
    if (object->handle == nullptr) {
        give_frames(ports.frames, object->frames());
        delete object;
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    }
    objects.add(*object);
    return object;
}

// The object is closed and has no views.
void Dxgkrnl::Parts::end_object(MemoryObject& object) {
    objects.remove(object);
    handles.remove(object.handle);
    give_frames(ports.frames, object.frames());
    delete &object;
}

void Dxgkrnl::Parts::warn_of_mixed_cache_types(const MemoryObject& object) {
    for (const MemoryObject* other = objects.first(); other != nullptr; other = other->next) {
        if (other == &object || other->cache() == object.cache() || !object.overlaps_io(*other)) continue;
        findings.warn(Check::MixedCacheTypes,
                      about(object).add("its IO range overlaps one with another cache type; what the CPU then reads is "
                                        "undefined"));
        return;
    }
}

Result<AdapterObject*, NTSTATUS> Dxgkrnl::Parts::open(Adapter& adapter, MemoryObject& object) {
    std::unique_ptr<AdapterObject> opened(new (std::nothrow) AdapterObject(adapter, object));
    if (!opened) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    opened->handle = handles.insert(HandleKind::AdapterMemory, opened.get());
    if (opened->handle == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    adapter.objects.add(*opened);
    object.opened = opened.get();
    return opened.release();
}

// No list of it is left.
void Dxgkrnl::Parts::close(AdapterObject& opened) {
    opened.adapter.objects.remove(opened);
    opened.object.opened = nullptr;
    handles.remove(opened.handle);
    delete &opened;
}

// ---- lists and views -----------------------------------------------------------------------------------------------

void Dxgkrnl::Parts::end_adl(AdapterObject& opened, Adl& adl) {
    opened.adls.remove(adl);
    Adl::end(&adl);  // what is lost for want of memory is reported when the adapter stops
}

std::uint64_t Dxgkrnl::Parts::end_adls(AdapterObject& opened) {
    std::uint64_t count = 0;
    for (; !opened.adls.empty(); ++count) end_adl(opened, *opened.adls.first());
    return count;
}

std::uint64_t Dxgkrnl::Parts::end_mappings(MemoryObject& object) {
    std::uint64_t count = 0;
    while (CpuMapping* mapping = object.mappings.first()) {
        object.mappings.remove(*mapping);
        end_mapping(ports.views, mapping);
        ++count;
    }
    return count;
}

}  // namespace remap::callbacks
