// SPDX-License-Identifier: MIT
// Processor and GPU work side by side, round after round, and each round's bytes are made from those of the round
// before: what is lost, done twice or seen too late is found at its end. With `soak` on the command line rounds go on
// until a character comes in on the serial port; meanwhile somebody else may move the machine from QEMU to QEMU.
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/serial.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using gpu_driver::Error;

namespace {

constexpr std::uint64_t bytes = 5 * page_size;  // of each buffer
constexpr std::uint64_t skew = 77;              // by which VRAM's copy is moved within itself
constexpr std::uint64_t long_bytes = 1 << 20;   // of VRAM that a round fills besides, to keep the engine at work

void count_interrupt(void* context) {
    auto* count = static_cast<volatile unsigned*>(context);
    *count = *count + 1;
}

class Soak : GpuBench {
public:
    Soak() : video_(vram_of(function).address, long_bytes, CacheType::WriteCombined), table_(function) {
        for (Allocation* buffer : {&sent_, &received_})
            REQUIRE_EQ(buffer->make(callbacks(), {.bytes = bytes, .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY}),
                       STATUS_SUCCESS);
        REQUIRE(video_);
        const auto vector = register_interrupt(count_interrupt, const_cast<unsigned*>(&interrupts_));
        REQUIRE(vector.has_value());
        vector_ = *vector;
        REQUIRE(table_.enable(static_cast<unsigned>(Vector::Fence), message_for(vector_)));
        device.enable_interrupts(InterruptStatus::Fence::mask);
        for (std::uint64_t i = 0; i < bytes; ++i) received_[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    }

    ~Soak() {
        table_.mask(static_cast<unsigned>(Vector::Fence));
        unregister_interrupt(vector_);
    }

    // Ends the case at the first wrong byte.
    void round(unsigned number) {
        for (std::uint64_t i = 0; i < bytes; ++i) sent_[i] = static_cast<std::uint8_t>(received_[i] * 5 + number);
        submit(fill(vram(2 * long_bytes), long_bytes, number));
        submit(copy(vram(0), system_memory(sent_.address().value), bytes));
        submit(copy(vram(skew), vram(0), bytes));
        submit(copy(system_memory(received_.address().value), vram(skew), bytes));
        channel.ring().ring_doorbell();
        look_at_what_was_sent();  // the engine only reads it
        REQUIRE_EQ(channel.finish(true), Error::None);
        REQUIRE(wait_until(5000, [&] { return interrupts_ == number; }));
        REQUIRE_EQ(device.take_interrupts(), InterruptStatus::Fence::mask);
        look_at_what_came();
    }

private:
    void submit(const Packet& packet) { REQUIRE_EQ(channel.submit(packet), Error::None); }

    void look_at_what_was_sent() {
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < bytes; ++i) sum += sent_[i] * (i + 1);
        sum_ = sum;
    }

    void look_at_what_came() {
        const auto* video = video_.as<volatile std::uint8_t>();
        std::uint64_t sum = 0, wrong = 0;
        for (std::uint64_t i = 0; i < bytes; ++i) {
            sum += received_[i] * (i + 1);
            wrong += received_[i] != sent_[i] || video[skew + i] != sent_[i];
        }
        REQUIRE_EQ(wrong, 0);
        REQUIRE_EQ(sum, sum_);
    }

    Allocation sent_, received_;
    PhysicalView video_;
    MsixTable table_;
    std::uint8_t vector_ = 0;
    volatile unsigned interrupts_ = 0;
    std::uint64_t sum_ = 0;
};

}  // namespace

TEST(rounds_of_processor_and_gpu_lose_nothing) {
    Soak soak;
    const bool until_told = option("soak") != nullptr;
    for (unsigned number = 1; until_told || number <= 20; ++number) {
        soak.round(number);
        if (until_told && number % 32 == 0) print("# round %u\n", number);
        if (until_told && serial::read()) break;
    }
}
