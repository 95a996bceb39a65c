// SPDX-License-Identifier: MIT
// A driver's own unit test, built against the installed library: the GPU reaches what the driver allocated, and the
// driver gives it back: the verifier would end the test if it did not.
#include "callbacks/hosted/system.h"

#include "driver.h"

#include <cstdio>
#include <cstring>

int main() {
    auto system = remap::hosted::System::create({});
    if (!system) return std::printf("%s\n", system.error().c_str()), 1;
    auto adapter = (*system)->start_adapter({});
    RING ring;
    if (!adapter || AllocateRing(&adapter->interface, 4 * PAGE_SIZE, &ring) != STATUS_SUCCESS) return 1;
    std::memcpy(ring.Cpu, "from the driver", 16);
    char seen[16] = {};
    const bool read = (*system)->machine().dma_read(adapter->gpu->source_id(), {ring.Gpu}, seen, sizeof seen);
    std::printf("the GPU reads at 0x%llx: %s\n", static_cast<unsigned long long>(ring.Gpu), seen);
    FreeRing(&adapter->interface, &ring);
    (*system)->stop_adapter(*adapter);
    return read && std::strcmp(seen, "from the driver") == 0 ? 0 : 1;
}
