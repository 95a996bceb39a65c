// SPDX-License-Identifier: MIT
#include "iommu/driver/descriptor_ring.h"

#include "iommu/driver/commands.h"
#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace fsts = vtd::fault_status;
namespace iqa = vtd::queue_address;

namespace {

vtd::WideDescriptor wait_descriptor(PhysicalAddress address, std::uint32_t data) {
    return vtd::descriptor::wide(vtd::descriptor::make_wait_status(address.value, data));
}

}  // namespace

// While the unit may still read the pages they are leaked rather than freed.
DescriptorRing::~DescriptorRing() {
    if (running_) return;
    if (queue_) tables_.free_table(*queue_);
    if (status_) tables_.free_table(*status_);
}

// Section 6.5.2: tail 0, then the address, then the switch. Size 0 is one page.
Error DescriptorRing::start() {
    queue_ = tables_.allocate_table();
    status_ = tables_.allocate_table();
    if (!queue_ || !status_) return Error::NoMemory;
    tables_.publish(*queue_, 0, page_size / sizeof(std::uint64_t));
    tables_.publish(*status_, 0, 1);
    const bool wide = bytes_of_one_ == vtd::wide_descriptor_bytes;
    registers_.write64(vtd::queue_tail::offset, 0);
    registers_.write64(iqa::offset, queue_->address().value | iqa::WideDescriptors::of(wide));
    running_ = true;
    return Commands(registers_).set(vtd::global_command::QueuedInvalidation::mask);
}

// The queue is idle, and the last descriptor was a wait (section 6.5.2).
Error DescriptorRing::stop() {
    const Error error = Commands(registers_).clear(vtd::global_command::QueuedInvalidation::mask);
    if (error == Error::None) running_ = false;
    return error;
}

void DescriptorRing::put(const vtd::WideDescriptor& descriptor) {
    replace(tail_, descriptor);
    tail_ = (tail_ + 1) % entries();
}

void DescriptorRing::replace(unsigned index, const vtd::WideDescriptor& descriptor) {
    const unsigned words_of_one = bytes_of_one_ / sizeof(std::uint64_t);
    const unsigned first = index * words_of_one;
    volatile std::uint64_t* const words = tables_.words(*queue_);
    for (unsigned i = 0; i < words_of_one; ++i) words[first + i] = descriptor.words[i];
    tables_.publish(*queue_, first, words_of_one);
}

void DescriptorRing::announce() { registers_.write64(vtd::queue_tail::offset, std::uint64_t{tail_} * bytes_of_one_); }

vtd::WideDescriptor DescriptorRing::next_wait() { return wait_descriptor(status_->address(), ++sequence_); }
vtd::WideDescriptor DescriptorRing::last_wait() const { return wait_descriptor(status_->address(), sequence_); }
vtd::WideDescriptor DescriptorRing::idle_wait() const {
    return wait_descriptor(status_->address() + sizeof(std::uint64_t), 0);
}

bool DescriptorRing::done() const { return static_cast<std::uint32_t>(tables_.words(*status_)[0]) == sequence_; }

Error DescriptorRing::wait() const {
    bool failed = false;
    const bool ended = poll([&] {
        if (done()) return true;
        failed = errors() != 0;
        return failed;
    });
    if (!ended) return Error::Timeout;
    return failed ? Error::QueueError : Error::None;
}

std::uint32_t DescriptorRing::errors() const {
    return registers_.read32(fsts::offset) &
           (fsts::QueueError::mask | fsts::CompletionError::mask | fsts::TimeoutError::mask);
}

void DescriptorRing::clear_errors(std::uint32_t which) { registers_.write32(fsts::offset, which); }

unsigned DescriptorRing::head() const {
    return static_cast<unsigned>(registers_.read64(vtd::queue_head::offset) / bytes_of_one_) % entries();
}

}  // namespace remap::vtd_driver
