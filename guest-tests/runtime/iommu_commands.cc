// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/iommu_commands.h"

#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/tables.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"
#include "iommu/driver/commands.h"

namespace remap::guest {

namespace {

namespace gcmd = vtd::global_command;
namespace descriptor = vtd::descriptor;
using vtd_driver::Commands;
using vtd_driver::Error;

constexpr std::uint64_t answer_milliseconds = 1000;

void command(std::uint64_t bit, bool on) {
    Commands commands(iommu_registers());
    REQUIRE_EQ(on ? commands.set(bit) : commands.clear(bit), Error::None);
}

bool is_on(std::uint64_t bit) { return (Commands(iommu_registers()).status() & bit) != 0; }

DeviceTables queue_pages;

PhysicalPage allocate_queue_page() {
    const auto page = queue_pages.allocate_table();
    REQUIRE(page);
    queue_pages.publish(*page, 0, page_size / sizeof(std::uint64_t));
    return *page;
}

std::uint64_t iotlb_registers() {
    namespace ecap = vtd::extended_capability;
    return ecap::IotlbRegisterOffset::get(iommu_registers().read64(ecap::offset)) * 16;
}

}  // namespace

void set_root_table_again() { command(gcmd::SetRootTable::mask, true); }

void set_interrupt_table_again() { command(gcmd::SetInterruptTable::mask, true); }

void let_compatibility_interrupts_pass(bool pass) { command(gcmd::CompatibilityInterrupt::mask, pass); }

void switch_translation(bool on) { command(gcmd::Translation::mask, on); }

void switch_queue(bool on) { command(gcmd::QueuedInvalidation::mask, on); }

RawQueue::RawQueue(Width width)
    : bytes_(static_cast<unsigned>(width)), descriptors_(allocate_queue_page()), status_(allocate_queue_page()) {
    switch_queue(false);
    iommu_registers().write64(vtd::queue_tail::offset, 0);
    iommu_registers().write64(vtd::queue_address::offset,
                              descriptors_.address().value |
                                  vtd::queue_address::WideDescriptors::of(width == Width::Wide));
    switch_queue(true);
}

RawQueue::~RawQueue() {
    switch_queue(false);
    queue_pages.free_table(descriptors_);
    queue_pages.free_table(status_);
}

void RawQueue::replace(unsigned index, const vtd::WideDescriptor& one) {
    const unsigned count = bytes_ / sizeof(std::uint64_t);
    volatile std::uint64_t* words = queue_pages.words(descriptors_) + count * index;
    for (unsigned i = 0; i < count; ++i) words[i] = one.words[i];
    queue_pages.publish(descriptors_, count * index, count);
}

unsigned RawQueue::put(const vtd::WideDescriptor& one) {
    const unsigned index = tail_;
    replace(index, one);
    tail_ = (tail_ + 1) % entries();
    return index;
}

void RawQueue::submit() {
    iommu_registers().write64(vtd::queue_tail::offset, std::uint64_t{tail_} * bytes_);
}

bool RawQueue::finish() {
    put(descriptor::make_wait_status(status().value + 4, ++finished_));
    submit();
    const auto* written = reinterpret_cast<const volatile std::uint32_t*>(status().value + 4);
    return wait_until(answer_milliseconds, [&] { return *written == finished_; });
}

unsigned RawQueue::head() const {
    const std::uint64_t bytes = iommu_registers().read64(vtd::queue_head::offset) & vtd::queue_head::position;
    return static_cast<unsigned>(bytes / bytes_);
}

std::uint32_t RawQueue::status_value() const {
    return *reinterpret_cast<const volatile std::uint32_t*>(status().value);
}

bool Invalidations::by_queue() { return queue_ || is_on(gcmd::QueuedInvalidation::mask); }

void Invalidations::queue(const vtd::Descriptor& one) {
    if (!queue_) queue_.emplace();
    queue_->put(one);
    REQUIRE(queue_->finish());
}

void Invalidations::contexts(vtd::ContextGranularity granularity, std::uint16_t domain, std::uint16_t source) {
    namespace ccmd = vtd::context_command;
    if (by_queue()) return queue(descriptor::make_context(granularity, domain, source, 0));
    vtd_driver::RegisterPort& registers = iommu_registers();
    registers.write64(ccmd::offset, ccmd::Invalidate::of(true) | ccmd::Requested::of(granularity) |
                                        ccmd::Domain::of(domain) | ccmd::Source::of(source));
    REQUIRE(wait_until(answer_milliseconds, [&] { return !ccmd::Invalidate::get(registers.read64(ccmd::offset)); }));
    EXPECT_EQ(ccmd::Actual::get(registers.read64(ccmd::offset)), granularity);
}

// `range` is what IVA_REG takes.
void Invalidations::by_register(vtd::IotlbGranularity granularity, std::uint16_t domain, std::uint64_t range) {
    namespace iotlb = vtd::iotlb_invalidate;
    vtd_driver::RegisterPort& registers = iommu_registers();
    const std::uint64_t command_register = iotlb_registers() + iotlb::offset_from_iro;
    registers.write64(iotlb_registers() + vtd::invalidate_address::offset_from_iro, range);
    registers.write64(command_register,
                      iotlb::Invalidate::of(true) | iotlb::Requested::of(granularity) | iotlb::Domain::of(domain));
    REQUIRE(
        wait_until(answer_milliseconds, [&] { return !iotlb::Invalidate::get(registers.read64(command_register)); }));
    EXPECT_EQ(iotlb::Actual::get(registers.read64(command_register)), granularity);
}

void Invalidations::translations(vtd::IotlbGranularity granularity, std::uint16_t domain, LogicalAddress first,
                                 unsigned address_mask) {
    namespace iva = vtd::invalidate_address;
    if (by_queue()) return queue(descriptor::make_iotlb(granularity, domain, first.value, address_mask, 0));
    by_register(granularity, domain, (first.value & iva::address) | iva::AddressMask::of(address_mask));
}

void Invalidations::leaves(std::uint16_t domain, LogicalAddress page) {
    namespace iva = vtd::invalidate_address;
    constexpr auto one_page = vtd::IotlbGranularity::Page;
    if (by_queue()) {
        vtd::Descriptor one = descriptor::make_iotlb(one_page, domain, page.value, 0, 0);
        one.high |= descriptor::iotlb::LeavesOnly::mask;
        return queue(one);
    }
    by_register(one_page, domain, (page.value & iva::address) | iva::LeavesOnly::mask);
}

void Invalidations::everything() {
    contexts(vtd::ContextGranularity::Global);
    translations(vtd::IotlbGranularity::Global);
}

}  // namespace remap::guest
