// SPDX-License-Identifier: MIT
// QEMU's teaching device, which knows nothing of this project: a 4 KiB buffer, and DMA between it and memory (QEMU,
// docs/specs/edu).
#pragma once

#include "base/address.h"
#include "guest-tests/runtime/pci.h"

#include <cstdint>

namespace remap::guest {

// One edu is on the root bus, one behind a PCI Express root port, where its requests carry another bus number.
enum class EduPlace { RootBus, BehindBridge };
inline constexpr EduPlace edu_places[] = {EduPlace::RootBus, EduPlace::BehindBridge};

// Ends the case when there is none in that place.
const pci::Function& edu_function(EduPlace place);

class Edu {
public:
    static constexpr PhysicalAddress highest_visible{(std::uint64_t{1} << 28) - 1};
    static constexpr std::uint64_t longest_transfer = 4095;  // of 4096: older models abort when the last byte is used

    explicit Edu(EduPlace place);

    const pci::Function& function() const { return function_; }
    std::uint16_t source() const { return function_.source(); }

    enum class Interrupt : bool { None, AtEnd };

    // A transfer takes 100 ms, however short it is; those of several devices may run at the same time.
    void start_read(LogicalAddress from, std::uint64_t buffer_offset, std::uint64_t bytes);
    void start_write(std::uint64_t buffer_offset, LogicalAddress to, std::uint64_t bytes,
                     Interrupt interrupt = Interrupt::None);
    void finish();

    // Its interrupt, with this cause: by a message where that is enabled, else by its line.
    void raise(std::uint32_t cause = 1);

    // The interrupt's cause, which is cleared.
    std::uint32_t acknowledge();
    static constexpr std::uint32_t cause_dma = 0x100;

private:
    void start(std::uint64_t source, std::uint64_t destination, std::uint64_t bytes, std::uint64_t command);

    template <typename T>
    volatile T* at(unsigned offset) {
        return reinterpret_cast<volatile T*>(registers_ + offset);
    }

    const pci::Function& function_;
    volatile std::uint8_t* registers_;
};

}  // namespace remap::guest
