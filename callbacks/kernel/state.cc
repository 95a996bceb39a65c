// SPDX-License-Identifier: MIT
#include "callbacks/kernel/state.h"

#include "callbacks/core/findings.h"

#include <new>

namespace remap::kernel {

namespace {

// The services have no context, so this is the only state outside objects.
constinit Kernel* the_kernel = nullptr;

}  // namespace

bool start(KernelPort& port) {
    if (the_kernel != nullptr) return false;
    the_kernel = new (std::nothrow) Kernel(port);
    return the_kernel != nullptr;
}

void stop() {
    delete the_kernel;
    the_kernel = nullptr;
}

bool running() { return the_kernel != nullptr; }

Kernel& kernel() {
    if (the_kernel == nullptr) __builtin_trap();
    return *the_kernel;
}

void report_conflict(const ConflictReport& found) {
    if (!found.conflict) return;
    callbacks::Text text;
    kernel().port.report(conflict_report(found.made, *found.conflict, text));
}

bool irql_at_most(KIRQL highest, std::uint64_t check, const char* routine, const void* caller, std::uint64_t third,
                  std::uint64_t fourth) {
    const KIRQL irql = kernel().port.irql();
    if (irql <= highest) return true;
    violation(check, {irql, third, fourth}, caller, "%s at IRQL %u, called from %p: it may be called up to IRQL %u",
              routine, unsigned{irql}, caller, unsigned{highest});
    return false;
}

TagText::TagText(std::uint32_t tag) {
    for (unsigned index = 0; index < 4; ++index) {
        const auto letter = static_cast<char>(tag >> 8 * index);
        text[index] = letter >= ' ' && letter <= '~' ? letter : '.';
    }
    text[4] = '\0';
}

}  // namespace remap::kernel
