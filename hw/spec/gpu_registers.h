// SPDX-License-Identifier: MIT
// The GPU as software sees it: PCI identity, BARs and registers. Described in docs/gpu.md. This is the only place where
// an offset or a bit of a register is written.
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::gpu::spec {

// PCI identity and BARs.
namespace pci_function {
inline constexpr std::uint16_t vendor = 0x1234;
inline constexpr std::uint16_t device = 0x11a9;
inline constexpr std::uint16_t subsystem_vendor = vendor;
inline constexpr std::uint16_t subsystem_device = device;
inline constexpr std::uint8_t revision = 0x01;
inline constexpr std::uint16_t device_class = 0x0380;  // display controller, other
inline constexpr unsigned register_bar = 0;            // 64-bit, not prefetchable
inline constexpr unsigned vram_bar = 2;                // 64-bit, prefetchable, as large as VRAM
inline constexpr unsigned msix_bar = 4;
inline constexpr std::uint64_t register_bar_size = 64 * 1024;  // bytes
inline constexpr std::uint64_t msix_bar_size = 4096;           // bytes
inline constexpr std::uint64_t msix_table_offset = 0x000;
inline constexpr std::uint64_t msix_pending_offset = 0x800;
inline constexpr unsigned pasid_bits = 20;
inline constexpr unsigned most_page_requests = 4;  // that are to be answered at a time
inline constexpr unsigned invalidation_queue_depth = 32;
}  // namespace pci_function

// MSI-X vectors. A cause of InterruptStatus has the bit, and the vector, of this number.
enum class Vector : unsigned { Fence = 0, Fault = 1, RingError = 2, Software = 3 };
inline constexpr unsigned vectors = 4;

inline constexpr unsigned min_log2_entries = 1;
inline constexpr unsigned max_log2_entries = 16;

// Magic: 0x000, 32 bits, RO. "RMAP" in memory order.
struct Magic {
    static constexpr std::uint64_t offset = 0x000;
    static constexpr std::uint32_t value = 0x50414d52;
};

// Version: 0x004, 32 bits, RO. A driver works with any minor version of the major version it knows.
struct Version {
    static constexpr std::uint64_t offset = 0x004;
    using Major = Field<31, 16>;
    using Minor = Field<15, 0>;
    static constexpr std::uint32_t value = 0x00010002;
};

// VramSize: 0x008, 64 bits, RO. Bytes.
struct VramSize {
    static constexpr std::uint64_t offset = 0x008;
};

// Capability: 0x010, 64 bits, RO.
struct Capability {
    static constexpr std::uint64_t offset = 0x010;
    using AddressBits = Field<6, 0>;      // 32 to 64; the highest address the part puts on the bus is 2^n - 1
    using MaxLog2Entries = Field<12, 8>;  // of the command ring
    using Vectors = Field<19, 16>;
};

// Control: 0x020, 32 bits, RW. Reset value 0. Reset and Resume act once and read as 0.
struct Control {
    static constexpr std::uint64_t offset = 0x020;
    using Enable = Flag<0>;  // RW: the ring is executed. 0 to 1: RingHead and RingTail become 0
    using Reset = Flag<1>;   // WO: resets the engine; the other bits of the write are ignored
    using Resume = Flag<2>;  // WO: a halted engine whose fault report is cleared goes on behind the packet at fault
};

// Status: 0x024, 32 bits, RO.
struct Status {
    static constexpr std::uint64_t offset = 0x024;
    enum class State : std::uint8_t {
        Disabled = 0,
        Idle = 1,    // enabled, the ring is empty
        Busy = 2,    // enabled, packets are waiting or in execution
        Halted = 3,  // enabled, stopped at a packet that faulted
    };
    using EngineState = Field<1, 0, State>;
    using Stopping =
        Flag<2>;  // the ring was disabled or reset, but a last access of an abandoned packet may be under way
    using WaitsForPage = Flag<3>;  // the packet in execution goes on when a page request is answered
};

// RingBase: 0x040, 64 bits, RW. Logical address of entry 0, a multiple of 64. Writes are ignored while enabled.
struct RingBase {
    static constexpr std::uint64_t offset = 0x040;
    static constexpr std::uint64_t mask = ~std::uint64_t{63};  // bits 5:0 read as 0
};

// RingSize: 0x048, 32 bits, RW. Writes are ignored while enabled.
struct RingSize {
    static constexpr std::uint64_t offset = 0x048;
    using Log2Entries = Field<4, 0>;  // min_log2_entries to max_log2_entries
};

// RingTail: 0x050, 32 bits, RW. The doorbell: number of the next entry software will fill. Writes are ignored while
// disabled; a number that is not below the number of entries is ignored and raises RingError.
struct RingTail {
    static constexpr std::uint64_t offset = 0x050;
};

// RingHead: 0x054, 32 bits, RO. Number of the entry that is executed now or next. The ring is empty when it equals the
// tail, so it holds one packet less than it has entries.
struct RingHead {
    static constexpr std::uint64_t offset = 0x054;
};

// InterruptStatus: 0x060, 32 bits, RW1C. Bit n is the cause with vector n.
struct InterruptStatus {
    static constexpr std::uint64_t offset = 0x060;
    using Fence = Flag<0>;      // a fence packet with the Interrupt flag completed
    using Fault = Flag<1>;      // the engine halted
    using RingError = Flag<2>;  // a bad tail was written, or a bad ring (size, reach) was to be enabled
    using Software = Flag<3>;   // raised by InterruptRaise
    static constexpr std::uint32_t all = 0xf;
};

// InterruptMask: 0x064, 32 bits, RW. Reset value all ones (0xf). 1: the cause sends no message. A message is sent each
// time a bit of (InterruptStatus & ~InterruptMask) goes from 0 to 1. Bits as in InterruptStatus.
struct InterruptMask {
    static constexpr std::uint64_t offset = 0x064;
};

// InterruptRaise: 0x068, 32 bits, WO. Sets the bits of InterruptStatus that are written as 1, as their causes would.
struct InterruptRaise {
    static constexpr std::uint64_t offset = 0x068;
};

// CompletedFence: 0x070, 64 bits, RO. Value of the fence packet that completed last.
struct CompletedFence {
    static constexpr std::uint64_t offset = 0x070;
};

enum class FaultCause : std::uint8_t {
    None = 0,
    BusReadRefused = 1,   // FaultAddress: the first byte of the refused access, which lies in one 4 KiB page
    BusWriteRefused = 2,  // likewise
    OutOfReach = 3,       // the range would end above 2^AddressBits - 1; FaultAddress: its first byte
    VramOutOfRange = 4,   // the range would end behind VRAM; FaultAddress: its first byte, an offset into VRAM
    BadOpcode = 5,        // FaultAddress: logical address of the ring entry
    BadPacket = 6,        // a flag, length, pitch, alignment or unused field that the opcode does not allow; likewise
    RingUnreadable = 7,   // the bus refused the read of the ring entry; likewise
    ContextRefused = 8,   // a PASID, or privilege, that software has not enabled for the function; likewise
};

// FaultStatus: 0x080, 32 bits. Writing 1 to Valid clears the whole report; other bits are RO.
struct FaultStatus {
    static constexpr std::uint64_t offset = 0x080;
    using Valid = Flag<0>;
    using Overflow = Flag<1>;  // another fault came while Valid was set; only the first is described
    using Cause = Field<15, 8, FaultCause>;
    using Opcode = Field<31, 16>;  // of the packet; 0 if it could not be read
};

// FaultEntry: 0x084, 32 bits, RO. Number of the ring entry.
struct FaultEntry {
    static constexpr std::uint64_t offset = 0x084;
};

// FaultAddress: 0x088, 64 bits, RO. See FaultCause.
struct FaultAddress {
    static constexpr std::uint64_t offset = 0x088;
};

// ActiveContext: 0x090, 32 bits, RO. What the last context packet said. 0 once the ring is enabled or the engine reset.
struct ActiveContext {
    static constexpr std::uint64_t offset = 0x090;
    using Pasid = Field<19, 0>;
    using Privileged = Flag<30>;
    using Valid = Flag<31>;
};

// PacketCount: 0x0a0, 64 bits, RO. Packets completed since reset; a packet that faulted is not counted.
struct PacketCount {
    static constexpr std::uint64_t offset = 0x0a0;
};

// ByteCount: 0x0a8, 64 bits, RO. Bytes written by fills and copies since reset.
struct ByteCount {
    static constexpr std::uint64_t offset = 0x0a8;
};

// Translation: 0x0c0, 32 bits, RO. What software has enabled in PCI configuration space.
struct Translation {
    static constexpr std::uint64_t offset = 0x0c0;
    using Cache = Flag<0>;         // ATS: translations are asked for and kept
    using PageRequests = Flag<1>;  // PRI
    using Pasid = Flag<2>;
    using Privileged = Flag<3>;  // requests with a PASID may ask for the rights of a supervisor
    using Failed = Flag<8>;      // a page request met a response failure: no more are made until PRI is reset
};

// TranslationDebug: 0x0c4, 32 bits, RW. Reset value 0.
struct TranslationDebug {
    static constexpr std::uint64_t offset = 0x0c4;
    using HoldInvalidations =
        Flag<0>;  // invalidations of the cache are neither obeyed nor answered until it is cleared
};

// 64 bits each, RO: events since reset.
struct CacheHits {
    static constexpr std::uint64_t offset = 0x0c8;
};
struct TranslationRequests {
    static constexpr std::uint64_t offset = 0x0d0;
};
struct Invalidations {  // obeyed
    static constexpr std::uint64_t offset = 0x0d8;
};
struct PageRequests {
    static constexpr std::uint64_t offset = 0x0e0;
};
struct PageAnswers {
    static constexpr std::uint64_t offset = 0x0e8;
};

// ScanoutControl: 0x100, 32 bits, RW. Reset value 0. Writing it latches the other scan-out registers into the display.
struct ScanoutControl {
    static constexpr std::uint64_t offset = 0x100;
    enum class PixelFormat : std::uint8_t { Xrgb8888 = 0 };  // little-endian 0x00RRGGBB; bits 31:24 are ignored
    using Enable = Flag<0>;
    using Shown = Flag<1>;  // RO: what was latched is enabled and valid
    using Format = Field<7, 4, PixelFormat>;
};

// ScanoutOffset: 0x108, 64 bits, RW. Bytes into VRAM, a multiple of 4.
struct ScanoutOffset {
    static constexpr std::uint64_t offset = 0x108;
};

// ScanoutWidth: 0x110, 32 bits, RW. Pixels, 1 to max.
struct ScanoutWidth {
    static constexpr std::uint64_t offset = 0x110;
    static constexpr std::uint32_t max = 16384;
};

// ScanoutHeight: 0x114, 32 bits, RW. Lines, 1 to max.
struct ScanoutHeight {
    static constexpr std::uint64_t offset = 0x114;
    static constexpr std::uint32_t max = 16384;
};

// ScanoutStride: 0x118, 32 bits, RW. Bytes from line to line, a multiple of 4, at least 4 * width, at most max.
struct ScanoutStride {
    static constexpr std::uint64_t offset = 0x118;
    static constexpr std::uint32_t max = 0x4000'0000;
};

}  // namespace remap::gpu::spec
