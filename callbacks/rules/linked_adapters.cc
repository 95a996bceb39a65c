// SPDX-License-Identifier: MIT
// Several linked GPUs are one logical adapter, with one domain.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

using callbacks::DmaMode;

namespace {

AdapterWish linked(Bench& bench) {
    AdapterWish wish = bench.wish();
    wish.chain = 2;
    return wish;
}

}  // namespace

RULE_IN_EACH_MODE(linked_gpus_share_one_domain,
                  "All physical adapters of a chain reach what is listed for one of them.",
                  "IOMMU DMA remapping; DXGKCB_OPENPHYSICALMEMORYOBJECT") {
    Adapter& adapter = bench.start(linked(bench));
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT(adapter.gpu(0).write(listed[0], 0x10));
    EXPECT_EQ(adapter.gpu(1).read(listed[0]), std::optional<std::uint8_t>{0x10});
    const LogicalAddress address = listed[0];
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    for (const unsigned n : {0u, 1u}) {
        EXPECT_EQ(!adapter.gpu(n).write(address, 0), bench.guarded());
        (void)bench.look_at_faults(adapter);
    }
    destroy(adapter, object);
}

RULE(any_linked_gpu_may_be_named, "Create and Open may name any physical adapter of the chain: they are one.",
     "DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start(linked(bench));
    REQUIRE(adapter.handle(0) != adapter.handle(1));
    CreateArgs object = mdl(adapter, page_size);
    object.hAdapter = adapter.handle(1);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(open(adapter, object.hPhysicalMemoryObject, adapter.handle(0)).status, STATUS_INVALID_DEVICE_STATE);
    close(adapter, object.hAdapterMemoryObject);
    const Opened opened = open(adapter, object.hPhysicalMemoryObject, adapter.handle(1));
    REQUIRE_EQ(opened.status, STATUS_SUCCESS);
    destroy(adapter, object.hPhysicalMemoryObject, opened.handle);
}

RULE(each_linked_gpu_has_an_interface_of_its_own, "Each physical adapter gets its own DeviceHandle.",
     "DXGKRNL_INTERFACE") {
    Adapter& adapter = bench.start(linked(bench));
    EXPECT_EQ(adapter.callbacks(0).DeviceHandle, adapter.handle(0));
    EXPECT_EQ(adapter.callbacks(1).DeviceHandle, adapter.handle(1));
}

RULE(the_least_limit_of_a_chain_counts, "Of a chain's limits the minimum is the logical adapter's.",
     "IOMMU DMA remapping") {
    const PhysicalAddress limits[] = {{(std::uint64_t{1} << 40) - 1}, {(1 << 24) - 1}};
    for (const bool swapped : {false, true}) {
        const PhysicalAddress each[] = {limits[swapped], limits[!swapped]};
        AdapterWish wish = linked(bench);
        wish.highest_visible = each;
        EXPECT_EQ(bench.try_start(wish), STATUS_SUCCESS);
        wish.caps.DmaRemappingSupported = 0;
        EXPECT_EQ(bench.try_start(wish), STATUS_DEVICE_CONFIGURATION_ERROR);
    }
    AdapterWish wish = linked(bench);
    wish.highest_visible = limits;
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 64 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 64 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 64; ++i) EXPECT(listed[i].value < 1 << 24);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(logical_adapters_have_domains_of_their_own, "A logical adapter reaches nothing of another one.",
     "IOMMU DMA remapping") {
    Adapter& one = bench.start();
    Adapter& two = bench.start();
    CreateArgs object = mdl(one, 4 * page_size);
    REQUIRE_EQ(create(one, object), STATUS_SUCCESS);
    const Mapped view = map(one, object.hPhysicalMemoryObject, 0, 4 * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    const Listed listed = list(one, object.hAdapterMemoryObject, 0, 4 * page_size, prefer_contiguous);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    (void)one.gpu();
    EXPECT(one.gpu().write(listed[2], 0x99));
    // The same number names a page of the other adapter, or none.
    if (!two.gpu().write(listed[2], 0x98)) (void)bench.look_at_faults(two);
    EXPECT_EQ(view[2 * page_size], 0x99);
    unmap(one, object.hPhysicalMemoryObject, view);
    free(one, object.hAdapterMemoryObject, listed.adl);
    destroy(one, object);
}

RULE(any_handle_of_a_chain_stops_it, "A logical adapter stops as a whole.", "ours: the page leaves it open") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    callbacks::Dxgkrnl plain({ports.frames, ports.views, ports.execution, kept});
    const PhysicalAddress all[] = {{~std::uint64_t{0}}, {~std::uint64_t{0}}};
    HANDLE handles[2] = {};
    REQUIRE_EQ(plain.start_adapter({.highest_visible = all, .preferred = DmaMode::Physical}, handles), STATUS_SUCCESS);
    plain.stop_adapter(handles[1]);
    EXPECT(!plain.mode(handles[0]).has_value());
    EXPECT(kept.all().empty());
}

}  // namespace remap::rules
