// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/ioapic.h"

#include "base/bits.h"
#include "guest-tests/runtime/acpi.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"
#include "iommu/spec/dmar.h"
#include "iommu/spec/interrupts.h"

#include <cstring>
#include <span>

namespace remap::guest {

namespace {

namespace redirection = vtd::redirection;

// MADT (ACPI specification, section "Multiple APIC Description Table").
constexpr std::size_t madt_entries = 44;
constexpr std::uint8_t ioapic_type = 1;
constexpr std::size_t ioapic_id = 2;
constexpr std::size_t ioapic_address = 4;
constexpr std::size_t ioapic_bytes = 12;

// 82093AA, section 3: an index, and a window on the register it names.
constexpr unsigned index_register = 0x00 / 4;
constexpr unsigned window_register = 0x10 / 4;
constexpr unsigned version_register = 0x01;
using LastPin = Field<23, 16>;
constexpr unsigned redirection_register(unsigned pin) { return 0x10 + 2 * pin; }
using RemoteIrr = Flag<14>;

// 8254: counter 0, low then high byte, mode 0: its line goes up when the count has come to 0.
constexpr std::uint16_t timer_command = 0x43;
constexpr std::uint16_t timer_counter = 0x40;
constexpr std::uint8_t counter_0_once = 0x30;
constexpr unsigned soon = 1000;  // of 1.19 MHz

std::span<const std::uint8_t> find_in_madt() {
    const auto madt = acpi::find("APIC");
    for (std::size_t at = madt_entries; at + 2 <= madt.size() && madt[at + 1] >= 2; at += madt[at + 1]) {
        if (madt[at] == ioapic_type && at + ioapic_bytes <= madt.size()) return madt.subspan(at, ioapic_bytes);
    }
    panic("the MADT has no IOAPIC");
}

}  // namespace

IoApic::IoApic() {
    const auto entry = find_in_madt();
    std::uint32_t address;
    std::memcpy(&address, entry.data() + ioapic_address, sizeof address);
    registers_ = static_cast<volatile std::uint32_t*>(map_device({address}, 4096));
    if (registers_ == nullptr) panic("no room to map the IOAPIC");
    id_ = entry[ioapic_id];
    pins_ = static_cast<unsigned>(LastPin::get(read(version_register))) + 1;
    for (unsigned pin = 0; pin < pins_; ++pin) mask(pin);
}

IoApic::~IoApic() {
    for (unsigned pin = 0; pin < pins_; ++pin) mask(pin);
}

std::uint32_t IoApic::read(unsigned index) const {
    registers_[index_register] = index;
    return registers_[window_register];
}

void IoApic::write(unsigned index, std::uint32_t value) const {
    registers_[index_register] = index;
    registers_[window_register] = value;
}

void IoApic::set(unsigned pin, std::uint64_t entry) {
    mask(pin);
    write(redirection_register(pin) + 1, static_cast<std::uint32_t>(entry >> 32));
    write(redirection_register(pin), static_cast<std::uint32_t>(entry));
}

std::uint64_t IoApic::get(unsigned pin) const {
    return read(redirection_register(pin)) | std::uint64_t{read(redirection_register(pin) + 1)} << 32;
}

void IoApic::mask(unsigned pin) { write(redirection_register(pin), redirection::Masked::mask); }

bool IoApic::remote_irr(unsigned pin) const { return RemoteIrr::get(get(pin)); }

std::optional<std::uint16_t> source_of(const IoApic& ioapic) {
    namespace dmar = vtd::dmar;
    const auto table = dmar::Table::parse(std::as_bytes(acpi::find("DMAR")));
    if (!table || !table->interrupt_remapping()) return std::nullopt;
    for (std::size_t unit = 0; const auto found = table->unit(unit); ++unit) {
        for (std::size_t i = 0; const auto scope = dmar::scope_of(*found, i); ++i) {
            if (scope->scope.type == dmar::scope::type_ioapic && scope->scope.enumeration == ioapic.id())
                return static_cast<std::uint16_t>(scope->scope.bus << 8 | scope->scope.device << 3 |
                                                  scope->scope.function);
        }
    }
    return std::nullopt;
}

void pulse_legacy_timer() {
    cpu::out8(timer_command, counter_0_once);
    cpu::out8(timer_counter, soon & 0xff);
    cpu::out8(timer_counter, soon >> 8);
}

}  // namespace remap::guest
