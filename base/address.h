// SPDX-License-Identifier: MIT
// Addresses and page numbers as types of their own, so that the kinds cannot be mixed by accident.
#pragma once

#include <compare>
#include <cstdint>

namespace remap {

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;  // bytes

// Bytes to pages, rounded up. Never overflows.
constexpr std::uint64_t pages_of(std::uint64_t bytes) {
    return (bytes >> page_shift) + ((bytes & (page_size - 1)) != 0);
}

template <typename Kind>
struct Page;

// A byte address of one kind.
template <typename Kind>
struct Address {
    std::uint64_t value = 0;

    constexpr Page<Kind> page() const;
    constexpr std::uint64_t page_offset() const { return value & (page_size - 1); }  // bytes
    constexpr Address operator+(std::uint64_t bytes) const { return {value + bytes}; }
    constexpr Address operator-(std::uint64_t bytes) const { return {value - bytes}; }
    constexpr std::uint64_t operator-(Address other) const { return value - other.value; }
    friend constexpr auto operator<=>(Address, Address) = default;
};

// The number of a 4 KiB page of one kind.
template <typename Kind>
struct Page {
    std::uint64_t number = 0;

    constexpr Address<Kind> address() const { return {number << page_shift}; }
    constexpr Page operator+(std::uint64_t pages) const { return {number + pages}; }
    constexpr Page operator-(std::uint64_t pages) const { return {number - pages}; }
    constexpr std::uint64_t operator-(Page other) const { return number - other.number; }
    friend constexpr auto operator<=>(Page, Page) = default;
};

template <typename Kind>
constexpr Page<Kind> Address<Kind>::page() const {
    return {value >> page_shift};
}

struct PhysicalKind;
struct LogicalKind;

// What memory and the system bus are addressed with, behind every translation.
using PhysicalAddress = Address<PhysicalKind>;
using PhysicalPage = Page<PhysicalKind>;

// What a device puts on the bus before the IOMMU: WDDM's logical address, VT-d's and Linux's IOVA.
using LogicalAddress = Address<LogicalKind>;
using LogicalPage = Page<LogicalKind>;

}  // namespace remap
