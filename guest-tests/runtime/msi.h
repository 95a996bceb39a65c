// SPDX-License-Identifier: MIT
// Message signalled interrupts of a PCI function.
#pragma once

#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/pci.h"

namespace remap::guest {

// Points the function's one MSI message at this processor and enables MSI. False when the function has no MSI.
bool enable_msi(const pci::Function& function, InterruptMessage message);
void disable_msi(const pci::Function& function);

// The MSI-X table of a function, mapped. Entries start masked.
class MsixTable {
public:
    // Maps the table and enables MSI-X; entries() is 0 when the function has none.
    explicit MsixTable(const pci::Function& function);

    unsigned entries() const { return entries_; }

    // Programs and unmasks an entry, or masks it. False when there is no such entry.
    bool enable(unsigned entry, InterruptMessage message);
    bool mask(unsigned entry);

private:
    volatile std::uint32_t* words_ = nullptr;
    unsigned entries_ = 0;
};

}  // namespace remap::guest
