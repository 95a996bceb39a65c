// SPDX-License-Identifier: MIT
#include "iommu/driver/commands.h"
#include "iommu/driver/invalidator.h"

namespace remap::vtd_driver {

namespace {

vtd::Descriptor descriptor_for(const Forget& one, const Capabilities& capabilities) {
    namespace iotlb = vtd::descriptor::iotlb;
    if (one.interrupts == Forget::Interrupts::All) return vtd::descriptor::make_interrupt_entry_all();
    if (one.interrupts == Forget::Interrupts::Selected)
        return vtd::descriptor::make_interrupt_entry(one.index, one.index_mask);
    if (one.contexts != vtd::ContextGranularity::None)
        return vtd::descriptor::make_context(one.contexts, one.domain, one.source, 0);
    return vtd::descriptor::make_iotlb(
        one.translations, one.domain, one.page.address().value, one.address_mask,
        iotlb::DrainReads::of(capabilities.drains_reads()) | iotlb::DrainWrites::of(capabilities.drains_writes()));
}

}  // namespace

// While the unit may still read the pages they are leaked rather than freed.
QueueInvalidator::~QueueInvalidator() {
    if (running_) return;
    if (queue_) tables_.free_table(*queue_);
    if (status_) tables_.free_table(*status_);
}

// Section 6.5.2: tail 0, then the address, then the switch. Size 0 is one page of 128-bit descriptors.
Error QueueInvalidator::start() {
    queue_ = tables_.allocate_table();
    status_ = tables_.allocate_table();
    if (!queue_ || !status_) return Error::NoMemory;
    tables_.publish(*queue_, 0, page_size / sizeof(std::uint64_t));
    tables_.publish(*status_, 0, 1);
    registers_.write64(vtd::queue_tail::offset, 0);
    registers_.write64(vtd::queue_address::offset, queue_->address().value);
    running_ = true;
    return Commands(registers_).set(vtd::global_command::QueuedInvalidation::mask);
}

// The queue is idle, and the last descriptor was a wait: run returned (section 6.5.2).
Error QueueInvalidator::stop() {
    const Error error = Commands(registers_).clear(vtd::global_command::QueuedInvalidation::mask);
    if (error == Error::None) running_ = false;
    return error;
}

void QueueInvalidator::write_at(unsigned index, const vtd::Descriptor& descriptor) {
    const unsigned word = index * (vtd::descriptor_bytes / sizeof(std::uint64_t));
    volatile std::uint64_t* words = tables_.words(*queue_);
    words[word] = descriptor.low;
    words[word + 1] = descriptor.high;
    tables_.publish(*queue_, word, 2);
}

void QueueInvalidator::put(const vtd::Descriptor& descriptor) {
    write_at(tail_, descriptor);
    tail_ = (tail_ + 1) % entries;
}

vtd::Descriptor QueueInvalidator::next_wait() {
    return vtd::descriptor::make_wait_status(status_->address().value, ++sequence_);
}

bool QueueInvalidator::done() const { return static_cast<std::uint32_t>(tables_.words(*status_)[0]) == sequence_; }

Error QueueInvalidator::run(std::span<const Forget> list) {
    while (!list.empty()) {  // room for the wait and for the one entry that stays free
        const std::span<const Forget> part = list.first(std::min<std::size_t>(list.size(), entries - 2));
        for (const Forget& one : part) put(descriptor_for(one, capabilities_));
        put(next_wait());
        if (const Error error = submit_and_wait(); error != Error::None) return error;
        list = list.subspan(part.size());
    }
    return Error::None;
}

Error QueueInvalidator::submit_and_wait() {
    namespace fsts = vtd::fault_status;
    constexpr std::uint32_t errors = fsts::QueueError::mask | fsts::CompletionError::mask | fsts::TimeoutError::mask;
    registers_.write64(vtd::queue_tail::offset, std::uint64_t{tail_} * vtd::descriptor_bytes);
    bool failed = false;
    const bool ended = poll([&] {
        if (done()) return true;
        failed = (registers_.read32(fsts::offset) & errors) != 0;
        return failed;
    });
    if (!ended) return Error::Timeout;
    if (!failed) return Error::None;
    recover();
    return Error::QueueError;
}

// Puts a harmless wait in place of the descriptor the unit stopped at and lets it go on, so that the queue can be used
// again. What the bad descriptor asked for was not done: the caller reports that. At most a queue full of them is bad.
void QueueInvalidator::recover() {
    namespace fsts = vtd::fault_status;
    const std::uint64_t status_word = status_->address().value;
    const std::uint64_t scratch = status_word + sizeof(std::uint64_t);
    for (unsigned i = 0; i < entries && !done(); ++i) {
        const std::uint32_t status = registers_.read32(fsts::offset);
        if (fsts::QueueError::get(status)) {
            const auto head = static_cast<unsigned>(registers_.read64(vtd::queue_head::offset) / vtd::descriptor_bytes);
            const bool is_our_wait = head == (tail_ + entries - 1) % entries;
            write_at(head % entries, vtd::descriptor::make_wait_status(is_our_wait ? status_word : scratch, sequence_));
        }
        registers_.write32(fsts::offset,
                           status & (fsts::QueueError::mask | fsts::CompletionError::mask | fsts::TimeoutError::mask));
        // The unit goes on by itself; QEMU's needs to be told.
        registers_.write64(vtd::queue_tail::offset, std::uint64_t{tail_} * vtd::descriptor_bytes);
    }
}

}  // namespace remap::vtd_driver
