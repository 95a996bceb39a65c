// SPDX-License-Identifier: MIT
// What the verifier finds in a GPU's accesses that the IOMMU refused.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

using callbacks::Check;
using callbacks::DmaMode;

namespace {

struct Listed2 {
    CreateArgs object;
    Listed listed;
};

Listed2 object_with_list(Adapter& adapter, ULONG_PTR context) {
    Listed2 made{mdl(adapter, 2 * page_size), {}};
    made.object.Context = context;
    REQUIRE_EQ(create(adapter, made.object), STATUS_SUCCESS);
    made.listed = list(adapter, made.object.hAdapterMemoryObject, 0, 2 * page_size);
    REQUIRE_EQ(made.listed.status, STATUS_SUCCESS);
    return made;
}

}  // namespace

RULE(gpu_use_of_freed_pages_is_reported,
     "A GPU that uses pages after FreeAdl is reported, with the object whose pages they were.",
     "ours: authors of drivers asked for it") {
    for (const DmaMode mode : {DmaMode::Remapping, DmaMode::Isolation}) {
        Adapter& adapter = bench.start(bench.wish(mode));
        const auto [object, listed] = object_with_list(adapter, 0xabc0 + static_cast<unsigned>(mode));
        const LogicalAddress second = listed[1];
        free(adapter, object.hAdapterMemoryObject, listed.adl);
        EXPECT(!adapter.gpu().write(second, 1));
        const auto stop = bench.look_at_faults(adapter);
        EXPECT_STOP(stop, UsedFreedPages, DmaFault);
        EXPECT_EQ(stop->object, reinterpret_cast<std::uintptr_t>(object.hPhysicalMemoryObject));
        EXPECT_EQ(stop->context, 0xabc0 + static_cast<unsigned>(mode));
        destroy(adapter, object);
    }
}

RULE(gpu_use_of_freed_pages_is_found_by_the_next_call,
     "What the GPU did to freed pages is found at the latest by the next FreeAdl, Close, Destroy or stop.",
     "ours: a driver that never asks is told too") {
    Adapter& adapter = bench.start();
    const Listed2 made = object_with_list(adapter, 1);
    const CreateArgs& object = made.object;
    const Listed& listed = made.listed;
    const LogicalAddress first = listed[0];
    (void)adapter.gpu().write(first, 1);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    EXPECT(!adapter.gpu().write(first, 1));
    const auto destroyed = bench.stop_in([&] { destroy(adapter, object); });
    EXPECT_STOP(destroyed, UsedFreedPages, DestroyPhysicalMemoryObject);
}

RULE(freed_logical_pages_rest, "Logical pages that were freed are not handed out at once again.",
     "ours: so that a GPU that uses them is caught, and finds nobody's data") {
    Adapter& adapter = bench.start();
    const auto [object, listed] = object_with_list(adapter, 1);
    const LogicalAddress first = listed[0];
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    for (unsigned round = 0; round < 5; ++round) {
        const Listed again = list(adapter, object.hAdapterMemoryObject, 0, 2 * page_size);
        REQUIRE_EQ(again.status, STATUS_SUCCESS);
        EXPECT(again[0] != first && again[1] != first);
        free(adapter, object.hAdapterMemoryObject, again.adl);
    }
    EXPECT(bench.refuses(adapter, first));
    destroy(adapter, object);
}

RULE(a_cpu_address_is_no_address_of_the_gpu, "A virtual address of the CPU given to the GPU is reported.",
     "DXGK_ADL; ours: the check") {
    for (const DmaMode mode : {DmaMode::Remapping, DmaMode::Isolation}) {
        Adapter& adapter = bench.start(bench.wish(mode));
        const auto [object, listed] = object_with_list(adapter, 0x77);
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, 2 * page_size, DXGK_ACCESS_MODE_USER_MODE);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        EXPECT(!adapter.gpu().write({reinterpret_cast<std::uintptr_t>(view.base) + page_size}, 1));
        const auto stop = bench.look_at_faults(adapter);
        EXPECT_STOP(stop, CpuAddressGivenToGpu, DmaFault);
        EXPECT_EQ(stop->context, 0x77);
        unmap(adapter, object.hPhysicalMemoryObject, view);
        free(adapter, object.hAdapterMemoryObject, listed.adl);
        destroy(adapter, object);
    }
}

RULE(a_physical_address_is_no_address_of_a_remapped_gpu,
     "With remapping the physical address of an object's page given to the GPU is reported.",
     "IOMMU DMA remapping; ours: the check") {
    Adapter& adapter = bench.start();
    const auto [object, listed] = object_with_list(adapter, 0x78);
    const PhysicalPage frame = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 1);
    EXPECT(!adapter.gpu().read({frame.address().value}).has_value());
    const auto stop = bench.look_at_faults(adapter);
    EXPECT_STOP(stop, CpuAddressGivenToGpu, DmaFault);
    EXPECT_EQ(stop->context, 0x78);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(other_refused_accesses_earn_a_warning, "A GPU's access to an address that means nothing earns a warning.",
     "ours: hardware goes on, with a fault record that nobody reads") {
    Adapter& adapter = bench.start();
    EXPECT(!adapter.gpu().write({0x12'3456'7000}, 1));
    EXPECT(!bench.look_at_faults(adapter).has_value());
    EXPECT(bench.warning() == Check::UnmappedAccess);
    EXPECT(!bench.look_at_faults(adapter).has_value());
    EXPECT(!bench.warning().has_value());  // once
}

}  // namespace remap::rules
