// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/acpi.h"

#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"

#include <cstring>
#include <new>

namespace remap::guest::acpi {

namespace {

// ACPI specification, section "Root System Description Pointer (RSDP) Structure".
constexpr std::uint64_t rsdp_checksummed_bytes = 20;  // revision 0
constexpr std::uint64_t rsdp_bytes = 36;              // revision 2
constexpr unsigned rsdp_revision = 15;
constexpr unsigned rsdp_rsdt = 16;
constexpr unsigned rsdp_xsdt = 24;
constexpr PhysicalAddress bios_area{0xe0000};  // where a BIOS puts it, on a multiple of 16
constexpr std::uint64_t bios_area_bytes = 0x20000;

// Section "System Description Table Header".
constexpr std::uint64_t header_bytes = 36;
constexpr unsigned header_length = 4;

// PCI firmware specification, section "MCFG Table Description": entries follow 8 reserved bytes.
constexpr std::uint64_t mcfg_entries = header_bytes + 8;
constexpr std::uint64_t mcfg_entry_bytes = 16;

constexpr std::uint64_t longest_table = std::uint64_t{4} << 20;
constexpr unsigned most_tables = 64;

using Bytes = std::span<const std::uint8_t>;

Bytes found[most_tables];
unsigned count;
unsigned bad;

template <typename T>
T read(const std::uint8_t* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

bool sums_to_zero(Bytes bytes) {
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
    return sum == 0;
}

// A copy of a table on the heap; empty when its length makes no sense or its checksum is wrong.
Bytes copy_table(PhysicalAddress address) {
    std::uint32_t length;
    {
        const PhysicalView header(address, header_bytes, CacheType::WriteBack);
        if (!header) return {};
        length = read<std::uint32_t>(header.as<const std::uint8_t>() + header_length);
    }
    if (length < header_bytes || length > longest_table) return {};
    const PhysicalView view(address, length, CacheType::WriteBack);
    auto* copy = new (std::nothrow) std::uint8_t[length];
    if (!view || copy == nullptr) panic("no memory for an ACPI table of %u bytes", length);
    std::memcpy(copy, view.as<const std::uint8_t>(), length);
    if (sums_to_zero({copy, length})) return {copy, length};
    delete[] copy;
    return {};
}

PhysicalAddress find_rsdp() {
    if (rsdp_address().value != 0) return rsdp_address();
    const PhysicalView area(bios_area, bios_area_bytes, CacheType::WriteBack);
    if (!area) return {};
    const auto* bytes = area.as<const std::uint8_t>();
    for (std::uint64_t at = 0; at < bios_area_bytes - rsdp_bytes; at += 16)
        if (std::memcmp(bytes + at, "RSD PTR ", 8) == 0 && sums_to_zero({bytes + at, rsdp_checksummed_bytes}))
            return bios_area + at;
    return {};
}

// The root table, and the bytes of one of its entries: XSDT before RSDT.
Bytes root_table(unsigned& entry_bytes) {
    const PhysicalAddress address = find_rsdp();
    if (address.value == 0) panic("no ACPI root pointer");
    const PhysicalView view(address, rsdp_bytes, CacheType::WriteBack);
    if (!view) panic("no room to map the ACPI root pointer");
    const auto* rsdp = view.as<const std::uint8_t>();
    if (!sums_to_zero({rsdp, rsdp_checksummed_bytes})) panic("the ACPI root pointer has a wrong checksum");
    const bool extended = rsdp[rsdp_revision] >= 2 && sums_to_zero({rsdp, rsdp_bytes});
    const std::uint64_t xsdt = extended ? read<std::uint64_t>(rsdp + rsdp_xsdt) : 0;
    entry_bytes = xsdt != 0 ? 8 : 4;
    return copy_table({xsdt != 0 ? xsdt : read<std::uint32_t>(rsdp + rsdp_rsdt)});
}

}  // namespace

void start() {
    unsigned entry_bytes = 4;
    const Bytes root = root_table(entry_bytes);
    if (root.empty()) panic("the ACPI root table is broken");
    for (std::uint64_t at = header_bytes; at + entry_bytes <= root.size() && count < most_tables; at += entry_bytes) {
        const std::uint8_t* entry = root.data() + at;
        const std::uint64_t address = entry_bytes == 8 ? read<std::uint64_t>(entry) : read<std::uint32_t>(entry);
        const Bytes table = copy_table({address});
        if (table.empty()) {
            ++bad;
        } else {
            found[count++] = table;
        }
    }
    delete[] root.data();
}

std::span<const std::uint8_t> find(const char* signature) {
    for (unsigned i = 0; i < count; ++i)
        if (std::memcmp(found[i].data(), signature, 4) == 0) return found[i];
    return {};
}

unsigned tables() { return count; }
unsigned bad_tables() { return bad; }

unsigned pci_segments(std::span<Segment> segments) {
    const Bytes mcfg = find("MCFG");
    unsigned filled = 0;
    for (std::uint64_t at = mcfg_entries; at + mcfg_entry_bytes <= mcfg.size() && filled < segments.size();
         at += mcfg_entry_bytes) {
        const std::uint8_t* entry = mcfg.data() + at;
        segments[filled++] = {read<std::uint64_t>(entry), read<std::uint16_t>(entry + 8), entry[10], entry[11]};
    }
    return filled;
}

}  // namespace remap::guest::acpi
