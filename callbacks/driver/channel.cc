// SPDX-License-Identifier: MIT
#include "callbacks/driver/channel.h"

namespace remap::driver {

using gpu::spec::Packet;
using gpu_driver::Error;

volatile std::uint64_t* Channel::fence_word() const {
    return reinterpret_cast<volatile std::uint64_t*>(memory_.data() + page_size);
}

Channel::StartError Channel::start(const DXGKRNL_INTERFACE& callbacks) {
    static_assert(entries * sizeof(Packet) <= page_size);
    if (const NTSTATUS status = memory_.make(callbacks, {.bytes = 2 * page_size}); !NT_SUCCESS(status)) return {status};
    const Error error = ring_.start({{reinterpret_cast<Packet*>(memory_.data()), entries}, memory_.address()});
    started_ = error == Error::None;
    if (!started_) memory_.release();
    return {STATUS_SUCCESS, error};
}

void Channel::stop() {
    if (started_) ring_.stop();
    started_ = false;
    memory_.release();
}

Error Channel::submit(const Packet& packet) { return ring_.submit(packet); }

Error Channel::finish(bool interrupt) {
    const Error error = ring_.submit(
        gpu::spec::fence(gpu::spec::system_memory(memory_.address(page_size).value), ++fences_, interrupt));
    if (error != Error::None) return error;
    ring_.ring_doorbell();
    return ring_.wait_fence_in_memory(fence_word(), fences_, polls_);
}

Error Channel::run(const Packet& packet) {
    const Error error = submit(packet);
    return error == Error::None ? finish() : error;
}

Error Channel::recover() {
    device_.clear_fault();
    const Error error = device_.resume();
    return error == Error::None ? ring_.wait_fence_in_memory(fence_word(), fences_, polls_) : error;
}

}  // namespace remap::driver
