// SPDX-License-Identifier: MIT
// Objects that all threads of a model test use at once, and destroy under each other's hands. What a call of theirs
// comes to depends on the others: it is only checked that it is something that may be.
#pragma once

#include "callbacks/tests/model/platform.h"

#include <array>
#include <mutex>
#include <random>
#include <string>

namespace remap::callbacks::tests {

class Contended {
public:
    explicit Contended(Platform& platform) : platform_(platform) {}

    // A call of the calling thread; `adapter` is one that all threads share. What is wrong with it; empty: nothing.
    // `injected`: it was made to fail on demand.
    std::string call(std::mt19937_64& random, HANDLE adapter, NTSTATUS injected_status, bool& injected);

    // One thread, all others done: destroys what is left.
    void end();

private:
    struct Entry {
        HANDLE object = nullptr;
        HANDLE opened = nullptr;
        DXGK_ADL* adl = nullptr;
        void* view = nullptr;
    };

    NTSTATUS make_call(std::uint64_t choice, const Entry& seen, Entry& now, HANDLE adapter);

    Platform& platform_;
    std::mutex lock_;
    std::array<Entry, 8> entries_;
};

}  // namespace remap::callbacks::tests
