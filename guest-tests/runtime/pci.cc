// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/pci.h"

#include "base/bits.h"
#include "guest-tests/runtime/acpi.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest::pci {

namespace {

constexpr std::uint64_t bytes_per_bus = std::uint64_t{1} << 20;
constexpr unsigned bytes_per_function = 4096;
constexpr unsigned most_functions = 256;
constexpr unsigned buses = 256;
constexpr std::uint16_t no_vendor = 0xffff;
constexpr std::uint16_t status_has_capabilities = 1 << 4;
constexpr unsigned most_capabilities = 48;  // as many as fit in 192 bytes

constexpr unsigned most_extended_capabilities = 480;  // as many as fit in 3,840 bytes

using ExtendedId = Field<15, 0>;
using ExtendedNext = Field<31, 20>;

using MultiFunction = Flag<7>;  // of the header type
using HeaderLayout = Field<6, 0>;
constexpr unsigned bridge_layout = 1;
constexpr unsigned bridge_bars = 2;

// A base address register.
using IoSpace = Flag<0>;
using MemoryType = Field<2, 1>;
using Prefetchable = Flag<3>;
constexpr unsigned type_64_bits = 2;
constexpr std::uint32_t io_address = ~std::uint32_t{3};
constexpr std::uint32_t memory_address = ~std::uint32_t{15};

Function found[most_functions];
unsigned count;
bool visited[buses];
acpi::Segment segment;
volatile std::uint8_t* bus_views[buses];

// Configuration space of a bus, mapped when first asked for. Null when the segment does not reach it.
volatile std::uint8_t* view_of_bus(unsigned bus) {
    if (bus < segment.first_bus || bus > segment.last_bus) return nullptr;
    if (bus_views[bus] == nullptr) {
        bus_views[bus] =
            static_cast<volatile std::uint8_t*>(map_device({segment.address + bus * bytes_per_bus}, bytes_per_bus));
        if (bus_views[bus] == nullptr) panic("no room to map the configuration space of bus %x", bus);
    }
    return bus_views[bus];
}

void scan_bus(unsigned bus);

// Returns whether the function is there.
bool scan_function(volatile std::uint8_t* bus_view, std::uint16_t source) {
    const Function function(bus_view + (source & 0xff) * bytes_per_function, source);
    if (function.vendor() == no_vendor) return false;
    if (count == most_functions) panic("more than %u PCI functions", most_functions);
    found[count++] = function;
    if (HeaderLayout::get(function.read8(config::header_type)) == bridge_layout) {
        // Requests from behind it pass upstream only then (PCI Express base specification, "Command Register").
        function.set_bus_master(true);
        scan_bus(function.read8(config::secondary_bus));
    }
    return true;
}

void scan_bus(unsigned bus) {
    volatile std::uint8_t* view = view_of_bus(bus);
    if (view == nullptr || visited[bus]) return;  // a bridge firmware left alone says bus 0
    visited[bus] = true;
    for (unsigned device = 0; device < 32; ++device) {
        const auto source = static_cast<std::uint16_t>(bus << 8 | device << 3);
        const unsigned first = count;
        if (!scan_function(view, source)) continue;
        if (!MultiFunction::get(found[first].read8(config::header_type))) continue;
        for (unsigned function = 1; function < 8; ++function)
            scan_function(view, static_cast<std::uint16_t>(source | function));
    }
}

}  // namespace

std::uint8_t Function::read8(unsigned offset) const { return config_[offset]; }
std::uint16_t Function::read16(unsigned offset) const {
    return *reinterpret_cast<volatile std::uint16_t*>(config_ + offset);
}
std::uint32_t Function::read32(unsigned offset) const {
    return *reinterpret_cast<volatile std::uint32_t*>(config_ + offset);
}
void Function::write16(unsigned offset, std::uint16_t value) const {
    *reinterpret_cast<volatile std::uint16_t*>(config_ + offset) = value;
}
void Function::write32(unsigned offset, std::uint32_t value) const {
    *reinterpret_cast<volatile std::uint32_t*>(config_ + offset) = value;
}

Bar Function::bar(unsigned number) const {
    const bool bridge = HeaderLayout::get(read8(config::header_type)) == bridge_layout;
    if (number >= (bridge ? bridge_bars : bars_per_function)) return {};
    const unsigned offset = config::first_bar + 4 * number;
    const std::uint16_t command = read16(config::command);
    // While all ones stand in the register the function must not answer to the address they make.
    write16(config::command, command & static_cast<std::uint16_t>(~(config::command_io | config::command_memory)));
    const auto probe = [this](unsigned at) {
        const std::uint32_t value = read32(at);
        write32(at, ~std::uint32_t{0});
        const std::uint32_t ones = read32(at);
        write32(at, value);
        return ones;
    };
    const std::uint32_t low = read32(offset);
    const std::uint32_t low_mask = probe(offset);
    Bar bar;
    bar.io = IoSpace::get(low);
    bar.wide = !bar.io && MemoryType::get(low) == type_64_bits && number + 1 < bars_per_function;
    bar.prefetchable = !bar.io && Prefetchable::get(low);
    const std::uint32_t address_mask = bar.io ? io_address : memory_address;
    const std::uint64_t high = bar.wide ? read32(offset + 4) : 0;
    const std::uint64_t high_mask = bar.wide ? probe(offset + 4) : ~std::uint32_t{0};
    write16(config::command, command);

    if ((low_mask & address_mask) == 0 && (!bar.wide || high_mask == 0)) return {};
    const std::uint64_t mask = high_mask << 32 | (low_mask & address_mask);
    bar.address = {high << 32 | (low & address_mask)};
    bar.bytes = bar.io ? (~mask & 0xffff) + 1 : ~mask + 1;
    return bar;
}

volatile void* Function::map_bar(unsigned number) const {
    const Bar found_bar = bar(number);
    if (found_bar.bytes == 0 || found_bar.io || found_bar.address.value == 0) return nullptr;
    write16(config::command, read16(config::command) | config::command_memory);
    return map_device(found_bar.address, found_bar.bytes);
}

void Function::set_bus_master(bool on) const {
    const std::uint16_t rest = read16(config::command) & static_cast<std::uint16_t>(~config::command_bus_master);
    write16(config::command, rest | (on ? config::command_bus_master : std::uint16_t{0}));
}

std::optional<unsigned> Function::find_capability(std::uint8_t id) const {
    if ((read16(config::status) & status_has_capabilities) == 0) return std::nullopt;
    unsigned offset = read8(config::capabilities) & 0xfc;
    for (unsigned i = 0; i < most_capabilities && offset >= 0x40; ++i) {
        if (read8(offset) == id) return offset;
        offset = read8(offset + 1) & 0xfc;
    }
    return std::nullopt;
}

std::optional<unsigned> Function::find_extended_capability(std::uint16_t id) const {
    unsigned offset = extended::first;
    for (unsigned i = 0; i < most_extended_capabilities && offset >= extended::first; ++i) {
        const std::uint32_t header = read32(offset);
        if (header == 0) break;
        if (ExtendedId::get(header) == id) return offset;
        offset = static_cast<unsigned>(ExtendedNext::get(header)) & ~3u;
    }
    return std::nullopt;
}

void start() {
    acpi::Segment segments[8];
    const unsigned entries = acpi::pci_segments(segments);
    for (unsigned i = 0; i < entries; ++i) {
        if (segments[i].group != 0) continue;
        segment = segments[i];
        scan_bus(segment.first_bus);
        return;
    }
    panic("no memory-mapped PCI configuration space (MCFG)");
}

std::span<const Function> functions() { return {found, count}; }

const Function* find(std::uint16_t vendor, std::uint16_t device, unsigned n) {
    for (const Function& function : functions())
        if (function.vendor() == vendor && function.device() == device && n-- == 0) return &function;
    return nullptr;
}

}  // namespace remap::guest::pci
