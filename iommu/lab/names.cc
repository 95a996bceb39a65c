// SPDX-License-Identifier: MIT
#include "iommu/lab/names.h"

#include "iommu/engine/ports.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <span>
#include <utility>

namespace remap::lab {
namespace {

constexpr std::array<std::string_view, kinds> kind_names = {
    "none",
    "dma",
    "translation",
    "walk",
    "entry",
    "fault",
    "interrupt-fault",
    "page-request-fault",
    "interrupt",
    "unit-interrupt",
    "invalidation",
    "completion",
    "queue-stopped",
    "stale-use",
    "device-invalidation",
    "device-answer",
    "page-request",
    "page-answer",
    "packet",
    "halt",
    "map",
    "unmap",
    "object",
    "frames",
    "call",
    "return",
    "injection",
    "rules",
    "reset",
};
constexpr std::array<std::string_view, deeds> deed_names = {
    "none",    "fault", "refuse",   "delay",     "wrong-page", "flip-bit", "drop",
    "silence", "stick", "full-log", "interrupt", "remove",     "hang",
};
static_assert(!kind_names.back().empty() && !deed_names.back().empty());

// By the number of the bit.
constexpr std::array<std::string_view, 8> flag_names = {
    "write", "refused", "no-snoop", "translated", "asks", "privileged", "ended", "tampered",
};
constexpr std::array<std::string_view, 8> completion_flag_names = {
    "writes", "interrupts", "", "", "", "", "", "tampered",
};

const std::array<std::string_view, 8>& flags_of(Kind kind) {
    return kind == Kind::Completion ? completion_flag_names : flag_names;
}

constexpr std::array<std::string_view, 3> unit_interrupt_names = {"fault", "completion", "page-request"};
static_assert(static_cast<unsigned>(iommu::InterruptSource::PageRequest) == unit_interrupt_names.size() - 1);

std::optional<unsigned> place_of(std::string_view name, std::span<const std::string_view> names) {
    for (unsigned i = 0; i < names.size(); ++i)
        if (!name.empty() && names[i] == name) return i;
    return std::nullopt;
}

// The compiler knows what an enumerator is called: both g++ and clang write the function's template argument at the end
// of its name, as `...FaultReason::NoWrite]`, and a value without an enumerator as `(...FaultReason)15]`.
template <vtd::FaultReason reason>
constexpr std::string_view enumerator() {
    std::string_view text = __PRETTY_FUNCTION__;
    text.remove_prefix(text.find("reason = ") + 9);
    text = text.substr(0, text.find_first_of(";]"));
    if (text.find('(') != text.npos) return {};
    return text.substr(text.rfind(':') + 1);
}

template <std::size_t... values>
constexpr auto enumerators(std::index_sequence<values...>) {
    return std::array<std::string_view, sizeof...(values)>{enumerator<static_cast<vtd::FaultReason>(values)>()...};
}

constexpr auto reasons = enumerators(std::make_index_sequence<256>());
static_assert(reasons[static_cast<std::size_t>(vtd::FaultReason::NoWrite)] == "NoWrite" && reasons[0x0f].empty());

struct Unit {
    std::string_view name;
    std::uint64_t nanoseconds;
};
constexpr Unit units[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};

std::optional<unsigned> hex_digits(std::string_view text) {
    unsigned value = 0;
    for (const char c : text) {
        const std::string_view digits = "0123456789abcdef";
        const std::size_t digit = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
        if (digit == digits.npos) return std::nullopt;
        value = value << 4 | static_cast<unsigned>(digit);
    }
    return value;
}

}  // namespace

std::string_view name_of(Kind kind) {
    const auto number = static_cast<unsigned>(kind);
    return number < kinds ? kind_names[number] : "unknown";
}

std::optional<Kind> kind_of(std::string_view name) {
    const auto place = place_of(name, kind_names);
    if (!place || *place == 0) return std::nullopt;
    return static_cast<Kind>(*place);
}

std::string_view name_of(Deed deed) {
    const auto number = static_cast<unsigned>(deed);
    return number < deeds ? deed_names[number] : "unknown";
}

std::optional<Deed> deed_of(std::string_view name) {
    const auto place = place_of(name, deed_names);
    if (!place || *place == 0) return std::nullopt;
    return static_cast<Deed>(*place);
}

std::string_view name_of_flag(Kind kind, std::uint8_t flag) {
    if (!std::has_single_bit(flag)) return {};
    return flags_of(kind)[static_cast<unsigned>(std::countr_zero(flag))];
}

std::optional<std::uint8_t> flag_of(Kind kind, std::string_view name) {
    const auto place = place_of(name, flags_of(kind));
    if (!place) return std::nullopt;
    return static_cast<std::uint8_t>(1u << *place);
}

std::string_view name_of(vtd::FaultReason reason) {
    return reason == vtd::FaultReason::None ? std::string_view() : reasons[static_cast<std::size_t>(reason)];
}

std::optional<vtd::FaultReason> reason_of(std::string_view name) {
    const auto place = place_of(name, reasons);
    if (!place || *place == 0) return std::nullopt;
    return static_cast<vtd::FaultReason>(*place);
}

std::vector<std::string_view> reason_names() {
    std::vector<std::string_view> names;
    for (std::size_t i = 1; i < reasons.size(); ++i)
        if (!reasons[i].empty()) names.push_back(reasons[i]);
    return names;
}

std::string_view name_of_unit_interrupt(std::uint32_t number) {
    return number < unit_interrupt_names.size() ? unit_interrupt_names[number] : "unknown";
}

std::optional<std::uint32_t> unit_interrupt_of(std::string_view name) { return place_of(name, unit_interrupt_names); }

std::string text_of_source(std::uint16_t source) {
    return fmt::format("{:02x}:{:02x}.{}", source >> 8, source >> 3 & 0x1f, source & 7);
}

std::optional<std::uint16_t> source_of(std::string_view text) {
    if (text.size() == 12 && text.substr(0, 5) == "0000:") text.remove_prefix(5);
    if (text.size() != 7 || text[2] != ':' || text[5] != '.') return std::nullopt;
    const auto bus = hex_digits(text.substr(0, 2));
    const auto device = hex_digits(text.substr(3, 2));
    const auto function = hex_digits(text.substr(6, 1));
    if (!bus || !device || !function || *device > 0x1f || *function > 7) return std::nullopt;
    return static_cast<std::uint16_t>(*bus << 8 | *device << 3 | *function);
}

std::string text_of_time(std::uint64_t nanoseconds) {
    for (const Unit& unit : units)
        if (nanoseconds % unit.nanoseconds == 0 && nanoseconds != 0)
            return fmt::format("{} {}", nanoseconds / unit.nanoseconds, unit.name);
    return "0 ns";
}

std::optional<std::uint64_t> time_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (name.starts_with(' ')) name.remove_prefix(1);
    for (const Unit& unit : units) {
        if (name != unit.name) continue;
        if (number > std::numeric_limits<std::uint64_t>::max() / unit.nanoseconds) return std::nullopt;
        return number * unit.nanoseconds;
    }
    return std::nullopt;
}

}  // namespace remap::lab
