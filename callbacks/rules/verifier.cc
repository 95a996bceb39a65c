// SPDX-License-Identifier: MIT
// What the verifier finds in a driver's calls: IRQL, arguments, handles, lists, and what is left at the end.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"
#include "callbacks/rules/older_calls.h"

namespace remap::rules {

using callbacks::Callback;
using callbacks::Check;

namespace {

constexpr unsigned eight = 8;

// Calls the n-th of the eight with handles that name nothing that lives.
void call_any(const Adapter& adapter, unsigned n, HANDLE handle) {
    switch (n) {
        case 0: {
            CreateArgs args = mdl(adapter, page_size);
            args.hAdapter = handle;
            (void)create(adapter, args);
            break;
        }
        case 1: destroy(adapter, handle, nullptr); break;
        case 2: (void)map(adapter, handle, 0, page_size); break;
        case 3: unmap(adapter, handle, &n, page_size); break;
        case 4: (void)list(adapter, handle, 0, page_size); break;
        case 5: free(adapter, handle, nullptr); break;
        case 6: (void)open(adapter, handle, adapter.handle()); break;
        default: close(adapter, handle); break;
    }
}

struct OpenObject {
    explicit OpenObject(const Adapter& adapter) : args(mdl(adapter, 2 * page_size)) {
        REQUIRE_EQ(create(adapter, args), STATUS_SUCCESS);
    }
    CreateArgs args;
    HANDLE object() const { return args.hPhysicalMemoryObject; }
    HANDLE opened() const { return args.hAdapterMemoryObject; }
};

}  // namespace

RULE(callbacks_are_called_at_apc_level_or_below,
     "All callbacks are called at IRQL APC_LEVEL or below; at DISPATCH_LEVEL the machine stops.",
     "DXGKCB_CREATEPHYSICALMEMORYOBJECT and the others; WDDM 3.2") {
    Adapter& adapter = bench.start(bench.wish(callbacks::DmaMode::Isolation));
    for (unsigned n = 0; n < callbacks::callback_count; ++n) {
        const auto stop = bench.stop_in([&] {
            const AtIrql scope(bench, DISPATCH_LEVEL);
            if (n < eight) return call_any(adapter, n, adapter.handle());
            if (n < eight + older_callbacks) return call_older(adapter, n - eight);
            DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin{};
            (void)adapter->DxgkCbPinFrameBufferForSave2(adapter.handle(), &pin);
        });
        bench.machine().set_irql(PASSIVE_LEVEL);
        REQUIRE(stop.has_value());
        EXPECT(stop->check == Check::WrongIrql);
        EXPECT_EQ(static_cast<unsigned>(stop->callback), n);
    }
}

RULE(callbacks_may_be_called_at_apc_level, "Drivers call while they hold a fast mutex, that is at APC_LEVEL.",
     "ours: seen in shipping drivers") {
    Adapter& adapter = bench.start();
    const AtIrql scope(bench, APC_LEVEL);
    driver::Allocation memory;
    EXPECT_EQ(memory.make(adapter.callbacks(), {.bytes = 3 * page_size}), STATUS_SUCCESS);
    memory.release();
}

RULE(a_null_argument_is_refused_or_reported,
     "A null argument is STATUS_INVALID_PARAMETER, or a report where the callback has no status.",
     "ours: no page says what happens") {
    Adapter& adapter = bench.start();
    EXPECT_EQ(adapter->DxgkCbCreatePhysicalMemoryObject(nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(adapter->DxgkCbMapPhysicalMemory(nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(adapter->DxgkCbAllocateAdl(nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(adapter->DxgkCbOpenPhysicalMemoryObject(nullptr), STATUS_INVALID_PARAMETER);
    const auto destroyed = bench.stop_in([&] { adapter->DxgkCbDestroyPhysicalMemoryObject(nullptr); });
    EXPECT_STOP(destroyed, NullArgument, DestroyPhysicalMemoryObject);
    const auto unmapped = bench.stop_in([&] { adapter->DxgkCbUnmapPhysicalMemory(nullptr); });
    EXPECT_STOP(unmapped, NullArgument, UnmapPhysicalMemory);
    const auto freed = bench.stop_in([&] { adapter->DxgkCbFreeAdl(nullptr); });
    EXPECT_STOP(freed, NullArgument, FreeAdl);
    const auto closed = bench.stop_in([&] { adapter->DxgkCbClosePhysicalMemoryObject(nullptr); });
    EXPECT_STOP(closed, NullArgument, ClosePhysicalMemoryObject);
}

RULE(handles_that_were_never_given_are_refused,
     "A handle that was never handed out is STATUS_INVALID_HANDLE, or a report where the callback has no status.",
     "ours: no page says what happens") {
    Adapter& adapter = bench.start();
    const HANDLE nothing = reinterpret_cast<HANDLE>(std::uintptr_t{0x1230});
    EXPECT_EQ(map(adapter, nothing, 0, page_size).status, STATUS_INVALID_HANDLE);
    EXPECT_EQ(list(adapter, nothing, 0, page_size).status, STATUS_INVALID_HANDLE);
    EXPECT_EQ(open(adapter, nothing, adapter.handle()).status, STATUS_INVALID_HANDLE);
    for (const unsigned n : {1, 3, 5, 7}) {
        const auto stop = bench.stop_in([&] { call_any(adapter, n, nothing); });
        REQUIRE(stop.has_value());
        EXPECT(stop->check == Check::UnknownHandle);
        EXPECT_EQ(static_cast<unsigned>(stop->callback), n);
    }
}

RULE(a_handle_is_not_used_after_its_end, "No callback takes a handle of what is destroyed or closed.",
     "ours: no page says what happens") {
    Adapter& adapter = bench.start();
    const OpenObject gone(adapter);
    destroy(adapter, gone.args);
    for (unsigned n = 0; n < eight; ++n) {
        if (n == 0) continue;  // its handle is an adapter's
        const bool of_adapter_object = n == 4 || n == 5 || n == 7;
        const auto stop =
            bench.stop_in([&] { call_any(adapter, n, of_adapter_object ? gone.opened() : gone.object()); });
        REQUIRE(stop.has_value());
        EXPECT(stop->check == Check::UseAfterClose);
        EXPECT_EQ(static_cast<unsigned>(stop->callback), n);
    }
}

RULE(handles_of_another_kind_are_a_bugcheck, "A callback gets the kind of handle that it asks for.",
     "bug check 0x1E4, parameter 1") {
    Adapter& adapter = bench.start();
    const OpenObject live(adapter);
    for (unsigned n = 0; n < eight; ++n) {
        const bool of_adapter_object = n == 4 || n == 5 || n == 7;
        const HANDLE wrong = n != 0 && !of_adapter_object ? live.opened() : live.object();
        const auto stop = bench.stop_in([&] { call_any(adapter, n, wrong); });
        REQUIRE(stop.has_value());
        EXPECT(stop->check == Check::InvalidObjectType);
        EXPECT_EQ(stop->code, 0x1e4);
        EXPECT_EQ(stop->parameter, 1);
    }
    destroy(adapter, live.args);
}

RULE(free_adl_takes_the_adapter_object_that_made_it, "An ADL is freed with the adapter memory object that made it.",
     "DXGKARGCB_FREE_ADL") {
    Adapter& adapter = bench.start();
    const OpenObject one(adapter);
    const OpenObject other(adapter);
    const Listed listed = list(adapter, one.opened(), 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { free(adapter, other.opened(), listed.adl); });
    EXPECT_STOP(stop, ForeignAdl, FreeAdl);
    EXPECT(adapter.gpu().write(listed[0], 1));  // it lives
    free(adapter, one.opened(), listed.adl);
    destroy(adapter, one.args);
    destroy(adapter, other.args);
}

RULE_IN_EACH_MODE(an_adl_is_freed_once, "An ADL is freed once, by the pointer that AllocateAdl returned.",
                  "DXGKARGCB_FREE_ADL") {
    Adapter& adapter = bench.start();
    const OpenObject object(adapter);
    const Listed listed = list(adapter, object.opened(), 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    DXGK_ADL copy = *listed.adl;
    const auto copied = bench.stop_in([&] { free(adapter, object.opened(), &copy); });
    EXPECT_STOP(copied, UnknownAdl, FreeAdl);
    free(adapter, object.opened(), listed.adl);
    const auto twice = bench.stop_in([&] { free(adapter, object.opened(), listed.adl); });
    EXPECT_STOP(twice, UnknownAdl, FreeAdl);
    destroy(adapter, object.args);
}

RULE(an_adl_is_only_read_by_the_driver, "An ADL is the system's memory: the driver only reads it.",
     "ours: pAdl belongs to the callee") {
    Adapter& adapter = bench.start();
    const OpenObject object(adapter);
    for (const UINT32 flags : {UINT32{plain}, UINT32{prefer_contiguous}}) {
        const Listed listed = list(adapter, object.opened(), 0, 2 * page_size, flags);
        REQUIRE_EQ(listed.status, STATUS_SUCCESS);
        listed.adl->PageCount = 1;
        const auto stop = bench.stop_in([&] { free(adapter, object.opened(), listed.adl); });
        EXPECT_STOP(stop, ChangedAdl, FreeAdl);
    }
    destroy(adapter, object.args);
}

RULE(a_report_names_callback_object_and_caller,
     "A report names the callback, the object with its Context, and the address of the driver's call.",
     "ours: bug check 0xC4 has parameters of the same kind") {
    Adapter& adapter = bench.start();
    OpenObject object(adapter);
    const auto stop = bench.stop_in([&] { unmap(adapter, object.object(), nullptr, page_size); });
    REQUIRE(stop.has_value());
    EXPECT_EQ(stop->code, 0xc4);
    EXPECT_EQ(stop->parameter, static_cast<std::uint64_t>(Check::UnknownView));
    EXPECT_EQ(stop->parameter >> 12, 0x72);
    EXPECT_EQ(stop->object, reinterpret_cast<std::uintptr_t>(object.object()));
    EXPECT(stop->caller != nullptr);
    destroy(adapter, object.args);
}

// ---- what is left --------------------------------------------------------------------------------------------------

RULE_IN_EACH_MODE(adapter_objects_are_closed_before_stop, "Adapter memory objects are closed before the adapter stops.",
                  "bug check 0x1E4, parameter 6") {
    const std::uint64_t before = bench.free_frames();
    Adapter& adapter = bench.start();
    const OpenObject object(adapter);
    const auto stop = bench.stop_in([&] { bench.stop(adapter); });
    EXPECT_STOP(stop, AdapterObjectsLeaked, StopAdapter);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 6);
    // Tables of the domain and of the bus may stay with the IOMMU; what leaked came back.
    EXPECT(bench.free_frames() + 8 >= before);
}

RULE_IN_EACH_MODE(adls_are_freed_before_stop, "ADLs are freed before the adapter stops.",
                  "bug check 0x1E4, parameter 7") {
    Adapter& adapter = bench.start();
    const OpenObject object(adapter);
    REQUIRE_EQ(list(adapter, object.opened(), 0, page_size).status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { bench.stop(adapter); });
    EXPECT_STOP(stop, AdlsLeaked, StopAdapter);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 7);
}

RULE(objects_are_destroyed_before_the_driver_goes, "Every object is destroyed before the driver is unloaded.",
     "ours: no page says what happens") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    const std::uint64_t before = bench.free_frames();
    {
        callbacks::Dxgkrnl plain({ports.frames, ports.views, ports.execution, kept});
        CreateArgs args{};
        args.Size = page_size;
        args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
        args.Mdl.HighAddress = at(no_limit);
        REQUIRE_EQ(plain.create(&args), STATUS_SUCCESS);
    }
    REQUIRE_EQ(kept.all().size(), 1);
    EXPECT(kept.all()[0].check == Check::ObjectsLeaked);
    EXPECT_EQ(bench.free_frames(), before);
}

RULE(without_the_verifier_only_documented_bugchecks_stop,
     "With the verifier off, checks of this project are warnings; documented bugchecks stop the machine all the same.",
     "ours: as with Driver Verifier") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    callbacks::Dxgkrnl plain({ports.frames, ports.views, ports.execution, kept}, {.enabled = false});
    const PhysicalAddress all{~std::uint64_t{0}};
    HANDLE adapter = nullptr;
    REQUIRE_EQ(plain.start_adapter({.highest_visible = {&all, 1}}, &adapter), STATUS_SUCCESS);
    plain.destroy(nullptr);
    REQUIRE_EQ(kept.all().size(), 1);
    EXPECT(kept.all()[0].severity == callbacks::Severity::Warning);
    EXPECT_EQ(kept.all()[0].code, 0);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT wrong_kind{adapter, nullptr};
    plain.destroy(&wrong_kind);
    REQUIRE_EQ(kept.all().size(), 2);
    EXPECT(kept.all()[1].severity == callbacks::Severity::Bugcheck);
    EXPECT_EQ(kept.all()[1].code, 0x1e4);
    plain.stop_adapter(adapter);
}

HOST_RULE(logical_pages_that_are_lost_are_reported,
          "Logical addresses that were lost when the adapter stops are reported.", "bug check 0x1E4, parameter 8") {
    Adapter& adapter = bench.start();
    // Every other one is freed while there is no memory: each is a hole of its own that cannot be noted.
    constexpr unsigned count = 400;
    const OpenObject object(adapter);
    DXGK_ADL* adls[count];
    for (DXGK_ADL*& adl : adls) {
        adl = list(adapter, object.opened(), 0, page_size, prefer_contiguous).adl;
        REQUIRE(adl != nullptr);
    }
    bench.machine().fail_allocations(true);
    for (unsigned i = 0; i < count; i += 2) free(adapter, object.opened(), adls[i]);
    bench.machine().fail_allocations(false);
    for (unsigned i = 1; i < count; i += 2) free(adapter, object.opened(), adls[i]);
    destroy(adapter, object.args);
    const auto stop = bench.stop_in([&] { bench.stop(adapter); });
    EXPECT_STOP(stop, LogicalPoolLeaked, StopAdapter);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 8);
}

}  // namespace remap::rules
