// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/kernel_port.h"

#include "guest-tests/runtime/address_space.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest {

namespace {

KernelPort machine_port;

}  // namespace

KernelPort& kernel_port() { return machine_port; }

callbacks::FramePort& KernelPort::frames() { return guest::frames(); }
callbacks::CpuViewPort& KernelPort::views() { return guest::views(); }

std::optional<PhysicalAddress> KernelPort::behind(const void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    return leaf ? std::optional(leaf->address) : std::nullopt;
}

KIRQL KernelPort::irql() { return static_cast<KIRQL>(cpu::read_cr8()); }
void KernelPort::set_irql(KIRQL level) { cpu::write_cr8(level); }
void KernelPort::relax() { cpu::pause(); }

void KernelPort::lock() {
    const bool enabled = cpu::interrupts_enabled();
    cpu::disable_interrupts();
    interrupts_before_lock_ = enabled;
}

void KernelPort::unlock() {
    if (interrupts_before_lock_) cpu::enable_interrupts();
}

bool KernelPort::wait(std::uint64_t until) {
    unlock();
    cpu::pause();
    lock();
    return now() < until;
}

std::uint64_t KernelPort::now() { return nanoseconds() / 100; }
std::uint64_t KernelPort::counter() { return nanoseconds(); }

void KernelPort::write(std::string_view text) {
    written_ += text.size();
    for (const char letter : text) {
        if (letter != '\n') line_[line_length_++] = letter;
        if (letter != '\n' && line_length_ + 1 < sizeof line_) continue;
        line_[line_length_] = '\0';
        note("%s", line_);
        line_length_ = 0;
    }
}

void KernelPort::bugcheck(const kernel::Bugcheck& bugcheck) {
    note("bugcheck %x (%lx, %lx, %lx, %lx): %s", bugcheck.code, bugcheck.parameters[0], bugcheck.parameters[1],
         bugcheck.parameters[2], bugcheck.parameters[3], bugcheck.text);
    Bugcheck caught;
    caught.code = bugcheck.code;
    caught.parameter = bugcheck.parameters[0];
    caught.caller = bugcheck.caller;
    stop_with(caught, bugcheck.text);
}

void KernelPort::report(const callbacks::Report& report) { reports().report(report); }

void KernelPort::halt() { abandon_guarded_call(); }

KernelServices::KernelServices() {
    kernel::stop();
    if (!kernel::start(machine_port)) panic("no memory for the kernel services");
}

KernelServices::~KernelServices() { kernel::stop(); }

}  // namespace remap::guest
