// SPDX-License-Identifier: MIT
// Pages that a device asks for (PRI): the queue that hands the requests to software, the answers, the event, and what
// happens when there is no room or a page is refused (VT-d sections 7.4 to 7.7).
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/process_bench.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault_reasons.h"
#include "iommu/spec/page_requests.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using vtd::PageResponse;
using vtd_driver::Error;

namespace {

namespace ext = pci::extended;
namespace prs = vtd::page_request_status;

constexpr LogicalPage page{0x7f123};  // of the process
constexpr std::uint64_t address = page.address().value;

struct Bench : ProcessBench {
    using ProcessBench::ProcessBench;

    std::uint32_t status() { return unit_registers.read32(prs::offset); }
    void expect_fault(FaultCause cause, std::uint64_t at) {
        REQUIRE(rests());
        const auto fault = device.read_fault();
        REQUIRE(fault.has_value());
        EXPECT_EQ(fault->cause, cause);
        EXPECT_EQ(fault->address, at);
    }
    // Maps what is asked for and says so, until the GPU rests.
    unsigned serve(const MarkedFrame& frame) {
        unsigned served = 0;
        while (state() == Status::State::Busy) {
            const auto request = next_request(10);
            if (!request) continue;
            const Error error = unit->map(*space, request->page, frame.page(), 1, true);
            EXPECT(error == Error::None || error == Error::AlreadyMapped);
            answer(*request);
            ++served;
        }
        return served;
    }

    MarkedFrame frame;
};

void count_interrupt(void* context) {
    auto* count = static_cast<volatile unsigned*>(context);
    *count = *count + 1;
}

}  // namespace

TEST(a_page_that_is_not_there_is_asked_for_and_the_copy_goes_on) {
    Bench bench;
    bench.submit(fill(system_memory(address + 0x10), 8, 0x1234abcd));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    EXPECT_EQ(request->source, bench.source());
    EXPECT(request->pasid == Bench::pasid);
    EXPECT_EQ(request->page, page);
    EXPECT(request->write && !request->read && !request->privileged);
    EXPECT(request->last);
    EXPECT(bench.waits_for_page());
    bench.map(page, bench.frame);
    EXPECT(bench.waits_for_page());
    bench.answer(*request);
    REQUIRE(bench.rests());
    EXPECT_EQ(bench.state(), Status::State::Idle);
    EXPECT_EQ(bench.frame.word(2), 0x1234abcd1234abcdull);
    EXPECT_EQ(bench.frame.word(0), bench.frame.mark());
    EXPECT(!bench.unit->take_fault());
    EXPECT_EQ(bench.counter(PageRequests::offset), bench.counter(PageAnswers::offset));
}

TEST(reading_and_writing_are_asked_for_as_what_they_are) {
    Bench bench;
    MarkedFrame target;
    bench.submit(copy(system_memory(address + page_size), system_memory(address), 64));
    auto request = bench.next_request();
    REQUIRE(request.has_value());
    EXPECT(request->read && !request->write);
    bench.map(page, bench.frame, false);
    bench.answer(*request);
    request = bench.next_request();
    REQUIRE(request.has_value());
    EXPECT(request->write);
    EXPECT_EQ(request->page, LogicalPage{page.number + 1});
    bench.map({page.number + 1}, target);
    bench.answer(*request);
    REQUIRE(bench.rests());
    EXPECT_EQ(target.word(0), bench.frame.mark());
}

TEST(a_right_that_is_missing_is_asked_for_too) {
    Bench bench;
    bench.map(page, bench.frame, false);
    EXPECT_EQ(bench.read(page), bench.frame.mark());
    bench.submit(fill(system_memory(address + 8), 8, 7));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    EXPECT(request->write);
    REQUIRE_EQ(bench.unit->unmap(*bench.space, page, 1), Error::None);
    bench.map(page, bench.frame);
    bench.answer(*request);
    REQUIRE(bench.rests());
    EXPECT_EQ(bench.frame.word(1), 0x0000000700000007ull);
}

TEST(a_long_copy_gets_its_memory_page_by_page) {
    Bench bench;
    constexpr unsigned pages = 40;
    bench.submit(fill(system_memory(address), pages * page_size, 0x5a5a5a5a));
    EXPECT_EQ(bench.serve(bench.frame), pages);
    EXPECT_EQ(bench.state(), Status::State::Idle);
    EXPECT_EQ(bench.counter(PageAnswers::offset), pages);
}

TEST(a_refused_page_is_a_fault_of_the_gpu_and_not_of_the_unit) {
    Bench bench;
    bench.submit(fill(system_memory(address), 8, 0));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    bench.answer(*request, PageResponse::InvalidRequest);
    bench.expect_fault(FaultCause::BusWriteRefused, address);
    EXPECT(!bench.unit->take_fault());
    bench.recover();
    // The next one is asked for as ever.
    bench.submit(fill(system_memory(address), 8, 0));
    EXPECT_EQ(bench.serve(bench.frame), 1u);
    EXPECT_EQ(bench.state(), Status::State::Idle);
}

TEST(a_failure_ends_the_requests_of_the_device_until_it_is_cleared) {
    Bench bench;
    bench.submit(fill(system_memory(address), 8, 0));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    bench.answer(*request, PageResponse::Failure);
    bench.expect_fault(FaultCause::BusWriteRefused, address);
    EXPECT_EQ(bench.pri_status() & (ext::pri_failed | ext::pri_unexpected), ext::pri_failed);
    bench.recover();
    bench.submit(fill(system_memory(address), 8, 0));
    bench.expect_fault(FaultCause::BusWriteRefused, address);
    EXPECT(!bench.next_request(20));
    bench.recover();
    bench.write_pri_status(ext::pri_failed);
    EXPECT_EQ(bench.pri_status() & ext::pri_failed, 0);
    bench.submit(fill(system_memory(address), 8, 0));
    EXPECT_EQ(bench.serve(bench.frame), 1u);
}

TEST(an_answer_that_nobody_waits_for_is_noticed_by_the_device) {
    Bench bench;
    bench.submit(fill(system_memory(address), 8, 0));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    bench.map(page, bench.frame);
    bench.answer(*request);
    REQUIRE(bench.rests());
    bench.answer(*request);
    EXPECT(wait_until(1000, [&] { return (bench.pri_status() & ext::pri_unexpected) != 0; }));
    bench.write_pri_status(ext::pri_unexpected);
    EXPECT_EQ(bench.pri_status() & ext::pri_unexpected, 0);
}

TEST(the_interface_has_stopped_when_it_is_off_and_all_is_answered) {
    Bench bench;
    EXPECT_EQ(bench.pri_status() & (ext::pri_stopped | ext::pri_with_pasid), ext::pri_with_pasid);
    bench.submit(fill(system_memory(address), 8, 0));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    bench.write_pri_control(0);
    EXPECT_EQ(bench.pri_status() & ext::pri_stopped, 0);
    bench.expect_fault(FaultCause::BusWriteRefused, address);  // nobody waits for the page any more
    bench.answer(*request);
    EXPECT(wait_until(1000, [&] { return (bench.pri_status() & ext::pri_stopped) != 0; }));
    EXPECT_EQ(bench.pri_status() & ext::pri_unexpected, 0);
}

TEST(without_page_requests_a_page_that_is_not_there_is_a_fault) {
    Bench bench({.page_requests = false});
    bench.submit(fill(system_memory(address), 8, 0));
    bench.expect_fault(FaultCause::BusWriteRefused, address);
    EXPECT(!bench.next_request(20));
}

// Section 7.4.1: without room the request is dropped and answered by the unit, and the device asks again.
TEST(a_queue_that_is_full_loses_no_page) {
    Bench bench;
    namespace pqh = vtd::page_queue_head;
    namespace pqt = vtd::page_queue_tail;
    const std::uint64_t tail = bench.unit_registers.read64(pqt::offset);
    // One place before the head is the tail of a queue that is full.
    bench.unit_registers.write64(pqh::offset, (tail + vtd::page_request::bytes) % page_size);
    bench.submit(fill(system_memory(address), 8, 0x11111111));
    EXPECT(wait_until(2000, [&] { return prs::Overflow::get(bench.status()); }));
    EXPECT_EQ(bench.unit_registers.read64(pqt::offset), tail);
    EXPECT(wait_until(2000, [&] { return bench.rests() && bench.state() == Status::State::Halted; }));
    // The device tries so often, and gives the access up; software makes room, and clears the overflow.
    bench.recover();
    bench.unit_registers.write64(pqh::offset, tail);
    EXPECT(bench.unit->page_requests().take_overflow());
    bench.submit(fill(system_memory(address), 8, 0x22222222));
    EXPECT_EQ(bench.serve(bench.frame), 1u);
    EXPECT_EQ(bench.frame.word(0), 0x2222222222222222ull);
}

TEST(the_event_comes_once_for_what_is_pending) {
    Bench bench;
    volatile unsigned interrupts = 0;
    const auto vector = register_interrupt(count_interrupt, const_cast<unsigned*>(&interrupts));
    REQUIRE(vector.has_value());
    const InterruptMessage message = message_for(*vector);
    bench.unit->page_requests().enable_event(message.address, message.data);
    bench.submit(fill(system_memory(address), 2 * page_size, 3));
    EXPECT(wait_until(2000, [&] { return interrupts == 1; }));
    auto request = bench.next_request();
    REQUIRE(request.has_value());
    bench.map(page, bench.frame);
    bench.answer(*request);
    // The condition is still set: another request makes no other event.
    REQUIRE((request = bench.next_request()).has_value());
    EXPECT(!wait_until(20, [&] { return interrupts != 1; }));
    bench.unit->page_requests().clear_event();
    EXPECT(!prs::Pending::get(bench.status()));
    bench.map({page.number + 1}, bench.frame);
    bench.answer(*request);
    REQUIRE(bench.rests());
    bench.submit(fill(system_memory(address + 2 * page_size), 8, 3));
    EXPECT(wait_until(2000, [&] { return interrupts == 2; }));
    bench.unit->page_requests().clear_event();
    EXPECT_EQ(bench.serve(bench.frame), 1u);
    unregister_interrupt(*vector);
}

// A ring that is stopped waits for no page; its answer still comes, and is expected.
TEST(a_ring_that_is_stopped_while_it_waits_comes_to_rest) {
    Bench bench;
    bench.submit(fill(system_memory(address), 8, 0));
    const auto request = bench.next_request();
    REQUIRE(request.has_value());
    EXPECT_EQ(bench.ring.stop(), gpu_driver::Error::None);
    bench.answer(*request);
    EXPECT_EQ(bench.pri_status() & ext::pri_unexpected, 0);
}

// Section 7.1.3, SCT.8: the context entry does not let the device ask.
TEST(a_device_that_may_not_ask_is_refused_and_recorded) {
    Bench bench;
    REQUIRE_EQ(bench.unit->unbind(bench.source(), Bench::pasid), Error::None);
    REQUIRE_EQ(bench.unit->detach(bench.source()), Error::None);
    REQUIRE_EQ(bench.unit->attach(bench.source(), {.device_tlb = true, .pasids = true}), Error::None);
    REQUIRE_EQ(bench.unit->bind(bench.source(), Bench::pasid, *bench.space), Error::None);
    bench.submit(fill(system_memory(address), 8, 0));
    bench.expect_fault(FaultCause::BusWriteRefused, address);
    const auto fault = bench.unit->take_fault();
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->reason, static_cast<unsigned>(vtd::FaultReason::PageRequestBlocked));
    EXPECT_EQ(fault->page, page.address());
    EXPECT(!bench.next_request(20));
}

// Software gives the page, but not for what was asked: the device asks again, and gives up some time.
TEST(success_without_the_page_is_asked_again_and_then_given_up) {
    Bench bench;
    bench.submit(fill(system_memory(address), 8, 0));
    unsigned asked = 0;
    while (bench.state() == Status::State::Busy) {
        const auto request = bench.next_request(10);
        if (!request) continue;
        bench.answer(*request);
        REQUIRE(++asked < 100);
    }
    EXPECT(asked > 1);
    bench.expect_fault(FaultCause::BusWriteRefused, address);
}
