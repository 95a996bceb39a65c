// SPDX-License-Identifier: MIT
// The part itself: its registers in BAR 0, its ring in a memory object, its DMA through address descriptor lists.
#include "sample.h"

#include "hw/driver/device.h"
#include "hw/driver/ring.h"
#include "hw/spec/gpu_packets.h"

using namespace remap;
using namespace remap::gpu::spec;

namespace {

constexpr std::uint64_t polls = 1'000'000;
constexpr ULONG ring_entries = 64;
constexpr ULONG copy_pages = 24;

class Registers final : public gpu_driver::GpuRegisters {
public:
    explicit Registers(SAMPLE_DEVICE& device) : base_(device.Registers) {}

    std::uint32_t read32(std::uint64_t offset) override { return *at<std::uint32_t>(offset); }
    std::uint64_t read64(std::uint64_t offset) override { return *at<std::uint64_t>(offset); }
    void write32(std::uint64_t offset, std::uint32_t value) override { *at<std::uint32_t>(offset) = value; }
    void write64(std::uint64_t offset, std::uint64_t value) override { *at<std::uint64_t>(offset) = value; }
    void pause() override { YieldProcessor(); }

private:
    template <typename T>
    volatile T* at(std::uint64_t offset) const {
        return reinterpret_cast<volatile T*>(base_ + offset);
    }

    volatile UCHAR* base_;
};

// A buffer for as long as the object lives.
class Buffer {
public:
    Buffer(SAMPLE_DEVICE& device, SIZE_T bytes) : device_(device) {
        made_ = NT_SUCCESS(SampleMakeBuffer(&device, bytes, DXGK_PHYSICAL_MEMORY_TYPE_MDL, &buffer_));
    }
    ~Buffer() { SampleFreeBuffer(&device_, &buffer_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    explicit operator bool() const { return made_; }
    PUCHAR data() const { return buffer_.Data; }
    std::uint64_t address(ULONG page) const { return std::uint64_t{SamplePage(buffer_.Adl, page)} << PAGE_SHIFT; }

private:
    SAMPLE_DEVICE& device_;
    SAMPLE_BUFFER buffer_{};
    bool made_ = false;
};

// One page of ring and one with the fence.
class Channel {
public:
    explicit Channel(SAMPLE_DEVICE& device)
        : registers_(device), part_(registers_), ring_(part_, polls), memory_(device, 2 * PAGE_SIZE) {}
    ~Channel() { ring_.stop(); }

    bool start() {
        if (!memory_) return false;
        auto* entries = reinterpret_cast<Packet*>(memory_.data());
        return ring_.start({{entries, ring_entries}, {memory_.address(0)}}) == gpu_driver::Error::None;
    }
    bool submit(const Packet& packet) { return ring_.submit(packet) == gpu_driver::Error::None; }
    bool finish() {
        if (!submit(fence(system_memory(memory_.address(1)), SAMPLE_MARK))) return false;
        ring_.ring_doorbell();
        auto* word = reinterpret_cast<volatile std::uint64_t*>(memory_.data() + PAGE_SIZE);
        return ring_.wait_fence_in_memory(word, SAMPLE_MARK, polls) == gpu_driver::Error::None;
    }

private:
    Registers registers_;
    gpu_driver::Device part_;
    gpu_driver::Ring ring_;
    Buffer memory_;
};

UCHAR pattern(ULONG byte) { return static_cast<UCHAR>(byte * 7 + (byte >> 12) * 13); }

// Page by page into VRAM, and from there in reverse order into another buffer.
ULONG copy_and_check(Channel& channel, const Buffer& from, const Buffer& to) {
    for (ULONG i = 0; i < copy_pages; ++i)
        if (!channel.submit(copy(vram(i * PAGE_SIZE), system_memory(from.address(i)), PAGE_SIZE))) return __LINE__;
    for (ULONG i = 0; i < copy_pages; ++i) {
        const Place place = vram((copy_pages - 1 - i) * PAGE_SIZE);
        if (!channel.submit(copy(system_memory(to.address(i)), place, PAGE_SIZE))) return __LINE__;
    }
    if (!channel.finish()) return __LINE__;
    for (ULONG i = 0; i < copy_pages * PAGE_SIZE; ++i) {
        const ULONG source = (copy_pages - 1 - i / PAGE_SIZE) * PAGE_SIZE + i % PAGE_SIZE;
        if (to.data()[i] != pattern(source)) return __LINE__;
    }
    return 0;
}

}  // namespace

BOOLEAN SampleGpuIsKnown(SAMPLE_DEVICE* Device) {
    Registers registers(*Device);
    const auto identity = gpu_driver::Device(registers).identify();
    return identity && identity->highest_address() >= SAMPLE_HIGHEST_ADDRESS;
}

void SampleGpuSilence(SAMPLE_DEVICE* Device) {
    if (Device->Registers == nullptr) return;
    Registers registers(*Device);
    gpu_driver::Device part(registers);
    part.reset();
    for (std::uint64_t poll = 0; part.stopping() && poll < polls; ++poll) registers.pause();
}

ULONG SampleTestGpuCopy(SAMPLE_DEVICE* Device) {
    const Buffer from(*Device, copy_pages * PAGE_SIZE);
    const Buffer to(*Device, copy_pages * PAGE_SIZE);
    if (!from || !to) return __LINE__;
    for (ULONG i = 0; i < copy_pages * PAGE_SIZE; ++i) from.data()[i] = pattern(i);
    Channel channel(*Device);
    if (!channel.start()) return __LINE__;
    return copy_and_check(channel, from, to);
}
