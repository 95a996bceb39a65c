// SPDX-License-Identifier: MIT
#include "iommu/spec/dmar.h"

#include <algorithm>

namespace remap::vtd::dmar {

namespace {

constexpr std::size_t scope_bytes = scope::path + 2;
constexpr std::uint64_t page_bytes = 4096;

void put(std::span<std::byte> to, std::size_t offset, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) to[offset + i] = static_cast<std::byte>(value >> (8 * i));
}

void put_text(std::span<std::byte> to, std::size_t offset, const char* text) {
    for (std::size_t i = 0; text[i] != 0; ++i) to[offset + i] = static_cast<std::byte>(text[i]);
}

// The caller has checked that the bytes are there.
std::uint64_t get(std::span<const std::byte> from, std::size_t offset, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::to_integer<std::uint64_t>(from[offset + i]) << (8 * i);
    return value;
}

std::uint8_t sum_of(std::span<const std::byte> bytes) {
    unsigned sum = 0;
    for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
    return static_cast<std::uint8_t>(sum);
}

// A record at the start of `rest` whose length field is `length`; nothing when it is cut off or too short.
std::optional<std::span<const std::byte>> record_of(std::span<const std::byte> rest, std::size_t length,
                                                    std::size_t least) {
    if (length < least || length > rest.size()) return std::nullopt;
    return rest.first(length);
}

void put_scopes(std::span<std::byte> to, std::span<const Scope> scopes) {
    for (const Scope& one : scopes) {
        put(to, scope::type, one.type, 1);
        put(to, scope::length, scope_bytes, 1);
        put(to, scope::enumeration, one.enumeration, 1);
        put(to, scope::start_bus, one.bus, 1);
        put(to, scope::path, one.device, 1);
        put(to, scope::path + 1, one.function, 1);
        to = to.subspan(scope_bytes);
    }
}

std::size_t unit_size(const Options& options) { return drhd::scopes + options.scopes.size() * scope_bytes; }

// 0 when no root port is named.
std::size_t ports_size(const Options& options) {
    if (!options.ats_all_ports && options.ats_ports.empty()) return 0;
    return atsr::scopes + (options.ats_all_ports ? 0 : options.ats_ports.size() * scope_bytes);
}

void put_unit(std::span<std::byte> to, const Options& options) {
    put(to, structure::type, structure::type_drhd, 2);
    put(to, structure::length, to.size(), 2);
    put(to, drhd::flags, options.include_pci_all ? drhd::include_pci_all : 0, 1);
    put(to, drhd::segment, options.segment, 2);
    put(to, drhd::register_base, options.register_base, 8);
    put_scopes(to.subspan(drhd::scopes), options.scopes);
}

void put_ports(std::span<std::byte> to, const Options& options) {
    put(to, structure::type, structure::type_atsr, 2);
    put(to, structure::length, to.size(), 2);
    put(to, atsr::flags, options.ats_all_ports ? atsr::all_ports : 0, 1);
    put(to, atsr::segment, options.segment, 2);
    if (!options.ats_all_ports) put_scopes(to.subspan(atsr::scopes), options.ats_ports);
}

bool is_at(const Scope& scope, std::uint8_t bus, std::uint8_t device, std::uint8_t function) {
    return scope.bus == bus && scope.device == device && scope.function == function;
}

std::optional<std::span<const std::byte>> first_structure(std::span<const std::byte> rest) {
    if (rest.size() < structure::header_bytes) return std::nullopt;
    return record_of(rest, get(rest, structure::length, 2), structure::header_bytes);
}

}  // namespace

std::size_t dmar_size(const Options& options) { return table::structures + unit_size(options) + ports_size(options); }

std::size_t build_dmar(std::span<std::byte> to, const Options& options) {
    const std::size_t size = dmar_size(options);
    const std::size_t unit_bytes = unit_size(options);
    const std::size_t ports_bytes = ports_size(options);
    const bool sane = options.host_address_width >= 1 && options.host_address_width <= 64 && unit_bytes <= 0xffff &&
                      ports_bytes <= 0xffff && options.register_base % page_bytes == 0;
    if (to.size() < size || !sane) return 0;
    to = to.first(size);
    std::fill(to.begin(), to.end(), std::byte{0});

    put_text(to, table::signature, "DMAR");
    put(to, table::length, size, 4);
    put(to, table::revision, 1, 1);
    put_text(to, table::oem_id, "REMAP ");
    put_text(to, table::oem_table_id, "REMAPLAB");
    put(to, table::oem_revision, 1, 4);
    put_text(to, table::creator_id, "RLAB");
    put(to, table::creator_revision, 1, 4);
    put(to, table::host_address_width, options.host_address_width - 1, 1);
    put(to, table::flags,
        (options.interrupt_remapping ? table::interrupt_remapping : 0) |
            (options.x2apic_opt_out ? table::x2apic_opt_out : 0) |
            (options.platform_opt_in ? table::platform_opt_in : 0),
        1);
    put_unit(to.subspan(table::structures, unit_bytes), options);
    if (ports_bytes != 0) put_ports(to.subspan(table::structures + unit_bytes), options);
    put(to, table::checksum, std::uint64_t{0x100} - sum_of(to), 1);
    return size;
}

std::optional<Table> Table::parse(std::span<const std::byte> bytes) {
    if (bytes.size() < table::structures) return std::nullopt;
    const auto* const name = "DMAR";
    for (std::size_t i = 0; i < 4; ++i) {
        if (bytes[i] != static_cast<std::byte>(name[i])) return std::nullopt;
    }
    const std::uint64_t length = get(bytes, table::length, 4);
    if (length < table::structures || length > bytes.size()) return std::nullopt;
    bytes = bytes.first(length);
    if (sum_of(bytes) != 0) return std::nullopt;
    return Table(bytes);
}

unsigned Table::host_address_width() const {
    return static_cast<unsigned>(get(bytes_, table::host_address_width, 1)) + 1;
}

bool Table::interrupt_remapping() const { return (get(bytes_, table::flags, 1) & table::interrupt_remapping) != 0; }
bool Table::x2apic_opt_out() const { return (get(bytes_, table::flags, 1) & table::x2apic_opt_out) != 0; }
bool Table::platform_opt_in() const { return (get(bytes_, table::flags, 1) & table::platform_opt_in) != 0; }

std::optional<Unit> Table::unit(std::size_t index) const {
    std::span<const std::byte> rest = bytes_.subspan(table::structures);
    while (const auto one = first_structure(rest)) {
        rest = rest.subspan(one->size());
        if (get(*one, structure::type, 2) != structure::type_drhd) continue;
        if (one->size() < drhd::scopes) return std::nullopt;
        if (index-- != 0) continue;
        return Unit{.register_base = get(*one, drhd::register_base, 8),
                    .window_bytes = page_bytes << (get(*one, drhd::size, 1) & 0xf),
                    .segment = static_cast<std::uint16_t>(get(*one, drhd::segment, 2)),
                    .include_pci_all = (get(*one, drhd::flags, 1) & drhd::include_pci_all) != 0,
                    .scopes = one->subspan(drhd::scopes)};
    }
    return std::nullopt;
}

bool Table::ats_below(std::uint16_t segment, std::uint8_t bus, std::uint8_t device, std::uint8_t function) const {
    std::span<const std::byte> rest = bytes_.subspan(table::structures);
    while (const auto one = first_structure(rest)) {
        rest = rest.subspan(one->size());
        if (get(*one, structure::type, 2) != structure::type_atsr) continue;
        if (one->size() < atsr::scopes) return false;
        if (get(*one, atsr::segment, 2) != segment) continue;
        if ((get(*one, atsr::flags, 1) & atsr::all_ports) != 0) return true;
        for (std::size_t i = 0; const auto found = scope_of(one->subspan(atsr::scopes), i); ++i) {
            if (found->one_step && found->scope.type == scope::type_bridge &&
                is_at(found->scope, bus, device, function))
                return true;
        }
    }
    return false;
}

std::optional<FoundScope> scope_of(std::span<const std::byte> scopes, std::size_t index) {
    std::span<const std::byte> rest = scopes;
    while (rest.size() >= scope_bytes) {
        const auto one = record_of(rest, get(rest, scope::length, 1), scope_bytes);
        if (!one) return std::nullopt;
        rest = rest.subspan(one->size());
        if (index-- != 0) continue;
        const auto byte = [&one](std::size_t offset) { return static_cast<std::uint8_t>(get(*one, offset, 1)); };
        return FoundScope{.scope = {.type = byte(scope::type),
                                    .enumeration = byte(scope::enumeration),
                                    .bus = byte(scope::start_bus),
                                    .device = byte(scope::path),
                                    .function = byte(scope::path + 1)},
                          .one_step = one->size() == scope_bytes};
    }
    return std::nullopt;
}

std::optional<Unit> Table::unit_for(std::uint16_t segment, std::uint8_t bus, std::uint8_t device,
                                    std::uint8_t function) const {
    std::optional<Unit> for_all;
    for (std::size_t i = 0; const auto one = unit(i); ++i) {
        if (one->segment != segment) continue;
        if (one->include_pci_all && !for_all) for_all = one;
        for (std::size_t j = 0; const auto found = scope_of(*one, j); ++j) {
            if (found->one_step && found->scope.type == scope::type_endpoint &&
                is_at(found->scope, bus, device, function))
                return one;
        }
    }
    return for_all;
}

}  // namespace remap::vtd::dmar
