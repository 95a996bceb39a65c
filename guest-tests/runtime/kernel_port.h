// SPDX-License-Identifier: MIT
// The machine as the kernel services of callbacks/kernel see it: CR8 is the IRQL, as on Windows, and the services'
// memory is that of frames() and views().
#pragma once

#include "callbacks/kernel/kernel.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace remap::guest {

class KernelPort final : public kernel::KernelPort {
public:
    callbacks::FramePort& frames() override;
    callbacks::CpuViewPort& views() override;
    std::optional<PhysicalAddress> behind(const void* address) override;
    KIRQL irql() override;
    void set_irql(KIRQL level) override;
    std::uint64_t thread() override { return 16; }  // one processor, and nobody switches
    void relax() override;
    void lock() override;
    void unlock() override;
    bool wait(std::uint64_t until) override;  // lets interrupts come for a moment
    void notify() override {}
    std::uint64_t now() override;
    std::uint64_t counter() override;
    std::uint64_t counts_per_second() override { return 1'000'000'000; }

    // Lines are shown with the case that runs.
    void write(std::string_view text) override;

    // As a bugcheck of the callbacks: ends what runs, the code in catch_bugcheck or the case.
    void bugcheck(const kernel::Bugcheck& bugcheck) override;
    void report(const callbacks::Report& report) override;
    [[noreturn]] void halt() override;

    // How many bytes drivers have written since the machine started.
    std::uint64_t written() const { return written_; }

private:
    bool interrupts_before_lock_ = false;
    std::uint64_t written_ = 0;
    std::size_t line_length_ = 0;
    char line_[256];
};

// The machine's.
KernelPort& kernel_port();

// The kernel services for as long as the object lives. What a case before has left, because it ended early, ends first.
class KernelServices {
public:
    KernelServices();
    ~KernelServices();
    KernelServices(const KernelServices&) = delete;
    KernelServices& operator=(const KernelServices&) = delete;
};

}  // namespace remap::guest
