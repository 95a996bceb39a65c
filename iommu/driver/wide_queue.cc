// SPDX-License-Identifier: MIT
#include "iommu/driver/wide_queue.h"

#include "iommu/driver/commands.h"
#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace fsts = vtd::fault_status;
namespace iqa = vtd::queue_address;

namespace {

constexpr std::uint32_t errors = fsts::QueueError::mask | fsts::CompletionError::mask | fsts::TimeoutError::mask;

vtd::WideDescriptor wait_descriptor(std::uint64_t address, std::uint32_t data) {
    return vtd::descriptor::wide(vtd::descriptor::make_wait_status(address, data));
}

}  // namespace

// While the unit may still read the pages they are leaked rather than freed.
WideQueue::~WideQueue() {
    if (running_) return;
    if (queue_) tables_.free_table(*queue_);
    if (status_) tables_.free_table(*status_);
}

Error WideQueue::start() {
    queue_ = tables_.allocate_table();
    status_ = tables_.allocate_table();
    if (!queue_ || !status_) return Error::NoMemory;
    tables_.publish(*queue_, 0, page_size / sizeof(std::uint64_t));
    tables_.publish(*status_, 0, 1);
    registers_.write64(vtd::queue_tail::offset, 0);
    registers_.write64(iqa::offset, queue_->address().value | iqa::WideDescriptors::mask);
    running_ = true;
    return Commands(registers_).set(vtd::global_command::QueuedInvalidation::mask);
}

Error WideQueue::stop() {
    const Error error = Commands(registers_).clear(vtd::global_command::QueuedInvalidation::mask);
    if (error == Error::None) running_ = false;
    return error;
}

void WideQueue::write_at(unsigned index, const vtd::WideDescriptor& descriptor) {
    constexpr unsigned words_of_one = vtd::wide_descriptor_bytes / sizeof(std::uint64_t);
    volatile std::uint64_t* words = tables_.words(*queue_) + index * words_of_one;
    for (unsigned i = 0; i < words_of_one; ++i) words[i] = descriptor.words[i];
    tables_.publish(*queue_, index * words_of_one, words_of_one);
}

void WideQueue::put(const vtd::WideDescriptor& descriptor) {
    write_at(tail_, descriptor);
    tail_ = (tail_ + 1) % entries;
}

bool WideQueue::done() const { return static_cast<std::uint32_t>(tables_.words(*status_)[0]) == sequence_; }

void WideQueue::submit(std::span<const vtd::WideDescriptor> list) {
    for (const vtd::WideDescriptor& one : list.first(std::min<std::size_t>(list.size(), most_at_once))) put(one);
    put(wait_descriptor(status_->address().value, ++sequence_));
    registers_.write64(vtd::queue_tail::offset, std::uint64_t{tail_} * vtd::wide_descriptor_bytes);
}

Error WideQueue::wait() {
    bool failed = false;
    const bool ended = poll([&] {
        if (done()) return true;
        failed = (registers_.read32(fsts::offset) & errors) != 0;
        return failed;
    });
    if (!ended) return Error::Timeout;
    return failed ? recover() : Error::None;
}

Error WideQueue::run(std::span<const vtd::WideDescriptor> list) {
    submit(list);
    return wait();
}

// Section 6.5.2.11. After a time-out the wait that had begun is aborted, so that ours will not be done; after a queue
// error the head is at the bad descriptor, for which a wait is put that does no harm. Then the unit goes on.
Error WideQueue::recover() {
    const std::uint64_t scratch = status_->address().value + sizeof(std::uint64_t);
    Error error = Error::None;
    for (unsigned i = 0; i < entries; ++i) {
        const std::uint32_t status = registers_.read32(fsts::offset) & errors;
        const std::uint64_t position = registers_.read64(vtd::queue_head::offset);
        if (fsts::TimeoutError::get(status)) {
            const std::uint64_t whose = registers_.read64(vtd::queue_error::offset);
            silent_device_ = static_cast<std::uint16_t>(vtd::queue_error::TimeoutSource::get(whose));
            error = Error::DeviceTimeout;
        }
        if (fsts::QueueError::get(status)) {
            write_at(static_cast<unsigned>(position / vtd::wide_descriptor_bytes) % entries,
                     wait_descriptor(scratch, 0));
            error = Error::QueueError;
        }
        registers_.write32(fsts::offset, status);
        const bool idle = poll([&] {
            return registers_.read64(vtd::queue_head::offset) == std::uint64_t{tail_} * vtd::wide_descriptor_bytes ||
                   done() || (registers_.read32(fsts::offset) & errors) != 0;
        });
        if (!idle) return Error::Timeout;
        if ((registers_.read32(fsts::offset) & errors) == 0) break;
    }
    return error;
}

}  // namespace remap::vtd_driver
