// SPDX-License-Identifier: MIT
// Processes: each has tables of its own, and user views in them. The kernel's part is the same in all.
#pragma once

#include "guest-tests/runtime/address_region.h"
#include "guest-tests/runtime/address_space.h"

#include <cstdint>

namespace remap::guest {

class Process {
public:
    // Panics when there is no memory.
    Process();
    // Its views are gone, and it is not the current one.
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    std::uint64_t id() const { return id_; }
    AddressSpace& space() { return *space_; }
    AddressRegion& addresses() { return addresses_; }

    // The processor acts for it from now on; resume_kernel ends that.
    void enter();

    template <typename Body>
    void run(Body body) {
        enter();
        body();
        resume_kernel();
    }

    static void resume_kernel();

private:
    friend void start_processes();
    friend Process* find_process(std::uint64_t id);
    explicit Process(AddressSpace& kernel);

    std::uint64_t id_;
    AddressSpace* space_;
    AddressRegion addresses_;
    Process* next_;
};

// The kernel by itself, which is the process that a program begins in.
void start_processes();

// The one that the processor acts for, by its number: 1 is the kernel.
std::uint64_t current_process();

// Null when there is none of this number.
Process* find_process(std::uint64_t id);

}  // namespace remap::guest
