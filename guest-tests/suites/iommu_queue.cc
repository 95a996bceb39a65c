// SPDX-License-Identifier: MIT
// The invalidation queue (VT-d section 6.5.2): what it does with descriptors that it cannot take, and that it goes on
// afterwards. The queue is the suite's own, so that it is there whatever the driver uses.
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/invalidation.h"

using namespace remap;
using namespace remap::guest;
using vtd::Descriptor;
using vtd::descriptor::make_iotlb;
using vtd::descriptor::make_wait_status;
using Info = vtd::queue_error::Info;

namespace {

namespace fsts = vtd::fault_status;

constexpr Descriptor forget_all = make_iotlb(vtd::IotlbGranularity::Global, 0, 0, 0, 0);

// The GPU has one page translated and cached; another frame stands in its leaf, and shows when the queue has worked.
struct Bench : IommuBench {
    Bench() {
        map(domain, at, old_frame.page());
        REQUIRE_EQ(gpu.read(at), old_frame.mark());
        point_leaf(at, new_frame.page());
        queue.emplace();
    }
    ~Bench() { queue.reset(); }

    bool has_forgotten() { return gpu.read(at) == new_frame.mark(); }
    bool stopped() { return fsts::QueueError::get(registers.read32(fsts::offset)); }
    Info error() { return vtd::queue_error::Error::get(registers.read64(vtd::queue_error::offset)); }
    void clear_error() { registers.write32(fsts::offset, fsts::QueueError::mask); }

    MarkedFrame old_frame, new_frame, untranslated;
    LogicalAddress at{untranslated.mark()};
    std::optional<RawQueue> queue;
};

constexpr Descriptor no_type{0xf, 0};
constexpr Descriptor reserved_bit{forget_all.low | 1 << 12, forget_all.high};

// Submits the bad descriptor between good ones: a wait that writes 1 before it, an invalidation and a wait that writes
// 2 behind it. Returns its place when the queue has stopped.
unsigned stop_at(Bench& bench, const Descriptor& bad) {
    RawQueue& queue = *bench.queue;
    queue.put(make_wait_status(queue.status().value, 1));
    const unsigned place = queue.put(bad);
    queue.put(forget_all);
    queue.put(make_wait_status(queue.status().value, 2));
    queue.submit();
    REQUIRE(wait_until(1000, [&] { return bench.stopped(); }));
    return place;
}

// Puts a good one in its place, and lets the queue work off all there is.
void mend(Bench& bench, unsigned place) {
    bench.queue->replace(place, make_wait_status(bench.queue->status().value, 3));
    bench.clear_error();
    REQUIRE(bench.queue->finish());
}

void expect_stop(const Descriptor& bad) {
    Bench bench;
    const unsigned place = stop_at(bench, bad);
    EXPECT_EQ(bench.queue->head(), place);
    EXPECT_EQ(bench.queue->status_value(), 1);  // what is before it was done, what is behind it was not
    EXPECT(!bench.has_forgotten());
    mend(bench, place);
}

void expect_told(const Descriptor& bad, Info info) {
    Bench bench;
    const unsigned place = stop_at(bench, bad);
    EXPECT_EQ(bench.error(), info);
    mend(bench, place);
    EXPECT_EQ(bench.error(), Info::None);
}

}  // namespace

TEST(a_descriptor_of_no_type_stops_the_queue) {
    expect_stop(no_type);
    expect_stop({0, 0});
}

TEST(a_descriptor_for_pasids_stops_the_queue_in_legacy_mode) {
    expect_stop({0x6, 0});
    expect_stop({0x7, 0});
    expect_stop({0x8, 0});
}

TEST(a_descriptor_for_device_tlbs_stops_the_queue_of_a_unit_without_them) {
    {
        const IommuBench bench;
        if (vtd::extended_capability::DeviceTlb::get(bench.unit.extended_capability())) return;
    }
    expect_stop({0x3, 0});
}

TEST(a_descriptor_with_a_reserved_field_stops_the_queue) {
    expect_stop(reserved_bit);
    expect_stop(make_iotlb(vtd::IotlbGranularity::None, 0, 0, 0, 0));
    expect_stop(make_iotlb(vtd::IotlbGranularity::Page, 1, 0, 63, 0));  // beyond CAP.MAMV
}

// Section 11.4.9.9.
TEST(a_register_tells_why_the_queue_stopped) {
    expect_told(no_type, Info::BadType);
    expect_told(reserved_bit, Info::ReservedField);
    Bench bench;
    bench.registers.write64(vtd::queue_tail::offset, page_size);
    REQUIRE(wait_until(1000, [&] { return bench.stopped(); }));
    EXPECT_EQ(bench.error(), Info::BadTail);
    bench.queue->submit();
    bench.clear_error();
    EXPECT(bench.queue->finish());
}

TEST(a_stopped_queue_is_not_woken_by_a_good_descriptor_or_a_new_tail) {
    Bench bench;
    RawQueue& queue = *bench.queue;
    const unsigned place = stop_at(bench, no_type);
    queue.replace(place, make_wait_status(queue.status().value, 3));
    queue.put(forget_all);
    queue.submit();
    EXPECT(!bench.has_forgotten());
    EXPECT_EQ(queue.status_value(), 1);
    EXPECT_EQ(queue.head(), place);
    mend(bench, place);
}

// Section 6.5.2.11: the error is all that keeps the queue from being worked off.
TEST(a_stopped_queue_goes_on_when_its_error_is_cleared) {
    Bench bench;
    RawQueue& queue = *bench.queue;
    const unsigned place = stop_at(bench, no_type);
    queue.replace(place, make_wait_status(queue.status().value, 3));
    bench.clear_error();
    EXPECT(wait_until(1000, [&] { return queue.status_value() == 2; }));
    EXPECT(!bench.stopped());
    EXPECT(bench.has_forgotten());
    EXPECT(queue.finish());
}

TEST(a_stopped_queue_goes_on_with_the_next_tail_once_its_error_is_cleared) {
    Bench bench;
    mend(bench, stop_at(bench, no_type));
    EXPECT(!bench.stopped());
    EXPECT_EQ(bench.queue->status_value(), 2);
    EXPECT(bench.has_forgotten());
}

TEST(a_tail_beyond_the_queue_stops_it) {
    Bench bench;
    bench.registers.write64(vtd::queue_tail::offset, page_size);
    REQUIRE(wait_until(1000, [&] { return bench.stopped(); }));
    EXPECT_EQ(bench.queue->head(), 0);
    bench.queue->put(forget_all);
    bench.queue->submit();
    bench.clear_error();
    EXPECT(bench.queue->finish());
    EXPECT(bench.has_forgotten());
}

TEST(a_queue_where_no_memory_is_stops_at_its_first_descriptor_and_can_be_switched_off) {
    Bench bench;
    bench.queue.reset();  // off: only then its address can be set
    const std::uint64_t own_registers = 0xfed9'0000;
    for (const std::uint64_t nowhere : {(frames().highest_installed() + 0x100).address().value, own_registers}) {
        bench.registers.write64(vtd::queue_tail::offset, 0);
        bench.registers.write64(vtd::queue_address::offset, nowhere);
        switch_queue(true);
        bench.registers.write64(vtd::queue_tail::offset, vtd::descriptor_bytes);
        REQUIRE(wait_until(1000, [&] { return bench.stopped(); }));
        EXPECT_EQ(bench.registers.read64(vtd::queue_head::offset), 0);
        switch_queue(false);
        bench.clear_error();
    }
    EXPECT(!bench.has_forgotten());
}

TEST(a_queue_that_has_done_its_last_descriptor_can_be_switched_off_whatever_that_was) {
    Bench bench;
    bench.queue->put(forget_all);
    bench.queue->submit();
    REQUIRE(wait_until(1000, [&] { return bench.queue->head() == 1; }));
    switch_queue(false);
    EXPECT(bench.has_forgotten());
}

TEST(a_queue_is_used_round_and_round) {
    Bench bench;
    RawQueue& queue = *bench.queue;
    for (unsigned i = 1; i <= 3 * queue.entries(); ++i) {
        queue.put(make_wait_status(queue.status().value, i));
        if (i % 100 != 0) continue;
        REQUIRE(queue.finish());
        EXPECT_EQ(queue.status_value(), i);
    }
    EXPECT(!bench.has_forgotten());
    queue.put(forget_all);
    REQUIRE(queue.finish());
    EXPECT(bench.has_forgotten());
}

// Eight tails in a row, read back after the last and not waited for before, twice round the queue.
TEST(each_of_many_tails_is_taken_and_the_last_is_read_back) {
    Bench bench;
    RawQueue& queue = *bench.queue;
    for (unsigned i = 1; i <= 2 * queue.entries(); ++i) {
        const unsigned place = queue.put(make_wait_status(queue.status().value, i));
        queue.submit();
        if (i % 8 != 0) continue;
        const std::uint64_t tail = std::uint64_t{(place + 1) % queue.entries()} * vtd::descriptor_bytes;
        REQUIRE_EQ(bench.registers.read64(vtd::queue_tail::offset), tail);
        REQUIRE(wait_until(1000, [&] { return queue.status_value() == i; }));
    }
    queue.put(forget_all);
    REQUIRE(queue.finish());
    EXPECT(bench.has_forgotten());
}

TEST(a_wait_interrupts_when_all_before_it_is_done) {
    Bench bench;
    struct Seen {
        const RawQueue* queue;
        volatile unsigned interrupts = 0;
        volatile std::uint32_t status = 0;
    } seen{.queue = &*bench.queue};
    const auto vector = register_interrupt(
        [](void* context) {
            auto& saw = *static_cast<Seen*>(context);
            saw.interrupts = saw.interrupts + 1;
            saw.status = saw.queue->status_value();
        },
        &seen);
    REQUIRE(vector);
    const InterruptMessage message = message_for(*vector);
    bench.registers.write32(vtd::completion_event.data, message.data);
    bench.registers.write32(vtd::completion_event.address, static_cast<std::uint32_t>(message.address));
    bench.registers.write32(vtd::completion_event.upper_address, static_cast<std::uint32_t>(message.address >> 32));
    bench.registers.write32(vtd::completion_event.control, 0);
    for (unsigned round = 1; round <= 3; ++round) {
        bench.queue->put(make_wait_status(bench.queue->status().value, round));
        bench.queue->put(Descriptor{
            vtd::descriptor::TypeLow::of(vtd::descriptor::Type::Wait) | vtd::descriptor::wait::Interrupt::of(true), 0});
        REQUIRE(bench.queue->finish());
        EXPECT(wait_until(1000, [&] { return seen.interrupts == round; }));
        EXPECT_EQ(seen.status, round);
        EXPECT_EQ(bench.registers.read32(vtd::completion_status::offset), 1);
        bench.registers.write32(vtd::completion_status::offset, 1);
    }
    bench.registers.write32(vtd::completion_event.control, vtd::event_control::Mask::mask);
    unregister_interrupt(*vector);
}

TEST(a_queue_error_is_a_fault_event) {
    Bench bench;
    volatile unsigned count = 0;
    const auto vector = register_interrupt(
        [](void* context) {
            auto* counter = static_cast<volatile unsigned*>(context);
            *counter = *counter + 1;
        },
        const_cast<unsigned*>(&count));
    REQUIRE(vector);
    const InterruptMessage message = message_for(*vector);
    bench.unit.enable_fault_event(message.address, message.data);
    const unsigned place = bench.queue->put(no_type);
    bench.queue->submit();
    EXPECT(wait_until(1000, [&] { return count == 1; }));
    bench.queue->replace(place, forget_all);
    bench.clear_error();
    EXPECT(bench.queue->finish());
    EXPECT_EQ(count, 1);
    unregister_interrupt(*vector);
}
