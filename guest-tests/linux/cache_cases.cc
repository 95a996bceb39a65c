// SPDX-License-Identifier: MIT
// The GPU's DMA past the processors' caches, in memory of this process, under a stock kernel with VFIO: what the cache
// model
// (-machine cache-model=report) reports of a mistake, and that it reports nothing else, the boot of the kernel
// included.
#include "guest-tests/linux/descriptor.h"
#include "guest-tests/linux/host.h"
#include "guest-tests/linux/options.h"
#include "guest-tests/linux/vfio_gpu.h"
#include "guest-tests/x86/cache_instructions.h"
#include "hw/driver/cache_model.h"
#include "hw/driver/ring.h"
#include "hw/spec/cache_registers.h"
#include "hw/spec/gpu_packets.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>

#include <optional>
#include <string>

namespace remap::linux_guest {

namespace {

using cache_driver::CacheModel;
using gpu::spec::Packet;
using spec::cache::FindingKind;

constexpr std::uint64_t polls = 10'000'000;
constexpr LogicalAddress ring_at{0x1000'0000};
constexpr LogicalAddress data_at{0x2000'0000};
constexpr LogicalAddress fresh_at{0x3000'0000};

CacheModel map_model() {
    const Descriptor memory(open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC));
    void* const page = mmap(nullptr, spec::cache::bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(),
                            static_cast<off_t>(spec::cache::base));
    return CacheModel(page != MAP_FAILED ? static_cast<volatile std::uint64_t*>(page) : nullptr);
}

// A page of this process, which the kernel has given it.
std::uint64_t* new_page() {
    void* const page =
        mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return page != MAP_FAILED ? static_cast<std::uint64_t*>(page) : nullptr;
}

class Caches : public testing::Test {
protected:
    static void SetUpTestSuite() {
        model_.emplace(map_model());
        found_before_ = model_->findings();
        start_gpu();
    }
    static void TearDownTestSuite() {
        if (ring_) {
            EXPECT_EQ(ring_->stop(), gpu_driver::Error::None);
        }
        ring_.reset();
        device_.reset();
        gpu_.reset();
    }

    static void start_gpu() {
        const auto found = devices_of_kind("0x1234", "0x11a9");
        ASSERT_EQ(found.size(), 1u);
        std::string why;
        gpu_ = VfioGpu::open(found.front(), why);
        ASSERT_TRUE(gpu_) << why;
        std::uint64_t* const entries = new_page();
        data_ = new_page();
        ASSERT_EQ(gpu_->map(entries, page_size, ring_at), 0);
        ASSERT_EQ(gpu_->map(data_, page_size, data_at), 0);
        device_.emplace(*gpu_);
        ring_.emplace(*device_, polls);
        ASSERT_EQ(ring_->start({{reinterpret_cast<Packet*>(entries), page_size / sizeof(Packet)}, ring_at}),
                  gpu_driver::Error::None);
    }

    void SetUp() override {
        ASSERT_TRUE(ring_);
        known_ = model_->findings();
    }

    // Does it, and waits.
    static void run(const Packet& packet) {
        ASSERT_EQ(ring_->submit(packet), gpu_driver::Error::None);
        ASSERT_EQ(ring_->submit(gpu::spec::fence(gpu::spec::vram(0), ++fences_)), gpu_driver::Error::None);
        ring_->ring_doorbell();
        ASSERT_EQ(ring_->wait_fence(fences_, polls), gpu_driver::Error::None);
    }

    static std::uint64_t new_findings() { return model_->findings() - known_; }
    static cache_driver::Finding newest() { return model_->finding(model_->findings() - 1); }

    static inline std::optional<CacheModel> model_;
    static inline std::unique_ptr<VfioGpu> gpu_;
    static inline std::optional<gpu_driver::Device> device_;
    static inline std::optional<gpu_driver::Ring> ring_;
    static inline std::uint64_t* data_ = nullptr;
    static inline std::uint64_t fences_ = 0;
    static inline std::uint64_t found_before_ = 0;
    static inline std::uint64_t known_ = 0;
};

const gpu::spec::Place data_in_memory = gpu::spec::system_memory(data_at.value);
const gpu::spec::Place data_past_caches = gpu::spec::without_snoop(data_in_memory);
const gpu::spec::Place somewhere = gpu::spec::vram(4096);

Packet read_past_caches() { return gpu::spec::copy(somewhere, data_past_caches, 64); }
Packet write_past_caches(std::uint32_t pattern) { return gpu::spec::fill(data_past_caches, 64, pattern); }

TEST_F(Caches, NothingWasReportedOfTheKernelsBoot) { EXPECT_EQ(found_before_, 0u); }

TEST_F(Caches, AReadThatSnoopsNeedsNoFlush) {
    x86::store(&data_[0], std::uint64_t{1});
    run(gpu::spec::copy(somewhere, data_in_memory, 64));
    EXPECT_EQ(new_findings(), 0u);
}

TEST_F(Caches, AStoreThatWasFlushedIsSeenPastTheCaches) {
    x86::store(&data_[0], std::uint64_t{2});
    x86::clflushopt(&data_[0]);
    x86::sfence();
    run(read_past_caches());
    EXPECT_EQ(new_findings(), 0u);
}

TEST_F(Caches, AMissedFlushIsReportedOnceWithTheAddressOfTheStore) {
    const x86::Code code = x86::store(&data_[1], std::uint64_t{3});
    run(read_past_caches());
    run(read_past_caches());
    ASSERT_EQ(new_findings(), 1u);
    EXPECT_EQ(newest().kind, FindingKind::MissedFlush);
    EXPECT_EQ(newest().store_code, code);
    EXPECT_EQ(newest().store_address, reinterpret_cast<std::uint64_t>(&data_[1]));
    EXPECT_EQ(newest().dma_address, data_at.value);
    x86::clflush(&data_[1]);
}

// The kernel maps it, and from then on it is known that the GPU may come.
TEST_F(Caches, APageThatTheGpuNeverTouchedIsKnownByTheKernelsTables) {
    std::uint64_t* const fresh = new_page();
    ASSERT_EQ(gpu_->map(fresh, page_size, fresh_at), 0);
    const x86::Code code = x86::store(&fresh[0], std::uint64_t{4});
    run(gpu::spec::copy(somewhere, gpu::spec::without_snoop(gpu::spec::system_memory(fresh_at.value)), 64));
    ASSERT_EQ(new_findings(), 1u);
    EXPECT_EQ(newest().kind, FindingKind::MissedFlush);
    EXPECT_EQ(newest().store_code, code);
}

TEST_F(Caches, WhatTheGpuWroteIsReadAfterAFlush) {
    x86::clflush(&data_[0]);
    x86::mfence();
    run(write_past_caches(0x11111111));
    x86::clflush(&data_[0]);
    x86::mfence();
    std::uint64_t seen = 0;
    x86::load(&data_[0], seen);
    EXPECT_EQ(seen, 0x1111111111111111u);
    EXPECT_EQ(new_findings(), 0u);
}

TEST_F(Caches, AStaleLineIsReportedOnceWithTheAddressOfTheLoad) {
    std::uint64_t seen = 0;
    x86::load(&data_[0], seen);
    run(write_past_caches(0x22222222));
    const x86::Code code = x86::load(&data_[0], seen);
    EXPECT_EQ(seen, 0x2222222222222222u);  // only reported: the bytes are right
    ASSERT_EQ(new_findings(), 1u);
    EXPECT_EQ(newest().kind, FindingKind::StaleRead);
    EXPECT_EQ(newest().load_code, code);
    EXPECT_EQ(newest().dma_address, data_at.value);
}

TEST_F(Caches, AWorkingDayWithoutMistakesIsNotReported) {
    for (std::uint32_t round = 1; round <= 200; ++round) {
        for (unsigned i = 0; i < 8; ++i) x86::store(&data_[i], std::uint64_t{round} << 32 | i);
        x86::clflush(&data_[0]);
        run(read_past_caches());
        run(write_past_caches(round));
        x86::clflush(&data_[0]);
        x86::mfence();
        std::uint64_t seen = 0;
        x86::load(&data_[7], seen);
        ASSERT_EQ(seen, (std::uint64_t{round} << 32 | round));
    }
    EXPECT_EQ(new_findings(), 0u);
}

}  // namespace

}  // namespace remap::linux_guest
