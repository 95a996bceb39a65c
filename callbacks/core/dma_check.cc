// SPDX-License-Identifier: MIT
// Explains what the IOMMU refused an adapter: whose page it was, or what kind of address the GPU was given.
#include "callbacks/core/parts.h"

namespace remap::callbacks {

namespace {

// Records that one look takes: a GPU that faults without end does not hold the callbacks up.
constexpr unsigned most_faults = 16;

bool has_frame(const MemoryObject& object, PhysicalPage page) {
    return !object.frames().for_each_run(
        [&](FrameRun run) { return page < run.first || page - run.first >= run.pages; });
}

Text access(const DmaFault& fault) {
    return Text{}.add(fault.write ? "the GPU wrote to " : "the GPU read ").add_hex(fault.address.value);
}

struct Explainer {
    const DmaFault& fault;
    Findings& findings;

    bool by_freed_pages(const FreedPages& freed) const {
        const FreedPages::Entry* entry = freed.find(fault.address.page().number);
        if (entry == nullptr) return false;
        findings.add(Check::UsedFreedPages,
                     access(fault)
                         .add(", which ")
                         .add(name_of(entry->caller.callback))
                         .add(" called from ")
                         .add_pointer(entry->caller.address)
                         .add(" had freed"),
                     entry->subject);
        return true;
    }

    bool by_objects(const List<MemoryObject>& objects) const {
        for (const MemoryObject* object = objects.first(); object != nullptr; object = object->next) {
            const bool view = object->view_at(fault.address.value) != nullptr;
            if (!view && !has_frame(*object, {fault.address.page().number})) continue;
            findings.add(Check::CpuAddressGivenToGpu,
                         access(fault).add(view ? ", where the CPU has a view of the object"
                                                : ", which is the object's physical address"),
                         object->subject());
            return true;
        }
        return false;
    }
};

}  // namespace

void Dxgkrnl::Parts::check_dma(Adapter& adapter, Findings& findings) {
    DmaPort* port = adapter.view.port();
    if (port == nullptr) return;
    for (unsigned i = 0; i < most_faults; ++i) {
        const auto fault = port->take_fault();
        if (!fault) return;
        const Explainer explainer{*fault, findings};
        if (explainer.by_freed_pages(adapter.view.freed()) || explainer.by_objects(objects) ||
            explainer.by_objects(io_objects))
            continue;
        findings.add(Check::UnmappedAccess, access(*fault).add(", where nothing is mapped"));
    }
}

}  // namespace remap::callbacks
