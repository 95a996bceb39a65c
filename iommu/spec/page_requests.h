// SPDX-License-Identifier: MIT
// What a device asks of software: descriptors of the page request queue (VT-d chapter 7).
#pragma once

#include "base/bits.h"

#include <array>
#include <cstdint>

namespace remap::vtd {

// How software, or the unit itself, answers a group of page requests: the response code of PCIe (PRI).
enum class PageResponse : std::uint8_t {
    Success = 0x0,
    InvalidRequest = 0x1,  // a page of the group is not there, or not for this access
    Failure = 0xf,         // the device shall not ask again
};

// page_req_dsc, 256 bits. A group is all requests of a device with one index; the last one says so, and one
// response answers them all. A last request that asks for neither reading nor writing is a stop marker, which tells
// that no more requests with its PASID are on the way; it gets no response.
namespace page_request {
inline constexpr unsigned bytes = 32;
using Words = std::array<std::uint64_t, 4>;  // words 2 and 3 are reserved
inline constexpr std::uint64_t type = 1;
using Type = Field<7, 0>;                                      // word 0
using PasidPresent = Flag<8>;                                  // word 0: PP
using Source = Field<31, 16>;                                  // word 0: RID
using Pasid = Field<51, 32>;                                   // word 0: PASID
using Execute = Flag<52>;                                      // word 0: EXR
using Privileged = Flag<53>;                                   // word 0: PMR
using Read = Flag<0>;                                          // word 1: RD
using Write = Flag<1>;                                         // word 1: WR
using Last = Flag<2>;                                          // word 1: LPIG
using Group = Field<11, 3>;                                    // word 1: PRGI
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // word 1: ADDR
}  // namespace page_request

}  // namespace remap::vtd
