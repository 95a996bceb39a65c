// SPDX-License-Identifier: MIT
// Callbacks that are told to fail.
#include "callbacks/driver/allocation.h"
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"
#include "callbacks/rules/older_calls.h"

namespace remap::rules {

using callbacks::Callback;
using callbacks::DmaMode;

namespace {

// Rules of a case must not reach the driver's own clean-up.
struct Failing {
    Failing(Bench& given, const callbacks::FailureRule& rule) : bench(given) {
        REQUIRE(bench.dxgkrnl().failures().set(rule));
    }
    ~Failing() { bench.dxgkrnl().failures().clear(); }
    Failing(const Failing&) = delete;
    Failing& operator=(const Failing&) = delete;
    Bench& bench;
};

unsigned bits_of(std::uint64_t pattern) {
    unsigned count = 0;
    for (; pattern != 0; pattern &= pattern - 1) ++count;
    return count;
}

// Which of 64 Creates fail, one bit each.
std::uint64_t pattern_of_creates(Bench& bench, Adapter& adapter, std::uint64_t seed) {
    const Failing failing(bench,
                          {.callback = Callback::CreatePhysicalMemoryObject, .per_million = 300'000, .seed = seed});
    std::uint64_t pattern = 0;
    for (unsigned i = 0; i < 64; ++i)
        pattern |= std::uint64_t{!NT_SUCCESS(try_create(adapter, mdl(adapter, page_size)))} << i;
    EXPECT_EQ(bench.dxgkrnl().failures().injected(), bits_of(pattern));
    return pattern;
}

}  // namespace

RULE(the_nth_call_fails_on_demand, "A callback can be told to fail its n-th call with a given status.",
     "ours: so that a driver's error paths can be walked") {
    Adapter& adapter = bench.start();
    const Failing failing(bench,
                          {.callback = Callback::CreatePhysicalMemoryObject, .nth = 3, .status = STATUS_NO_MEMORY});
    for (unsigned call = 1; call <= 5; ++call)
        EXPECT_EQ(try_create(adapter, mdl(adapter, page_size)), call == 3 ? STATUS_NO_MEMORY : STATUS_SUCCESS);
    EXPECT_EQ(bench.dxgkrnl().failures().injected(), 1);
}

RULE(a_call_that_fails_on_demand_changes_nothing, "A call that is made to fail leaves the machine as it was.",
     "ours: as a callback that fails by itself") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    CreateArgs object = mdl(adapter, page_size);
    {
        const Failing failing(bench, {.nth = 1, .status = STATUS_NO_MEMORY});
        EXPECT_EQ(create(adapter, object), STATUS_NO_MEMORY);
        EXPECT_EQ(object.hPhysicalMemoryObject, nullptr);
        EXPECT_EQ(object.hAdapterMemoryObject, nullptr);
    }
    EXPECT_EQ(bench.free_frames(), before);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    {
        const Failing failing(bench, {.callback = Callback::AllocateAdl, .nth = 1});
        const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, page_size);
        EXPECT_EQ(listed.status, STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(listed.adl, nullptr);
    }
    {
        const Failing failing(bench, {.callback = Callback::MapPhysicalMemory, .nth = 1});
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, 17, 18);
        EXPECT_EQ(view.base, nullptr);
        EXPECT_EQ(view.offset, 17);
        EXPECT_EQ(view.size, 18);
    }
    destroy(adapter, object);
}

RULE(calls_fail_with_a_probability_and_a_seed,
     "Each call can fail with a given probability; a seed gives the same calls.",
     "ours: a failure that was found can be found again") {
    Adapter& adapter = bench.start();
    const std::uint64_t pattern = pattern_of_creates(bench, adapter, 7);
    EXPECT_EQ(pattern_of_creates(bench, adapter, 7), pattern);
    EXPECT(pattern_of_creates(bench, adapter, 8) != pattern);
    const unsigned failed = bits_of(pattern);
    EXPECT(failed >= 6 && failed <= 34);  // 19 of 64, within four times the deviation
}

RULE(only_callbacks_with_a_status_fail, "Failure on demand is for the callbacks that return a status of failure.",
     "ours: the others cannot say that they failed") {
    callbacks::Failures& failures = bench.dxgkrnl().failures();
    for (const Callback callback :
         {Callback::DestroyPhysicalMemoryObject, Callback::UnmapPhysicalMemory, Callback::FreeAdl,
          Callback::ClosePhysicalMemoryObject, Callback::UnmapMdlFromIoMmu, Callback::FreeContiguousMemory,
          Callback::FreePagesFromMdl, Callback::UnpinFrameBufferForSave, Callback::UnmapFrameBufferPointer})
        EXPECT(!failures.set({.callback = callback, .nth = 1}));
    EXPECT(!failures.set({.nth = 1, .status = STATUS_SUCCESS}));
    EXPECT(!failures.set({.per_million = 1'000'001}));
    for (const Callback callback :
         {Callback::MapPhysicalMemory, Callback::AllocateAdl, Callback::OpenPhysicalMemoryObject,
          Callback::AllocateContiguousMemory, Callback::AllocatePagesForMdl, Callback::MapMdlToIoMmu,
          Callback::PinFrameBufferForSave, Callback::MapFrameBufferPointer})
        EXPECT(failures.set({.callback = callback, .nth = 1}));
    failures.clear();
}

RULE(older_callbacks_fail_on_demand, "The older callbacks that allocate can be told to fail too.",
     "ours: so that a driver's error paths can be walked") {
    const std::uint64_t save_area[] = {page_size};
    AdapterWish wish = bench.wish(DmaMode::Isolation);
    wish.frame_buffer_save = save_area;
    Adapter& adapter = bench.start(wish);
    const Failing failing(bench, {.per_million = 1'000'000, .status = STATUS_NO_MEMORY});
    for (const unsigned n : {0, 2, 4, 6, 8}) call_older(adapter, n);  // what they gave would leak
    EXPECT_EQ(bench.dxgkrnl().failures().injected(), 5);
}

RULE_IN_EACH_MODE(a_drivers_life_survives_each_failure,
                  "In a loop each call of a driver's whole life fails once; an unwinding driver leaves nothing behind.",
                  "ours: so that all of a driver's error paths are walked") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    unsigned complete = 0;
    const std::uint64_t failed = callbacks::fail_every_call_once(bench.dxgkrnl().failures(), STATUS_NO_MEMORY, [&] {
        driver::Allocation one;
        driver::Allocation two;
        NTSTATUS status = one.make(adapter.callbacks(), {.bytes = 3 * page_size});
        if (NT_SUCCESS(status))
            status = two.make(adapter.callbacks(), {.bytes = page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION});
        complete += NT_SUCCESS(status);
        two.release();
        one.release();
        EXPECT_EQ(bench.free_frames(), before);
    });
    EXPECT_EQ(failed, 6);  // Create, AllocateAdl, Map, twice
    EXPECT_EQ(complete, 1);
}

}  // namespace remap::rules
