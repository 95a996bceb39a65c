// SPDX-License-Identifier: MIT
#include "callbacks/hosted/tests/hosted_platform.h"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <thread>

namespace remap::hosted::tests {

using callbacks::Attachment;

namespace {

// Two devices of each slot.
constexpr std::uint16_t source_of(unsigned slot, unsigned device) {
    return static_cast<std::uint16_t>(0x10 + slot * 2 + device);
}

// Where the word of a page is that a test looks at, in bytes.
constexpr std::uint64_t word_at = 0x528;

void alarm(const char* what, vtd_driver::Error error) {
    ADD_FAILURE() << "the IOMMU failed at " << what << ": " << vtd_driver::name_of(error);
}

}  // namespace

thread_local KIRQL HostedPlatform::irql_ = PASSIVE_LEVEL;
thread_local std::uint64_t HostedPlatform::process_ = 1;

void HostedPlatform::Execution::relax() {
    static thread_local unsigned relaxed = 0;
    if (++relaxed % 64 == 0) std::this_thread::yield();
}

HostedPlatform::HostedPlatform(unsigned slots, const MachineOptions& options,
                               const callbacks::VerifierOptions& verifier) {
    auto machine = Machine::create(options);
    if (!machine) throw std::runtime_error(machine.error());
    machine_ = std::move(*machine);
    frames_.emplace(machine_->memory());
    views_.emplace(machine_->memory());
    access_.emplace(*machine_->iommu(), machine_->memory(), *frames_);
    unit_.emplace(*access_, *access_);
    EXPECT_EQ(unit_->start({}), vtd_driver::Error::None);
    inbox_.emplace(*unit_);
    for (unsigned slot = 0; slot < slots; ++slot) {
        const std::array sources{source_of(slot, 0), source_of(slot, 1)};
        auto& dma = dma_.emplace_back(*unit_, *inbox_, alarm);
        EXPECT_EQ(dma.create(sources), vtd_driver::Error::None);
        EXPECT_TRUE(dma.attach(Attachment::Domain));  // whose tables stay
        EXPECT_TRUE(dma.attach(Attachment::Nothing));
        locked_.emplace_back(dma, unit_lock_);
    }
    free_at_first_ = frames_->free_pages();
    dxgkrnl_ =
        std::make_unique<callbacks::Dxgkrnl>(callbacks::Ports{*frames_, *views_, execution_, reports_}, verifier);
}

std::uint64_t HostedPlatform::cpu_read(const void* page) {
    return *reinterpret_cast<const volatile std::uint64_t*>(static_cast<const std::byte*>(page) + word_at);
}

void HostedPlatform::cpu_write(void* page, std::uint64_t value) {
    *reinterpret_cast<volatile std::uint64_t*>(static_cast<std::byte*>(page) + word_at) = value;
}

std::optional<std::uint64_t> HostedPlatform::dma_read(unsigned slot, std::uint64_t page) {
    std::uint64_t value = 0;
    const LogicalAddress from = LogicalPage{page}.address() + word_at;
    const bool done = machine_->dma_read(source_of(slot, page % 2), from, &value, sizeof value);
    return done ? std::optional(value) : std::nullopt;
}

bool HostedPlatform::dma_write(unsigned slot, std::uint64_t page, std::uint64_t value) {
    const LogicalAddress to = LogicalPage{page}.address() + word_at;
    return machine_->dma_write(source_of(slot, page % 2), to, &value, sizeof value);
}

callbacks::tests::Leftovers HostedPlatform::end() {
    dxgkrnl_.reset();
    return {free_at_first_ - frames_->free_pages(), views_->count(), 0};
}

}  // namespace remap::hosted::tests
