// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/msi.h"

#include "base/bits.h"

namespace remap::guest {

namespace {

// PCI local bus specification 3.0, section 6.8.1: the MSI capability; section 6.8.2: the MSI-X one.
constexpr unsigned message_control = 2;
constexpr unsigned message_address = 4;
constexpr std::uint16_t msi_enabled = 1 << 0;
constexpr std::uint16_t msi_several = 7 << 4;  // log2 of how many messages are enabled
constexpr std::uint16_t msi_wide = 1 << 7;     // has an upper half of the address

constexpr std::uint16_t msix_enabled = 1 << 15;
constexpr std::uint16_t msix_all_masked = 1 << 14;
using TableSize = Field<10, 0>;  // less one
constexpr unsigned table_location = 4;
using TableBar = Field<2, 0>;
constexpr unsigned words_per_entry = 4;  // address, upper address, data, control
constexpr std::uint32_t entry_masked = 1;

}  // namespace

bool enable_msi(const pci::Function& function, InterruptMessage message) {
    const auto capability = function.find_capability(pci::capability_msi);
    if (!capability) return false;
    const std::uint16_t control = function.read16(*capability + message_control);
    const bool wide = (control & msi_wide) != 0;
    unsigned at = *capability + message_address;
    function.write32(at, static_cast<std::uint32_t>(message.address));
    if (wide) function.write32(at += 4, static_cast<std::uint32_t>(message.address >> 32));
    function.write16(at + 4, static_cast<std::uint16_t>(message.data));
    function.write16(*capability + message_control, (control & static_cast<std::uint16_t>(~msi_several)) | msi_enabled);
    return true;
}

void disable_msi(const pci::Function& function) {
    const auto capability = function.find_capability(pci::capability_msi);
    if (!capability) return;
    const std::uint16_t control = function.read16(*capability + message_control);
    function.write16(*capability + message_control, control & static_cast<std::uint16_t>(~msi_enabled));
}

MsixTable::MsixTable(const pci::Function& function) {
    const auto capability = function.find_capability(pci::capability_msix);
    if (!capability) return;
    const std::uint16_t control = function.read16(*capability + message_control);
    const std::uint32_t location = function.read32(*capability + table_location);
    const std::uint64_t offset = location & ~TableBar::mask;
    const unsigned entries = static_cast<unsigned>(TableSize::get(control)) + 1;
    const unsigned bar = static_cast<unsigned>(TableBar::get(location));
    if (function.bar(bar).bytes < offset + entries * words_per_entry * 4) return;
    auto* registers = static_cast<volatile std::uint8_t*>(function.map_bar(bar));
    if (registers == nullptr) return;
    words_ = reinterpret_cast<volatile std::uint32_t*>(registers + offset);
    entries_ = entries;
    for (unsigned i = 0; i < entries_; ++i) mask(i);
    function.write16(*capability + message_control,
                     (control & static_cast<std::uint16_t>(~msix_all_masked)) | msix_enabled);
}

bool MsixTable::enable(unsigned entry, InterruptMessage message) {
    if (!mask(entry)) return false;
    volatile std::uint32_t* words = words_ + entry * words_per_entry;
    words[0] = static_cast<std::uint32_t>(message.address);
    words[1] = static_cast<std::uint32_t>(message.address >> 32);
    words[2] = message.data;
    words[3] = words[3] & ~entry_masked;
    return true;
}

bool MsixTable::mask(unsigned entry) {
    if (entry >= entries_) return false;
    volatile std::uint32_t* control = words_ + entry * words_per_entry + 3;
    *control = *control | entry_masked;
    return true;
}

}  // namespace remap::guest
