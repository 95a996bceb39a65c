// SPDX-License-Identifier: MIT
// A driver's own unit test, built against the installed library: the GPU reaches what the driver allocated.
#include "callbacks/hosted/system.h"

#include <cstdio>
#include <cstring>

extern "C" NTSTATUS AllocateRing(const DXGKRNL_INTERFACE* Dxgk, SIZE_T Size, void** Cpu, ULONGLONG* Gpu);

int main() {
    auto system = remap::hosted::System::create({});
    if (!system) return std::printf("%s\n", system.error().c_str()), 1;
    auto adapter = (*system)->start_adapter({});
    void* cpu = nullptr;
    ULONGLONG gpu = 0;
    if (!adapter || AllocateRing(&adapter->interface, 4 * PAGE_SIZE, &cpu, &gpu) != STATUS_SUCCESS) return 1;
    std::memcpy(cpu, "from the driver", 16);
    char seen[16] = {};
    const bool read = (*system)->machine().dma_read(adapter->gpu->source_id(), {gpu}, seen, sizeof seen);
    std::printf("the GPU reads at 0x%llx: %s\n", static_cast<unsigned long long>(gpu), seen);
    return read && std::strcmp(seen, "from the driver") == 0 ? 0 : 1;
}
