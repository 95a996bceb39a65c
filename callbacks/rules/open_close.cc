// SPDX-License-Identifier: MIT
// Open and Close: the association of an object with a logical adapter.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

namespace {

CreateArgs unopened(const Adapter& adapter, SIZE_T bytes) {
    CreateArgs object = mdl(adapter, bytes);
    object.hAdapter = nullptr;
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    return object;
}

}  // namespace

RULE(open_of_an_open_object_fails, "Opening an object that is open fails.", "DXGKCB_OPENPHYSICALMEMORYOBJECT") {
    Adapter& adapter = bench.start();
    const CreateArgs object = unopened(adapter, page_size);
    const Opened opened = open(adapter, object.hPhysicalMemoryObject, adapter.handle());
    REQUIRE_EQ(opened.status, STATUS_SUCCESS);
    const Opened again = open(adapter, object.hPhysicalMemoryObject, adapter.handle());
    EXPECT_EQ(again.status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(again.handle, nullptr);
    destroy(adapter, object.hPhysicalMemoryObject, opened.handle);
}

RULE(open_of_an_object_created_with_an_adapter_fails, "Opening an object that was created with an hAdapter fails.",
     "DXGKCB_OPENPHYSICALMEMORYOBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(open(adapter, object.hPhysicalMemoryObject, adapter.handle()).status, STATUS_INVALID_DEVICE_STATE);
    destroy(adapter, object);
}

RULE(open_on_a_second_logical_adapter_fails, "An object is open against one logical adapter only.",
     "DXGKCB_OPENPHYSICALMEMORYOBJECT") {
    Adapter& one = bench.start();
    Adapter& two = bench.start();
    CreateArgs object = mdl(one, page_size);
    REQUIRE_EQ(create(one, object), STATUS_SUCCESS);
    EXPECT_EQ(open(two, object.hPhysicalMemoryObject, two.handle()).status, STATUS_NOT_SUPPORTED);
    // Once closed here it may be opened there.
    close(one, object.hAdapterMemoryObject);
    const Opened there = open(two, object.hPhysicalMemoryObject, two.handle());
    EXPECT_EQ(there.status, STATUS_SUCCESS);
    destroy(two, object.hPhysicalMemoryObject, there.handle);
}

RULE_IN_EACH_MODE(closed_objects_may_be_opened_again, "After Close an object keeps its memory and may be opened again.",
                  "DXGKCB_CLOSEPHYSICALMEMORYOBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    view[5] = 0x55;
    close(adapter, object.hAdapterMemoryObject);
    EXPECT_EQ(view[5], 0x55);
    const Opened again = open(adapter, object.hPhysicalMemoryObject, adapter.handle());
    REQUIRE_EQ(again.status, STATUS_SUCCESS);
    const Listed listed = list(adapter, again.handle, 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT_EQ(adapter.gpu().read(listed[0] + 5), std::optional<std::uint8_t>{0x55});
    free(adapter, again.handle, listed.adl);
    unmap(adapter, object.hPhysicalMemoryObject, view);
    destroy(adapter, object.hPhysicalMemoryObject, again.handle);
}

RULE(close_with_a_live_adl_is_a_bugcheck, "Closing an adapter memory object that has an ADL leaks the ADL.",
     "bug check 0x1E4, parameter 7") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    REQUIRE_EQ(list(adapter, object.hAdapterMemoryObject, 0, page_size).status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { close(adapter, object.hAdapterMemoryObject); });
    EXPECT_STOP(stop, AdlsLeaked, ClosePhysicalMemoryObject);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 7);
    destroy(adapter, object.hPhysicalMemoryObject, nullptr);
}

RULE(open_takes_an_object_and_an_adapter, "Open names a physical memory object and an adapter: no other handles.",
     "DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT; bug check 0x1E4, parameter 1") {
    Adapter& adapter = bench.start();
    const CreateArgs object = unopened(adapter, page_size);
    const auto stop = bench.stop_in([&] { open(adapter, object.hPhysicalMemoryObject, object.hPhysicalMemoryObject); });
    EXPECT_STOP(stop, InvalidObjectType, OpenPhysicalMemoryObject);
    EXPECT_EQ(stop->code, 0x1e4);
    EXPECT_EQ(stop->parameter, 1);
    EXPECT_EQ(open(adapter, nullptr, adapter.handle()).status, STATUS_INVALID_HANDLE);
    EXPECT_EQ(open(adapter, object.hPhysicalMemoryObject, nullptr).status, STATUS_INVALID_HANDLE);
    destroy(adapter, object.hPhysicalMemoryObject, nullptr);
}

}  // namespace remap::rules
