// SPDX-License-Identifier: MIT
#include "callbacks/core/parts.h"

#include "callbacks/core/backing.h"

#include <algorithm>
#include <memory>
#include <new>

namespace remap::callbacks {

namespace {

// Spreads an address over the 20 bits that tell one machine's handles from another's.
std::uint64_t tag_of(const void* machine) {
    return (reinterpret_cast<std::uintptr_t>(machine) * 0x9e37'79b9'7f4a'7c15u) >> 44;
}

}  // namespace

Dxgkrnl::Parts::Parts(const Ports& given, const VerifierOptions& chosen, Failures& asked)
    : ports(given), options(chosen), failures(asked), handles(tag_of(this)) {}

Dxgkrnl::Parts::~Parts() {
    Findings findings({Callback::StopAdapter, nullptr});
    while (!adapters.empty()) stop(*adapters.first(), findings);
    std::uint64_t left = 0;
    for (List<MemoryObject>* list : {&objects, &io_objects}) {
        for (; !list->empty(); ++left) {
            end_mappings(*list->first());
            end_object(*list->first());
        }
    }
    if (left != 0)
        findings.add(Check::ObjectsLeaked,
                     Text{}.add_number(left).add(" physical memory objects were never destroyed"));
    findings.deliver(ports.reports, options.enabled);
}

// ---- handles -------------------------------------------------------------------------------------------------------

Adapter* Dxgkrnl::Parts::find_adapter(HANDLE handle) const {
    return static_cast<Adapter*>(handles.find(HandleKind::Adapter, handle));
}

MemoryObject* Dxgkrnl::Parts::find_object(HANDLE handle) const {
    return static_cast<MemoryObject*>(handles.find(HandleKind::PhysicalMemory, handle));
}

void Dxgkrnl::Parts::report_handle(HandleKind kind, HANDLE handle, Findings& findings, bool strict) const {
    Text text;
    text.add("handle ").add_pointer(handle);
    const Subject subject{reinterpret_cast<std::uintptr_t>(handle), 0};
    switch (handles.state(kind, handle)) {
        case HandleState::Live: return;
        case HandleState::OtherKind:
            return findings.add(Check::InvalidObjectType, text.add(" is of another kind of object"), subject);
        case HandleState::Ended:
            return findings.add(Check::UseAfterClose, text.add(" is of something that is gone"), subject);
        case HandleState::Unknown:
            if (strict) findings.add(Check::UnknownHandle, text.add(" was never handed out"), subject);
            return;
    }
}

MemoryObject* Dxgkrnl::Parts::find_object(HANDLE handle, Findings& findings, bool strict) const {
    report_handle(HandleKind::PhysicalMemory, handle, findings, strict);
    MemoryObject* object = find_object(handle);
    if (object != nullptr) findings.concerns(object->subject());
    return object;
}

AdapterObject* Dxgkrnl::Parts::find_adapter_object(HANDLE handle, Findings& findings, bool strict) const {
    report_handle(HandleKind::AdapterMemory, handle, findings, strict);
    auto* opened = static_cast<AdapterObject*>(handles.find(HandleKind::AdapterMemory, handle));
    if (opened != nullptr) findings.concerns(opened->object.subject());
    return opened;
}

TrackedMemory* Dxgkrnl::Parts::find_tracked(HANDLE handle, Findings& findings) const {
    report_handle(HandleKind::TrackedMemory, handle, findings, true);
    auto* tracked = static_cast<TrackedMemory*>(handles.find(HandleKind::TrackedMemory, handle));
    if (tracked != nullptr) findings.concerns(tracked->subject());
    return tracked;
}

// ---- adapters ------------------------------------------------------------------------------------------------------

bool Dxgkrnl::Parts::give_handles(Adapter& adapter) {
    for (unsigned i = 0; i < adapter.size(); ++i) {
        adapter.handles[i] = handles.insert(HandleKind::Adapter, &adapter);
        if (adapter.handles[i] == nullptr) return false;
    }
    return true;
}

bool Dxgkrnl::Parts::end_adapter(Adapter& adapter) {
    for (HANDLE handle : adapter.handles)
        if (handle != nullptr) handles.remove(handle);
    return Adapter::end(&adapter, ports.frames);
}

NTSTATUS Dxgkrnl::Parts::start(const AdapterDescription& description, HANDLE* given_handles) {
    auto adapter = Adapter::make(description, ports.frames, options.enabled, ports.witness);
    if (!adapter) return adapter.error();
    if (!give_handles(**adapter)) {
        (void)end_adapter(**adapter);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    adapters.add(**adapter);
    std::copy_n((*adapter)->handles.begin(), (*adapter)->size(), given_handles);
    return STATUS_SUCCESS;
}

// What the driver left is reported by kind, then taken back: lists first, so that the adapter loses its access before
// the frames find new owners.
void Dxgkrnl::Parts::stop(Adapter& adapter, Findings& findings) {
    check_dma(adapter, findings);
    std::uint64_t lists = 0;
    std::uint64_t views = 0;
    std::uint64_t opened = 0;
    std::uint64_t tracked = 0;
    for (; !adapter.tracked.empty(); ++tracked) end_tracked(*adapter.tracked.first(), findings.caller());
    for (; AdapterObject* left = adapter.objects.first(); ++opened) {
        MemoryObject& object = left->object;
        lists += end_adls(*left, findings.caller());
        close(*left);
        views += end_mappings(object);
        end_object(object);
    }
    const auto leaked = [&](Check check, std::uint64_t count, const char* what) {
        if (count != 0) findings.add(check, Text{}.add_number(count).add(what).add(" left when the adapter stopped"));
    };
    leaked(Check::AdlsLeaked, lists, " ADLs were");
    leaked(Check::AdapterObjectsLeaked, opened, " adapter memory objects were");
    leaked(Check::ViewsLeft, views, " CPU views were");
    leaked(Check::TrackingLeaked, tracked, " allocations of the older callbacks were");
    adapters.remove(adapter);
    if (!end_adapter(adapter))
        findings.add(Check::LogicalPoolLeaked, Text{}.add("logical pages were lost for want of memory"));
}

// ---- objects -------------------------------------------------------------------------------------------------------

List<MemoryObject>& Dxgkrnl::Parts::list_of(const MemoryObject& object) {
    return object.type() == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE ? io_objects : objects;
}

Result<MemoryObject*, NTSTATUS> Dxgkrnl::Parts::make_object(const CreateRequest& request) {
    auto frames = take_frames(ports.frames, request);
    if (!frames) return Failure{frames.error()};
    auto* object = new (std::nothrow) MemoryObject(request, std::move(*frames));
    if (object == nullptr) {  // then the frames were not moved: nothing was initialised
        give_frames(ports.frames, request, *frames);
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    }
    object->handle = handles.insert(HandleKind::PhysicalMemory, object);
    if (object->handle == nullptr) {
        give_frames(ports.frames, request, object->frames());
        delete object;
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    }
    list_of(*object).add(*object);
    if (object->type() == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) {
        const std::uint64_t first = object->frames()[0].number;
        io_ranges_of(*object).add(*object, first, first + (object->frames().size() - 1));
    }
    object->number = ++last_number_;
    if (ports.witness != nullptr) ports.witness->object_made(object->witnessed(), object->frames());
    return object;
}

// The object is closed and has no views.
void Dxgkrnl::Parts::end_object(MemoryObject& object) {
    list_of(object).remove(object);
    if (object.type() == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) io_ranges_of(object).remove(object);
    handles.remove(object.handle);
    if (ports.witness != nullptr) ports.witness->object_ended(object.witnessed());
    give_frames(ports.frames, object.request(), object.frames());
    delete &object;
}

// Takes down what the driver left of an object that is about to go; `closes`: the driver closes it in the same call.
void Dxgkrnl::Parts::end_uses(MemoryObject& object, bool closes, Findings& findings) {
    const auto left = [&](Check check, std::uint64_t count, const char* what) {
        if (count != 0)
            findings.add(check, Text{}.add("destroyed while ").add_number(count).add(what), object.subject());
    };
    if (AdapterObject* opened = object.opened) {
        check_dma(opened->adapter, findings);
        left(Check::UnlockedUnderAdls, end_adls(*opened, findings.caller()), " ADLs of it exist");
        left(Check::AdapterObjectsLeaked, closes ? 0 : 1, " adapter memory object of it is open");
        close(*opened);
    }
    left(Check::ViewsLeft, end_mappings(object), " CPU views of it exist");
}

void Dxgkrnl::Parts::warn_of_mixed_cache_types(const MemoryObject& object, Findings& findings) {
    const std::uint64_t first = object.frames()[0].number;
    for (const IntervalTree<MemoryObject>& ranges : io_ranges) {
        const MemoryObject* other = ranges.find(first, first + (object.frames().size() - 1));
        if (other == nullptr || other->cache() == object.cache()) continue;
        findings.add(Check::MixedCacheTypes,
                     Text{}
                         .add("the IO range overlaps that of the object with context ")
                         .add_hex(other->context())
                         .add(", which has another cache type"),
                     object.subject());
        return;
    }
}

void Dxgkrnl::Parts::warn_of_conflicting_views(const AuditedView& view, Findings& findings) {
    const auto conflict = ports.views.audit.conflict_of(view);
    if (!conflict) return;
    Text text;
    describe(view.live(), *conflict, text);
    findings.add(Check::ConflictingViews, text, view.live().origin.object);
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

void Dxgkrnl::Parts::end_adl(AdapterObject& opened, Adl& adl, const Caller& caller) {
    opened.remove(adl);
    // What is lost for want of memory is reported when the adapter stops.
    (void)Adl::end(&adl, opened.object.subject(), caller);
}

std::uint64_t Dxgkrnl::Parts::end_adls(AdapterObject& opened, const Caller& caller) {
    std::uint64_t count = 0;
    for (; !opened.adls.empty(); ++count) end_adl(opened, *opened.adls.first(), caller);
    return count;
}

std::uint64_t Dxgkrnl::Parts::end_mappings(MemoryObject& object) {
    std::uint64_t count = 0;
    while (CpuMapping* mapping = object.mappings.first()) {
        object.remove(*mapping);
        end_mapping(ports.views, mapping);
        ++count;
    }
    return count;
}

}  // namespace remap::callbacks
