// SPDX-License-Identifier: MIT
// Create and Destroy: what holds for every type of memory.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

RULE_IN_EACH_MODE(create_with_an_adapter_gives_both_handles,
                  "Create with an hAdapter opens the object too: both handles come back.",
                  "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT(object.hPhysicalMemoryObject != nullptr);
    EXPECT(object.hAdapterMemoryObject != nullptr);
    EXPECT_EQ(open(adapter, object.hPhysicalMemoryObject, adapter.handle()).status, STATUS_INVALID_DEVICE_STATE);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(create_without_an_adapter_gives_one_handle,
                  "Create without an hAdapter gives no adapter memory object; Open comes before an ADL.",
                  "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.hAdapter = nullptr;
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT(object.hPhysicalMemoryObject != nullptr);
    EXPECT_EQ(object.hAdapterMemoryObject, nullptr);
    EXPECT_EQ(list(adapter, object.hAdapterMemoryObject, 0, page_size).status, STATUS_INVALID_HANDLE);
    const Opened opened = open(adapter, object.hPhysicalMemoryObject, adapter.handle());
    REQUIRE_EQ(opened.status, STATUS_SUCCESS);
    const Listed listed = list(adapter, opened.handle, 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(listed[0], 0x21));
    free(adapter, opened.handle, listed.adl);
    destroy(adapter, object.hPhysicalMemoryObject, opened.handle);
}

RULE(an_object_may_be_created_before_any_adapter, "An object may exist before any adapter starts, and be opened later.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    // The callbacks reach a driver with its first adapter, so that is where the pointer comes from.
    Adapter& first = bench.start();
    CreateArgs object = mdl(first, page_size);
    bench.stop(first);
    object.hAdapter = nullptr;
    REQUIRE_EQ(create(first, object), STATUS_SUCCESS);
    Adapter& adapter = bench.start();
    const Opened opened = open(adapter, object.hPhysicalMemoryObject, adapter.handle());
    REQUIRE_EQ(opened.status, STATUS_SUCCESS);
    const Listed listed = list(adapter, opened.handle, 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(listed[0], 0x33));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0)), 0x33);
    free(adapter, opened.handle, listed.adl);
    destroy(adapter, object.hPhysicalMemoryObject, opened.handle);
}

RULE(memory_comes_in_whole_pages, "An object consists of whole pages, and all of the last one belongs to it.",
     "MmAllocatePagesForMdlEx; ours for the other types") {
    Adapter& adapter = bench.start();
    for (CreateArgs args :
         {mdl(adapter, page_size + 1), contiguous(adapter, 2 * page_size - 1), section(adapter, 2 * page_size)}) {
        REQUIRE_EQ(create(adapter, args), STATUS_SUCCESS);
        EXPECT_EQ(bench.dxgkrnl().page_count(args.hPhysicalMemoryObject), 2);
        const Mapped view = map(adapter, args.hPhysicalMemoryObject, 2 * page_size - 1, 1);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        unmap(adapter, args.hPhysicalMemoryObject, view);
        destroy(adapter, args);
    }
}

RULE(create_refuses_size_0, "Size is not 0.", "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    for (CreateArgs args : {mdl(adapter, 0), contiguous(adapter, 0), section(adapter, 0), io_space(adapter, 0, 0)})
        EXPECT_EQ(try_create(adapter, args), STATUS_INVALID_PARAMETER);
}

RULE(create_refuses_what_it_does_not_know, "Type and CacheType are values of their enumerations.",
     "DXGK_PHYSICAL_MEMORY_TYPE; DXGK_MEMORY_CACHING_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs args = mdl(adapter, page_size);
    args.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4);
    EXPECT_EQ(try_create(adapter, args), STATUS_INVALID_PARAMETER);
    args = mdl(adapter, page_size);
    args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3);
    EXPECT_EQ(try_create(adapter, args), STATUS_INVALID_PARAMETER);
}

RULE(create_that_fails_returns_no_handle, "When Create fails both handles are null.",
     "ours: what a driver reads by mistake must not look like a handle") {
    Adapter& adapter = bench.start();
    CreateArgs args = mdl(adapter, page_size);
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = &args;
    args.hAdapter = reinterpret_cast<HANDLE>(std::uintptr_t{0x1230});
    EXPECT_EQ(create(adapter, args), STATUS_INVALID_HANDLE);
    EXPECT_EQ(args.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
}

RULE(create_context_is_only_shown_in_messages, "Context is stored, and shown in reports about the object.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.Context = 0xfeed'0001'c0de'0002;
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { unmap(adapter, object.hPhysicalMemoryObject, &object, page_size); });
    EXPECT_STOP(stop, UnknownView, UnmapPhysicalMemory);
    EXPECT_EQ(stop->context, 0xfeed'0001'c0de'0002);
    EXPECT_EQ(stop->object, reinterpret_cast<std::uintptr_t>(object.hPhysicalMemoryObject));
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(new_memory_is_zero, "Memory that Create gives holds nobody's data.",
                  "MmAllocatePagesForMdlEx; ours for the other types") {
    Adapter& adapter = bench.start();
    // Leaves something behind on the first round that the second would find.
    for (unsigned round = 0; round < 2; ++round) {
        for (CreateArgs args :
             {mdl(adapter, 16 * page_size), contiguous(adapter, 16 * page_size), section(adapter, 16 * page_size)}) {
            REQUIRE_EQ(create(adapter, args), STATUS_SUCCESS);
            const Mapped view = map(adapter, args.hPhysicalMemoryObject, 0, 16 * page_size);
            REQUIRE_EQ(view.status, STATUS_SUCCESS);
            for (std::uint64_t i = 0; i < 16 * page_size; i += 512) {
                EXPECT_EQ(view[i], 0);
                view[i] = 0xee;
            }
            unmap(adapter, args.hPhysicalMemoryObject, view);
            destroy(adapter, args);
        }
    }
}

RULE_IN_EACH_MODE(the_cpu_sees_the_cache_type_of_create,
                  "Views of an object have the cache type that Create was given: write-back, write-combining or "
                  "uncacheable.",
                  "DXGK_MEMORY_CACHING_TYPE") {
    using callbacks::CacheType;
    Adapter& adapter = bench.start();
    const struct {
        DXGK_MEMORY_CACHING_TYPE asked;
        CacheType seen;
    } cases[] = {{DXGK_MEMORY_CACHING_TYPE_NON_CACHED, CacheType::Uncached},
                 {DXGK_MEMORY_CACHING_TYPE_CACHED, CacheType::WriteBack},
                 {DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, CacheType::WriteCombined}};
    for (const auto& [asked, seen] : cases) {
        CreateArgs object = mdl(adapter, 2 * page_size);
        object.CacheType = asked;
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, 2 * page_size);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        for (const std::uint64_t page : {0, 1}) {
            const auto page_view = bench.machine().view_at(&view[page * page_size]);
            REQUIRE(page_view.has_value());
            EXPECT_EQ(page_view->cache, seen);
        }
        unmap(adapter, object.hPhysicalMemoryObject, view);
        destroy(adapter, object);
    }
}

RULE_IN_EACH_MODE(destroy_gives_all_memory_back, "After Destroy the object's memory is the system's again.",
                  "DXGKCB_DESTROYPHYSICALMEMORYOBJECT") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    for (CreateArgs args :
         {mdl(adapter, 33 * page_size), contiguous(adapter, 33 * page_size), section(adapter, 33 * page_size)}) {
        REQUIRE_EQ(create(adapter, args), STATUS_SUCCESS);
        EXPECT_EQ(bench.free_frames(), before - 33);
        destroy(adapter, args);
        EXPECT_EQ(bench.free_frames(), before);
    }
}

RULE(destroy_closes_the_adapter_object_it_names,
     "Destroy with an hAdapterMemoryObject closes it in the same call; a Close after that is a use after the end.",
     "DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    destroy(adapter, object);
    const auto stop = bench.stop_in([&] { close(adapter, object.hAdapterMemoryObject); });
    EXPECT_STOP(stop, UseAfterClose, ClosePhysicalMemoryObject);
}

RULE(destroy_of_an_open_object_names_its_adapter_object,
     "Destroying an open object without its hAdapterMemoryObject leaks the association.",
     "bug check 0x1E4, parameter 6") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { destroy(adapter, object.hPhysicalMemoryObject, nullptr); });
    EXPECT_STOP(stop, AdapterObjectsLeaked, DestroyPhysicalMemoryObject);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 6);
}

RULE(destroy_with_a_live_adl_is_a_bugcheck, "Destroying an object that has an ADL unlocks memory under it.",
     "DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT; bug check 0x1E4, parameter 5") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    REQUIRE_EQ(list(adapter, object.hAdapterMemoryObject, 0, page_size).status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { destroy(adapter, object); });
    EXPECT_STOP(stop, UnlockedUnderAdls, DestroyPhysicalMemoryObject);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 5);
}

RULE(destroy_with_a_view_is_reported, "All views of an object are unmapped before it is destroyed.",
     "ours: a view of memory that has a new owner") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { destroy(adapter, object); });
    EXPECT_STOP(stop, ViewsLeft, DestroyPhysicalMemoryObject);
    EXPECT_EQ(stop->code, 0xc4);
    EXPECT(!bench.machine().view_at(view.base).has_value());
}

RULE(destroy_names_the_adapter_object_of_the_same_object,
     "The hAdapterMemoryObject of Destroy belongs to the object that is destroyed.",
     "DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs one = mdl(adapter, page_size);
    CreateArgs other = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, one), STATUS_SUCCESS);
    REQUIRE_EQ(create(adapter, other), STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { destroy(adapter, one.hPhysicalMemoryObject, other.hAdapterMemoryObject); });
    EXPECT_STOP(stop, ForeignAdapterObject, DestroyPhysicalMemoryObject);
    destroy(adapter, one);  // both are as they were
    destroy(adapter, other);
}

}  // namespace remap::rules
