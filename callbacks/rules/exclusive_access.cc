// SPDX-License-Identifier: MIT
// The domain is switched between BeginExclusiveAccess and EndExclusiveAccess.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"
#include "callbacks/rules/older_calls.h"

#include <utility>

namespace remap::rules {

using callbacks::DmaMode;

namespace {

// A driver that is told, and looks whether its GPU reaches a page at that moment.
class Driver final : public callbacks::DriverPort {
public:
    NTSTATUS begin_exclusive_access() override {
        ++begun;
        order_is_right &= begun == ended + 1;
        if (Bench* const bench = std::exchange(again, nullptr))
            nested = bench->dxgkrnl().switch_domain(adapter->handle());
        return begin_status;
    }
    NTSTATUS end_exclusive_access() override {
        ++ended;
        order_is_right &= begun == ended;
        return STATUS_SUCCESS;
    }

    unsigned begun = 0;
    unsigned ended = 0;
    bool order_is_right = true;
    NTSTATUS begin_status = STATUS_SUCCESS;
    NTSTATUS nested = STATUS_SUCCESS;
    Bench* again = nullptr;  // switches once more from inside
    Adapter* adapter = nullptr;
};

// In physical mode, with a driver that supports isolation.
AdapterWish isolation_later(Bench& bench) {
    AdapterWish wish = bench.wish(DmaMode::Physical);
    wish.caps.IommuIsolationSupported = 1;
    return wish;
}

// Refuses to attach a domain when it is told to, and is no IOMMU at all else.
class BrokenDma final : public callbacks::DmaPort {
public:
    bool map(LogicalPage, PhysicalPage, std::uint64_t) override { return true; }
    void unmap(LogicalPage, std::uint64_t) override {}
    unsigned address_width() const override { return 48; }
    bool attach(callbacks::Attachment to) override { return !broken || to != callbacks::Attachment::Domain; }
    std::optional<callbacks::DmaFault> take_fault() override { return std::nullopt; }
    bool broken = false;
};

}  // namespace

RULE_IN_EACH_MODE(a_switch_is_between_begin_and_end,
                  "The system calls BeginExclusiveAccess, switches the domain, and calls EndExclusiveAccess.",
                  "DXGKDDI_BEGINEXCLUSIVEACCESS; DXGKDDI_ENDEXCLUSIVEACCESS") {
    Driver driver;
    AdapterWish wish = bench.remaps() ? bench.wish() : isolation_later(bench);
    wish.driver = &driver;
    Adapter& adapter = bench.start(wish);
    EXPECT_EQ(driver.begun, 0);
    EXPECT_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT_EQ(driver.begun, 1);
    EXPECT_EQ(driver.ended, 1);
    EXPECT(driver.order_is_right);
}

RULE(isolation_is_turned_on_with_live_allocations,
     "When isolation is turned on at run time, what is allocated stays reachable, and nothing else is.",
     "IOMMU-based GPU isolation") {
    Adapter& adapter = bench.start(isolation_later(bench));
    CreateArgs object = mdl(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, page_size, 2 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    const PhysicalPage last = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 3);
    EXPECT(adapter.gpu().write({last.address().value}, 1));
    EXPECT(bench.dxgkrnl().mode(adapter.handle()) == DmaMode::Physical);

    REQUIRE_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT(bench.dxgkrnl().mode(adapter.handle()) == DmaMode::Isolation);
    EXPECT(adapter.gpu().write(listed[0], 0x71));
    EXPECT(adapter.gpu().write(listed[1], 0x72));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 2)), 0x72);
    EXPECT(bench.refuses(adapter, {last.address().value}));

    const LogicalAddress freed = listed[0];
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    EXPECT(bench.refuses(adapter, freed));
    destroy(adapter, object);
}

RULE(memory_of_older_callbacks_is_isolated_too,
     "What the older callbacks gave stays reachable when isolation turns on.", "IOMMU-based GPU isolation") {
    Adapter& adapter = bench.start(isolation_later(bench));
    // Limits that leave one place only, so that it is known where the memory is.
    auto memory = contiguous_memory(2 * page_size);
    memory.LowestAcceptableAddress = at(0xc80'0000);
    memory.HighestAcceptableAddress = at(0xc80'0000 + 2 * page_size - 1);
    REQUIRE_EQ(adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), &memory), STATUS_SUCCESS);
    REQUIRE_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT(adapter.gpu().write({0xc80'1000}, 0x5d));
    EXPECT_EQ(static_cast<volatile std::uint8_t*>(memory.pMemory)[page_size], 0x5d);
    const DXGKARGCB_FREECONTIGUOUSMEMORY end{memory.hMemoryHandle};
    EXPECT_EQ(adapter->DxgkCbFreeContiguousMemory(adapter.handle(), &end), STATUS_SUCCESS);
}

RULE(a_domain_is_given_again_as_it_was,
     "A domain that is taken away and given again, as across a power transition, "
     "holds what it held.",
     "IOMMU DMA remapping; DXGKDDI_BEGINEXCLUSIVEACCESS") {
    for (const DmaMode mode : {DmaMode::Remapping, DmaMode::Isolation}) {
        Adapter& adapter = bench.start(bench.wish(mode));
        CreateArgs object = mdl(adapter, page_size);
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, page_size);
        REQUIRE_EQ(listed.status, STATUS_SUCCESS);
        const LogicalAddress address = listed[0];
        REQUIRE_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
        EXPECT(bench.dxgkrnl().mode(adapter.handle()) == mode);
        EXPECT(adapter.gpu().write(address, 0x45));
        EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0)), 0x45);
        free(adapter, object.hAdapterMemoryObject, listed.adl);
        EXPECT(bench.refuses(adapter, address));
        destroy(adapter, object);
    }
}

RULE_IN_EACH_MODE(a_gpu_that_is_not_silent_is_caught,
                  "Between Begin and EndExclusiveAccess the GPU does not touch system memory.",
                  "DXGKDDI_BEGINEXCLUSIVEACCESS") {
    Adapter& adapter = bench.start(bench.remaps() ? bench.wish() : isolation_later(bench));
    constexpr std::uint64_t bytes = 4 << 20;
    CreateArgs object = contiguous(adapter, bytes);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, bytes, prefer_contiguous);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    // A GPU whose thread of the host does not run for so long is silent: then it is tried again.
    std::optional<Bugcheck> stop;
    for (unsigned attempt = 0; attempt < 20 && !stop; ++attempt) {
        adapter.gpu().keep_busy(listed[0], bytes);
        stop = bench.stop_in([&] { bench.dxgkrnl().switch_domain(adapter.handle()); });
    }
    EXPECT_STOP(stop, AccessDuringSwitch, SwitchDomain);
    adapter.stop_gpus();
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(a_driver_that_refuses_is_not_switched, "When BeginExclusiveAccess fails nothing is switched.",
     "ours: the page leaves it open") {
    Driver driver;
    driver.begin_status = STATUS_DEVICE_BUSY;
    AdapterWish wish = isolation_later(bench);
    wish.driver = &driver;
    Adapter& adapter = bench.start(wish);
    EXPECT_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_DEVICE_BUSY);
    EXPECT(bench.dxgkrnl().mode(adapter.handle()) == DmaMode::Physical);
    EXPECT_EQ(driver.ended, 0);
}

RULE(one_switch_at_a_time, "An adapter is not switched while it is being switched.", "ours: the page leaves it open") {
    Driver driver;
    AdapterWish wish = bench.wish();
    wish.driver = &driver;
    Adapter& adapter = bench.start(wish);
    driver.again = &bench;
    driver.adapter = &adapter;
    EXPECT_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT_EQ(driver.nested, STATUS_DEVICE_BUSY);
    EXPECT_EQ(driver.begun, 1);
}

RULE(isolation_needs_the_drivers_support, "Isolation is turned on for drivers with IommuIsolationSupported only.",
     "DXGK_IOMMU_CAPS") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Physical));
    EXPECT_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_NOT_SUPPORTED);
    EXPECT(bench.dxgkrnl().mode(adapter.handle()) == DmaMode::Physical);
}

RULE(a_domain_that_cannot_be_attached_again_is_a_bugcheck, "A failed re-attach of the domain stops the system.",
     "bug check 0x1E4, parameter 0xA") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    callbacks::Dxgkrnl plain({ports.frames, ports.views, ports.execution, kept});
    BrokenDma dma;
    const AdapterWish wish = bench.wish();
    HANDLE handle = nullptr;
    REQUIRE_EQ(
        plain.start_adapter(
            {.highest_visible = wish.highest_visible, .iommu = wish.caps, .map_aperture2 = true, .dma = &dma}, &handle),
        STATUS_SUCCESS);
    EXPECT_EQ(plain.switch_domain(handle), STATUS_SUCCESS);
    EXPECT(kept.all().empty());
    dma.broken = true;
    EXPECT_EQ(plain.switch_domain(handle), STATUS_DEVICE_CONFIGURATION_ERROR);
    REQUIRE_EQ(kept.all().size(), 1);
    EXPECT(kept.all()[0].check == callbacks::Check::ReattachFailed);
    EXPECT_EQ(kept.all()[0].code, 0x1e4);
    plain.stop_adapter(handle);
}

}  // namespace remap::rules
