// SPDX-License-Identifier: MIT
#include "callbacks/tests/failing_memory.h"

#include <cstddef>
#include <new>

namespace remap::callbacks::tests {

namespace {

bool active = false;
std::int64_t until_failure = 0;

bool allocation_fails() { return active && until_failure-- == 0; }

}  // namespace

FailingMemory::FailingMemory(std::int64_t at) {
    active = true;
    until_failure = at;
}
FailingMemory::~FailingMemory() { active = false; }

bool FailingMemory::failed() const { return until_failure < 0; }

}  // namespace remap::callbacks::tests

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return remap::callbacks::tests::allocation_fails() ? nullptr : ::operator new(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return remap::callbacks::tests::allocation_fails() ? nullptr : ::operator new[](bytes);
}
