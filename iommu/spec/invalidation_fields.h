// SPDX-License-Identifier: MIT
// Descriptors of the invalidation queue (VT-d section 6.5.2), 128 bits each, or 256 bits with IQA_REG.DW.
#pragma once

#include "base/bits.h"
#include "iommu/spec/page_requests.h"
#include "iommu/spec/registers.h"

#include <array>
#include <cstdint>

namespace remap::vtd {

// The two 64-bit words of a descriptor, as they lie in memory.
struct Descriptor {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend constexpr bool operator==(const Descriptor&, const Descriptor&) = default;
};

inline constexpr unsigned descriptor_bytes = 16;

// The four words of a 256-bit descriptor. No type has anything in the upper two: they are reserved.
struct WideDescriptor {
    std::array<std::uint64_t, 4> words{};

    constexpr Descriptor lower() const { return {words[0], words[1]}; }
    friend constexpr bool operator==(const WideDescriptor&, const WideDescriptor&) = default;
};

inline constexpr unsigned wide_descriptor_bytes = 32;

namespace descriptor {

// Bits 11:9 and 3:0 of the low word together.
enum class Type : std::uint8_t {
    Context = 1,
    Iotlb = 2,
    DeviceTlb = 3,
    InterruptEntry = 4,
    Wait = 5,
    PasidIotlb = 6,  // this and all below: not in legacy mode
    Pasid = 7,
    PasidDeviceTlb = 8,
    PageGroupResponse = 9,
};

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

// pc_inv_dsc, 6.5.2.2
namespace pasid {
enum class Granularity : std::uint8_t { Domain = 0, Pasid = 1, Reserved = 2, Global = 3 };
using Scope = Field<5, 4, Granularity>;  // low word: G
using Domain = Field<31, 16>;            // low word: DID
using Pasid = Field<51, 32>;             // low word: PASID
inline constexpr std::uint64_t reserved_low = Field<8, 6>::mask | Field<15, 12>::mask | Field<63, 52>::mask;
inline constexpr std::uint64_t reserved_high = ~std::uint64_t{0};
}  // namespace pasid

// p_iotlb_inv_dsc, 6.5.2.4. CAP.PSI and MAMV do not bound it.
namespace pasid_iotlb {
enum class Granularity : std::uint8_t { Pasid = 2, Page = 3 };  // 0 and 1 are reserved
using Scope = Field<5, 4, Granularity>;                         // low word: G
using Domain = Field<31, 16>;                                   // low word: DID
using Pasid = Field<51, 32>;                                    // low word: PASID
using AddressMask = Field<5, 0>;                                // high word: AM
using LeavesOnly = Flag<6>;                                     // high word: IH
inline constexpr std::uint64_t address = Field<63, 12>::mask;   // high word: ADDR
inline constexpr std::uint64_t reserved_low = Field<8, 6>::mask | Field<15, 12>::mask | Field<63, 52>::mask;
inline constexpr std::uint64_t reserved_high = Field<11, 7>::mask;
}  // namespace pasid_iotlb

// What both kinds of device-TLB descriptors have at the same bits of the low word.
using PhysicalFunctionLow = Field<15, 12>;   // PFSID[3:0]: whose flow control counts, of a virtual function's
using PhysicalFunctionHigh = Field<63, 52>;  // PFSID[15:4]

constexpr std::uint16_t physical_function_of(Descriptor descriptor) {
    return static_cast<std::uint16_t>(PhysicalFunctionHigh::get(descriptor.low) << 4 |
                                      PhysicalFunctionLow::get(descriptor.low));
}
constexpr std::uint64_t physical_function(std::uint16_t source) {
    return PhysicalFunctionHigh::of(source >> 4) | PhysicalFunctionLow::of(source & 0xf);
}

// dev_tlb_inv_dsc, 6.5.2.5: a bad type where ECAP.DT is 0
namespace device_tlb {
using Pending = Field<20, 16>;                                 // low word: MIP, invalidations the device may queue
using Source = Field<47, 32>;                                  // low word: SID
using Size = Flag<0>;                                          // high word: S, see device_range
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // high word: ADDR
inline constexpr std::uint64_t reserved_low = Field<8, 4>::mask | Field<31, 21>::mask | Field<51, 48>::mask;
inline constexpr std::uint64_t reserved_high = Field<11, 1>::mask;
}  // namespace device_tlb

// p_dev_tlb_inv_dsc, 6.5.2.6: a bad type where ECAP.DT is 0
namespace pasid_device_tlb {
using Pending = Field<8, 4>;                                   // low word: MIP
using Source = Field<31, 16>;                                  // low word: SID
using Pasid = Field<51, 32>;                                   // low word: PASID
using Global = Flag<0>;                                        // high word: G, of every PASID
using Size = Flag<11>;                                         // high word: S, see device_range
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // high word: ADDR
inline constexpr std::uint64_t reserved_low = 0;
inline constexpr std::uint64_t reserved_high = Field<10, 1>::mask;
}  // namespace pasid_device_tlb

// The pages that a device-TLB descriptor means, as PCIe's ATS writes them: with S the lowest clear bit of the page
// address tells the size, 2^(bit + 1) bytes; all ones are all pages.
struct DeviceRange {
    std::uint64_t first = 0;  // address
    std::uint64_t last = 0;   // address of the last byte
};

constexpr DeviceRange device_range(std::uint64_t address, bool size) {
    const std::uint64_t below = address | Field<11, 0>::mask;
    const std::uint64_t span = size ? below ^ (below + 1) : Field<11, 0>::mask;
    return {address & ~span, address | span};
}

// ADDR and S for 2^(12 + order) bytes around an address; S at bit `size_bit`.
template <typename Size>
constexpr std::uint64_t device_address(std::uint64_t address, unsigned order) {
    const std::uint64_t page = address & Field<63, 12>::mask & ~low_bits(12 + order);
    if (order == 0) return page;
    return page | (low_bits(11 + order) & Field<63, 12>::mask) | Size::mask;
}

// iec_inv_dsc, 6.5.2.7: a bad type where ECAP.IR is 0
namespace interrupt_entry {
using Selective = Flag<4>;        // low word: G, 0 is all entries
using IndexMask = Field<31, 27>;  // low word: IM, low index bits to ignore; at most ECAP.MHMV
using Index = Field<47, 32>;      // low word: IIDX
inline constexpr std::uint64_t reserved_low = Field<8, 5>::mask | Field<26, 12>::mask | Field<63, 48>::mask;
inline constexpr std::uint64_t reserved_high = ~std::uint64_t{0};
}  // namespace interrupt_entry

// inv_wait_dsc, 6.5.2.8
namespace wait {
using Interrupt = Flag<4>;    // low word: IF, set ICS.IWC
using StatusWrite = Flag<5>;  // low word: SW, write StatusData to the address
using Fence = Flag<6>;        // low word: FN, later descriptors wait
using PageDrain = Flag<7>;    // low word: PD, page requests before it are in the queue; reserved when ECAP.PDS is 0
using StatusData = Field<63, 32>;  // low word
inline constexpr std::uint64_t status_address =
    Field<63, 2>::mask;  // high word; bits at or above the host width ignored
inline constexpr std::uint64_t reserved_low = Field<8, 7>::mask | Field<31, 12>::mask;  // without PD
inline constexpr std::uint64_t reserved_high = Field<1, 0>::mask;
}  // namespace wait

// page_grp_resp_dsc, section 7.6.1: a bad type where ECAP.PRS is 0
namespace page_response {
using PasidPresent = Flag<4>;              // low word: PP
using Code = Field<15, 12, PageResponse>;  // low word: RC
using Source = Field<31, 16>;              // low word: RID
using Pasid = Field<51, 32>;               // low word: PASID
using Last = Flag<2>;                      // high word: LPIG of the request that is answered
using Group = Field<11, 3>;                // high word: PRGI
inline constexpr std::uint64_t reserved_low = Field<8, 5>::mask | Field<63, 52>::mask;
inline constexpr std::uint64_t reserved_high = Field<1, 0>::mask | Field<63, 12>::mask;
}  // namespace page_response

}  // namespace descriptor
}  // namespace remap::vtd
