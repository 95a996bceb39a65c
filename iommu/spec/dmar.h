// SPDX-License-Identifier: MIT
// The ACPI table that tells software of remapping units (VT-d chapter 8). All numbers are little endian and unaligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace remap::vtd::dmar {

// Offsets of fields in bytes. Table header, 8.1; the first 36 bytes are the ACPI header.
namespace table {
inline constexpr std::size_t signature = 0;  // "DMAR"
inline constexpr std::size_t length = 4;     // 32 bits, of the whole table
inline constexpr std::size_t revision = 8;
inline constexpr std::size_t checksum = 9;             // all bytes of the table add up to 0
inline constexpr std::size_t oem_id = 10;              // 6 characters
inline constexpr std::size_t oem_table_id = 16;        // 8 characters
inline constexpr std::size_t oem_revision = 24;        // 32 bits
inline constexpr std::size_t creator_id = 28;          // 4 characters
inline constexpr std::size_t creator_revision = 32;    // 32 bits
inline constexpr std::size_t host_address_width = 36;  // bits, less one
inline constexpr std::size_t flags = 37;
inline constexpr std::size_t structures = 48;  // the first remapping structure
inline constexpr std::uint8_t interrupt_remapping = 1;
inline constexpr std::uint8_t x2apic_opt_out = 2;   // asks systems to leave x2APIC off; only with interrupt remapping
inline constexpr std::uint8_t platform_opt_in = 4;  // asks systems to turn remapping on by themselves
}  // namespace table

// Remapping structure header, 8.2: both 16 bits.
namespace structure {
inline constexpr std::size_t type = 0;
inline constexpr std::size_t length = 2;
inline constexpr std::size_t header_bytes = 4;
inline constexpr std::uint16_t type_drhd = 0;
inline constexpr std::uint16_t type_atsr = 2;
}  // namespace structure

// DMA remapping hardware unit definition, 8.3
namespace drhd {
inline constexpr std::size_t flags = 4;          // bit 0: include all devices of the segment
inline constexpr std::size_t size = 5;           // low 4 bits: window of 2^n pages
inline constexpr std::size_t segment = 6;        // 16 bits, PCI segment
inline constexpr std::size_t register_base = 8;  // 64 bits, address of the window
inline constexpr std::size_t scopes = 16;        // the first device scope
inline constexpr std::uint8_t include_pci_all = 1;
}  // namespace drhd

// Root port ATS capability reporting, 8.5: the root ports below which devices may have TLBs of their own
namespace atsr {
inline constexpr std::size_t flags = 4;    // bit 0: all root ports of the segment
inline constexpr std::size_t segment = 6;  // 16 bits, PCI segment
inline constexpr std::size_t scopes = 8;   // the first device scope; none with all_ports
inline constexpr std::uint8_t all_ports = 1;
}  // namespace atsr

// Device scope, 8.3.1
namespace scope {
inline constexpr std::size_t type = 0;
inline constexpr std::size_t length = 1;       // bytes, with the path
inline constexpr std::size_t enumeration = 4;  // id of an IOAPIC, number of an HPET
inline constexpr std::size_t start_bus = 5;
inline constexpr std::size_t path = 6;  // pairs of device and function
inline constexpr std::uint8_t type_endpoint = 1;
inline constexpr std::uint8_t type_bridge = 2;
inline constexpr std::uint8_t type_ioapic = 3;
inline constexpr std::uint8_t type_hpet = 4;
}  // namespace scope

// A device scope with a path of one step, which is all that devices on a root bus need.
struct Scope {
    std::uint8_t type = scope::type_endpoint;
    std::uint8_t enumeration = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;
    std::uint8_t function = 0;
};

struct Options {
    std::uint64_t register_base = 0;   // page aligned
    unsigned host_address_width = 46;  // bits
    bool interrupt_remapping = false;  // systems use it only when a scope names their IOAPIC
    bool x2apic_opt_out = false;
    bool platform_opt_in = false;
    bool include_pci_all = true;
    std::uint16_t segment = 0;
    std::span<const Scope> scopes = {};     // after which the unit is named; an IOAPIC's only with interrupt remapping
    bool ats_all_ports = false;             // devices below any root port may have TLBs
    std::span<const Scope> ats_ports = {};  // bridges below which devices may, when not all are
};

// Bytes that build_dmar writes for these options.
std::size_t dmar_size(const Options& options);

// Writes a whole table with one unit and its checksum. Returns its bytes; 0, and nothing written, when it does not fit.
std::size_t build_dmar(std::span<std::byte> to, const Options& options);

// A unit that a table names.
struct Unit {
    std::uint64_t register_base = 0;
    std::uint64_t window_bytes = 0;
    std::uint16_t segment = 0;
    bool include_pci_all = false;
    std::span<const std::byte> scopes;  // inside the table that was parsed
};

// Reads a table that anybody may have written. Every structure is checked against the bytes that are there.
class Table {
public:
    // Nothing unless signature, length and checksum are right. `bytes` may be longer than the table.
    static std::optional<Table> parse(std::span<const std::byte> bytes);

    unsigned host_address_width() const;  // bits
    bool interrupt_remapping() const;
    bool x2apic_opt_out() const;
    bool platform_opt_in() const;

    // The unit number `index`, in the table's order; nothing when there are not so many before the first bad structure.
    std::optional<Unit> unit(std::size_t index) const;

    // The unit that a device on the bus of its scope belongs to: one that names it, else the one for all devices.
    std::optional<Unit> unit_for(std::uint16_t segment, std::uint8_t bus, std::uint8_t device,
                                 std::uint8_t function) const;

    // Whether devices below this root port may have TLBs of their own.
    bool ats_below(std::uint16_t segment, std::uint8_t bus, std::uint8_t device, std::uint8_t function) const;

private:
    explicit Table(std::span<const std::byte> bytes) : bytes_(bytes) {}
    std::span<const std::byte> bytes_;
};

// The scope number `index` of a unit or of a list; nothing when there are not so many before the first bad one. Of a
// path of several steps the first is given, and `one_step` is false.
struct FoundScope {
    Scope scope;
    bool one_step = true;
};
std::optional<FoundScope> scope_of(std::span<const std::byte> scopes, std::size_t index);
inline std::optional<FoundScope> scope_of(const Unit& unit, std::size_t index) { return scope_of(unit.scopes, index); }

}  // namespace remap::vtd::dmar
