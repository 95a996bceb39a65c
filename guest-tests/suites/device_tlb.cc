// SPDX-License-Identifier: MIT
// A device that keeps translations (ATS): what it may keep, how it is told to forget it (VT-d section 6.5.2.5 and
// 6.5.2.6), that a wait waits for it, and what happens when it does not answer (6.5.2.11).
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/process_bench.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault_reasons.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using vtd_driver::Error;

namespace {

namespace ext = pci::extended;
namespace fsts = vtd::fault_status;

constexpr LogicalPage page{0x7f123};  // of the process
constexpr LogicalPage next_page{page.number + 1};

// Two frames for one page; the first is mapped.
struct Bench : ProcessBench {
    explicit Bench(const ProcessBenchOptions& options = {}) : ProcessBench(options) { map(page, before); }

    // Another frame in place of the first, of which the unit is told.
    void replace() {
        REQUIRE_EQ(unit->remove(*space, page, 1), Error::None);
        map(page, after);
        REQUIRE_EQ(unit->forget_in_unit(*space, page, 1), Error::None);
    }
    Error tell_device() { return unit->forget_in_devices(*space, page, 1); }
    void hold_invalidations(bool on) {
        registers.write32(TranslationDebug::offset, TranslationDebug::HoldInvalidations::of(on));
    }
    std::uint32_t errors() {
        return unit_registers.read32(fsts::offset) &
               (fsts::QueueError::mask | fsts::TimeoutError::mask | fsts::CompletionError::mask);
    }
    void clear_errors() { unit_registers.write32(fsts::offset, errors()); }

    MarkedFrame before, after;
};

}  // namespace

TEST(the_function_and_the_unit_say_what_they_can) {
    REQUIRE(iommu() != nullptr);
    const pci::Function& gpu = gpu_function();
    const auto ats = gpu.find_extended_capability(ext::ats);
    const auto pri = gpu.find_extended_capability(ext::pri);
    const auto pasid = gpu.find_extended_capability(ext::pasid);
    REQUIRE(ats && pri && pasid);
    EXPECT_EQ(gpu.read16(*ats + ext::ats_capability), 0x0060);  // 32 invalidations, page aligned, global
    EXPECT_EQ(gpu.read32(*pri + ext::pri_capacity), 4u);
    EXPECT_EQ(gpu.read16(*pasid + ext::pasid_capability), 0x1404);  // 20 bits, privileged
    namespace ecap = vtd::extended_capability;
    const std::uint64_t offered = iommu_registers().read64(ecap::offset);
    for (const std::uint64_t bit : {ecap::DeviceTlb::mask, ecap::PageRequest::mask, ecap::Pasid::mask})
        EXPECT((offered & bit) != 0);
    EXPECT_EQ(ecap::PasidSize::get(offered), 19u);
}

TEST(translations_are_kept_and_used_without_asking_again) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    const std::uint64_t asked = bench.counter(TranslationRequests::offset);
    for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.counter(TranslationRequests::offset), asked);
    EXPECT(bench.counter(CacheHits::offset) >= 10);
    EXPECT(!bench.unit->take_fault());
}

// What the unit is told does not reach the device: a driver that stops there reads old memory.
TEST(a_device_that_was_not_told_uses_what_it_has_kept) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    bench.replace();
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(page), bench.after.mark());
}

// The other mistake, the order of section 6.5.2.5 turned round: the device asks the unit, which still knows the page.
TEST(a_device_that_was_told_before_the_unit_may_get_the_old_translation_again) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    REQUIRE_EQ(bench.unit->remove(*bench.space, page, 1), Error::None);
    bench.map(page, bench.after);
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.unit->forget_in_unit(*bench.space, page, 1), Error::None);
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(page), bench.after.mark());
}

TEST(a_device_that_keeps_nothing_leaves_all_to_the_unit) {
    Bench bench({.keeps_translations = false});
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.counter(TranslationRequests::offset), 0u);
    bench.replace();
    EXPECT_EQ(bench.read(page), bench.after.mark());
    // Nobody asks for a page then, and the unit records who lacked it.
    EXPECT_EQ(bench.read(next_page), Bench::refused);
    const auto fault = bench.unit->take_fault();
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->reason, static_cast<unsigned>(vtd::FaultReason::FirstStageNotPresent));
    EXPECT(fault->pasid == Bench::pasid);
    EXPECT_EQ(fault->page, next_page.address());
}

TEST(pages_that_are_not_named_are_kept) {
    Bench bench;
    const MarkedFrame neighbour;
    bench.map(next_page, neighbour);
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.read(next_page), neighbour.mark());
    const std::uint64_t asked = bench.counter(TranslationRequests::offset);
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(next_page), neighbour.mark());
    EXPECT_EQ(bench.counter(TranslationRequests::offset), asked);
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.counter(TranslationRequests::offset), asked + 1);
}

TEST(an_invalidation_of_another_process_is_none_of_this_one) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    bench.replace();
    const vtd::WideDescriptor other = vtd::descriptor::make_pasid_device_tlb(
        {bench.source(), bench.source()}, Bench::pasid + 1, page.address().value, 0);
    EXPECT_EQ(bench.unit->queue().run({&other, 1}), Error::None);
    EXPECT_EQ(bench.read(page), bench.before.mark());
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(page), bench.after.mark());
}

TEST(a_wait_is_done_when_the_device_has_answered) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    bench.replace();
    bench.hold_invalidations(true);
    const vtd::WideDescriptor one = vtd::descriptor::make_pasid_device_tlb(
        {bench.source(), bench.source()}, Bench::pasid, page.address().value, 0);
    bench.unit->queue().submit({&one, 1});
    EXPECT(!wait_until(20, [&] { return bench.unit->queue().done(); }));
    EXPECT_EQ(bench.read(page), bench.before.mark());
    bench.hold_invalidations(false);
    EXPECT_EQ(bench.unit->queue().wait(), Error::None);
    EXPECT_EQ(bench.read(page), bench.after.mark());
    EXPECT_EQ(bench.errors(), 0u);
}

TEST(a_device_that_does_not_answer_stops_the_queue_until_software_has_seen_it) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    bench.replace();
    bench.hold_invalidations(true);
    EXPECT_EQ(bench.tell_device(), Error::DeviceTimeout);
    EXPECT_EQ(bench.unit->queue().silent_device(), bench.source());
    EXPECT_EQ(bench.read(page), bench.before.mark());

    // Its answer comes too late, which is an error too (ICE), and the queue works on.
    bench.hold_invalidations(false);
    EXPECT(wait_until(2000, [&] { return bench.errors() == fsts::CompletionError::mask; }));
    EXPECT_EQ(vtd::queue_error::CompletionSource::get(bench.unit_registers.read64(vtd::queue_error::offset)),
              bench.source());
    bench.clear_errors();
    EXPECT_EQ(bench.tell_device(), Error::None);
    EXPECT_EQ(bench.read(page), bench.after.mark());
}

TEST(a_device_that_is_not_there_does_not_answer_either) {
    Bench bench;
    const std::uint16_t nobody = 0xffff;
    const vtd::WideDescriptor one =
        vtd::descriptor::wide(vtd::descriptor::make_device_tlb({nobody, nobody}, 0, 52));
    EXPECT_EQ(bench.unit->queue().run({&one, 1}), Error::DeviceTimeout);
    EXPECT_EQ(bench.unit->queue().silent_device(), nobody);
    EXPECT_EQ(bench.tell_device(), Error::None);
}

// The context entry's DTE bit is the device's right to what it has translated (section 3.9).
TEST(a_device_that_lost_the_right_is_refused_what_it_kept) {
    Bench bench;
    EXPECT_EQ(bench.read(page), bench.before.mark());
    REQUIRE_EQ(bench.unit->unbind(bench.source(), Bench::pasid), Error::None);
    REQUIRE_EQ(bench.unit->detach(bench.source()), Error::None);
    bench.submit(nop());
    REQUIRE(bench.rests());
    EXPECT_EQ(bench.state(), Status::State::Halted);
    const auto fault = bench.unit->take_fault();
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->source, bench.source());
    EXPECT_EQ(fault->reason, static_cast<unsigned>(vtd::FaultReason::ScalableContextNotPresent));
}
