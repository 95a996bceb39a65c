// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/kernel_port.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/views.h"

#include <cstddef>

namespace remap::guest {

namespace {

constexpr std::uint64_t one_thread = 16;  // not 0, aligned as an address of a thread object is

class Port final : public kernel::KernelPort {
public:
    callbacks::FramePort& frames() override { return guest::frames(); }
    callbacks::CpuViewPort& views() override { return guest::views(); }
    std::optional<PhysicalAddress> behind(const void* address) override {
        const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
        return leaf ? std::optional(leaf->address) : std::nullopt;
    }

    KIRQL irql() override { return static_cast<KIRQL>(cpu::read_cr8()); }
    void set_irql(KIRQL level) override { cpu::write_cr8(level); }
    std::uint64_t thread() override { return one_thread; }
    void relax() override { cpu::pause(); }

    // One processor: whoever asks has it, once interrupts wait.
    void lock() override {
        const bool enabled = cpu::interrupts_enabled();
        cpu::disable_interrupts();
        enable_again_ = enabled;
    }
    void unlock() override {
        if (enable_again_) cpu::enable_interrupts();
    }

    // Only an interrupt handler could notify.
    bool wait(std::uint64_t until) override {
        unlock();
        cpu::pause();
        lock();
        return now() < until;
    }
    void notify() override {}

    std::uint64_t now() override { return nanoseconds() / 100; }
    std::uint64_t counter() override { return cpu::time_stamp(); }
    std::uint64_t counts_per_second() override { return ticks_per_millisecond() * 1000; }

    void write(std::string_view text) override;
    void bugcheck(const kernel::Bugcheck& bugcheck) override;
    [[noreturn]] void halt() override { abandon_guarded_call(); }

private:
    bool enable_again_ = false;
    char line_[160] = {};
    std::size_t length_ = 0;
};

Port port;

// Whole lines, as diagnostics.
void Port::write(std::string_view text) {
    for (const char c : text) {
        if (c != '\n' && length_ + 1 < sizeof line_) {
            line_[length_++] = c;
            continue;
        }
        line_[length_] = '\0';
        note("driver: %s", line_);
        length_ = 0;
    }
}

void Port::bugcheck(const kernel::Bugcheck& bugcheck) {
    cpu::write_cr8(PASSIVE_LEVEL);
    fail("bugcheck", static_cast<int>(bugcheck.code), "%lx %lx %lx %lx: %s", bugcheck.parameters[0],
         bugcheck.parameters[1], bugcheck.parameters[2], bugcheck.parameters[3], bugcheck.text);
    abandon_guarded_call();
}

}  // namespace

bool start_kernel() { return kernel::running() || kernel::start(port); }

}  // namespace remap::guest
