// SPDX-License-Identifier: MIT
// Registers of the queues in memory: invalidations from software (VT-d section 11.4.9), page requests to software
// (chapter 7).
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::vtd {

// IQH_REG, 64 bits, RO, 11.4.9.1
namespace queue_head {
inline constexpr std::uint64_t offset = 0x80;
inline constexpr std::uint64_t position = Field<18, 4>::mask;  // QH: bytes from the queue's start
}  // namespace queue_head

// IQT_REG, 64 bits, RW, 11.4.9.2
namespace queue_tail {
inline constexpr std::uint64_t offset = 0x88;
inline constexpr std::uint64_t position = Field<18, 4>::mask;  // QT: bytes from the queue's start
}  // namespace queue_tail

// IQA_REG, 64 bits, RW, 11.4.9.3
namespace queue_address {
inline constexpr std::uint64_t offset = 0x90;
using Size = Field<2, 0>;                                      // QS: 2^value pages
using WideDescriptors = Flag<11>;                              // DW: 256-bit descriptors, needs scalable mode
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // IQA
}  // namespace queue_address

// ICS_REG, 32 bits, 11.4.9.4
namespace completion_status {
inline constexpr std::uint64_t offset = 0x9c;
using WaitComplete = Flag<0>;  // IWC, W1C
}  // namespace completion_status

// IQERCD_REG, 64 bits, RO, 11.4.9.9: why IQE was set, and of which device ITE and ICE tell
namespace queue_error {
inline constexpr std::uint64_t offset = 0xb0;
enum class Info : std::uint8_t {
    None = 0,
    BadTail = 1,             // the tail is beyond the queue
    Unreadable = 2,          // a descriptor could not be fetched
    BadType = 3,             // no descriptor type, or not one of this mode
    ReservedField = 4,       // a reserved field is not zero
    BadWidth = 5,            // a descriptor width that the mode does not have
    UnalignedTail = 6,       // the tail is not a multiple of the descriptor width
    BadTranslationMode = 7,  // RTADDR_REG.TTM
};
using Error = Field<3, 0, Info>;         // IQEI
using TimeoutSource = Field<47, 32>;     // ITESID: source id of the device that did not answer in time
using CompletionSource = Field<63, 48>;  // ICESID: source id of the device whose answer was not expected
}  // namespace queue_error

// PQH_REG, 64 bits, RW: software takes from here.
namespace page_queue_head {
inline constexpr std::uint64_t offset = 0xc0;
inline constexpr std::uint64_t position = Field<18, 5>::mask;  // PQH: bytes from the queue's start
}  // namespace page_queue_head

// PQT_REG, 64 bits, RW: the unit puts here.
namespace page_queue_tail {
inline constexpr std::uint64_t offset = 0xc8;
inline constexpr std::uint64_t position = Field<18, 5>::mask;  // PQT: bytes from the queue's start
}  // namespace page_queue_tail

// PQA_REG, 64 bits, RW
namespace page_queue_address {
inline constexpr std::uint64_t offset = 0xd0;
using Size = Field<2, 0>;                                      // PQS: 2^value pages
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // PQA
}  // namespace page_queue_address

// PRS_REG, 32 bits
namespace page_request_status {
inline constexpr std::uint64_t offset = 0xdc;
using Pending = Flag<0>;   // PPR, W1C: a request was put into the queue
using Overflow = Flag<1>;  // PRO, W1C: the queue was full; until it is cleared requests are answered by the unit itself
}  // namespace page_request_status

}  // namespace remap::vtd
