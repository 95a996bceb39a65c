// SPDX-License-Identifier: MIT
// Descriptors of the invalidation queue, 128 bits each in legacy mode (VT-d section 6.5.2).
#pragma once

#include "base/bits.h"
#include "iommu/spec/registers.h"

#include <cstdint>

namespace remap::vtd {

// The two 64-bit words of a descriptor, as they lie in memory.
struct Descriptor {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend constexpr bool operator==(const Descriptor&, const Descriptor&) = default;
};

inline constexpr unsigned descriptor_bytes = 16;

namespace descriptor {

// Bits 11:9 and 3:0 of the low word together.
enum class Type : std::uint8_t { Context = 1, Iotlb = 2, DeviceTlb = 3, InterruptEntry = 4, Wait = 5 };

constexpr Type type_of(Descriptor descriptor) {
    return static_cast<Type>(Field<11, 9>::get(descriptor.low) << 4 | Field<3, 0>::get(descriptor.low));
}

using TypeLow = Field<3, 0, Type>;

// cc_inv_dsc, 6.5.2.1
namespace context {
using Granularity = Field<5, 4, ContextGranularity>;  // low word: G
using Domain = Field<31, 16>;                         // low word: DID
using Source = Field<47, 32>;                         // low word: SID
using FunctionMask = Field<49, 48>;                   // low word: FM
inline constexpr std::uint64_t reserved_low = Field<8, 6>::mask | Field<15, 12>::mask | Field<63, 50>::mask;
inline constexpr std::uint64_t reserved_high = ~std::uint64_t{0};
}  // namespace context

// iotlb_inv_dsc, 6.5.2.3
namespace iotlb {
using Granularity = Field<5, 4, IotlbGranularity>;             // low word: G
using DrainWrites = Flag<6>;                                   // low word: DW
using DrainReads = Flag<7>;                                    // low word: DR
using Domain = Field<31, 16>;                                  // low word: DID
using AddressMask = Field<5, 0>;                               // high word: AM
using LeavesOnly = Flag<6>;                                    // high word: IH
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // high word: ADDR
inline constexpr std::uint64_t reserved_low = Flag<8>::mask | Field<15, 12>::mask | Field<63, 32>::mask;
inline constexpr std::uint64_t reserved_high = Field<11, 7>::mask;
}  // namespace iotlb

// dev_tlb_inv_dsc, 6.5.2.5: a bad type where ECAP.DT is 0
namespace device_tlb {
using Source = Field<47, 32>;                                  // low word: SID
using Size = Flag<0>;                                          // high word: S
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // high word: ADDR
}  // namespace device_tlb

// inv_wait_dsc, 6.5.2.9
namespace wait {
using Interrupt = Flag<4>;         // low word: IF, set ICS.IWC
using StatusWrite = Flag<5>;       // low word: SW, write StatusData to the address
using Fence = Flag<6>;             // low word: FN, later descriptors wait
using StatusData = Field<63, 32>;  // low word
inline constexpr std::uint64_t status_address =
    Field<63, 2>::mask;  // high word; bits at or above the host width ignored
inline constexpr std::uint64_t reserved_low = Field<8, 7>::mask | Field<31, 12>::mask;
inline constexpr std::uint64_t reserved_high = Field<1, 0>::mask;
}  // namespace wait

// What software writes.
constexpr Descriptor make_context(ContextGranularity granularity, std::uint16_t domain, std::uint16_t source,
                                  unsigned function_mask) {
    return {TypeLow::of(Type::Context) | context::Granularity::of(granularity) | context::Domain::of(domain) |
                context::Source::of(source) | context::FunctionMask::of(function_mask),
            0};
}

// `drains` is of DrainReads and DrainWrites, where CAP offers them.
constexpr Descriptor make_iotlb(IotlbGranularity granularity, std::uint16_t domain, std::uint64_t address,
                                unsigned address_mask, std::uint64_t drains) {
    return {TypeLow::of(Type::Iotlb) | iotlb::Granularity::of(granularity) | iotlb::Domain::of(domain) | drains,
            (address & iotlb::address) | iotlb::AddressMask::of(address_mask)};
}

constexpr Descriptor make_wait_status(std::uint64_t status_address, std::uint32_t status_data) {
    return {TypeLow::of(Type::Wait) | wait::StatusWrite::of(true) | wait::Fence::of(true) |
                wait::StatusData::of(status_data),
            status_address & wait::status_address};
}

}  // namespace descriptor
}  // namespace remap::vtd
