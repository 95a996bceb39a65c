// SPDX-License-Identifier: MIT
// What happens in a machine, as the laboratory knows it: the one description that rules are matched against, that the
// trace holds, and that tools read. Plain data without pointers, because it lies in shared memory.
#pragma once

#include <cstdint>
#include <type_traits>

namespace remap::lab {

// Kinds keep their numbers: they are in trace files. The comment says what the fields hold that are not obvious;
// `address` is what a device puts on the bus, `source` its source id, unless it says otherwise.
enum class Kind : std::uint8_t {
    None = 0,

    // ---- devices and the unit ----
    Dma = 1,               // made or refused; length in bytes, result: the physical address
    Translation = 2,       // length: the granule, result: the physical address; code: the fault reason, 0 if allowed
    Walk = 3,              // tables were walked; result: the entry's physical address, detail: the entry
    Entry = 4,             // the unit reads an entry of its tables; result: its physical address, length in bytes;
                           // detail: what it reads. Written down if a rule had part in it
    Fault = 5,             // code: the fault reason, detail: FaultFate
    InterruptFault = 6,    // address: the index; code: the fault reason, detail: FaultFate
    PageRequestFault = 7,  // code: the fault reason, detail: FaultFate
    Interrupt = 8,      // of a device; address and detail: its message; result: the message's new address, if allowed
    UnitInterrupt = 9,  // of the unit itself; code: iommu::InterruptSource, address and detail: the message
    Invalidation =
        10,           // code: what (iommu::Invalidation::What) << 8 | scope; detail: the domain; length: pages, entries
    Completion = 11,  // a wait descriptor; address: of the status word, detail: the word; flags: Writes, Interrupts
    QueueStopped = 12,        // code: the error, detail: the head in bytes
    StaleUse = 13,            // result: the physical address that was served, detail: the one that the tables say
    DeviceInvalidation = 14,  // told to a device's TLB; length in bytes, detail: the tag
    DeviceAnswer = 15,        // the device has obeyed; detail: the tag
    PageRequest = 16,         // detail: the group
    PageAnswer = 17,          // detail: the group, code: the response code

    // ---- the GPU's engine ----
    Packet = 18,  // fetched; address: the packet's entry, code: the opcode, detail and result: destination, source
    Halt = 19,    // address: what the fault is about, code: the cause, detail: the entry

    // ---- drivers and the callbacks under them ----
    // As the driver's side says: a guest may say anything. An object is a number, from 1 in the order of creation, that
    // is never used twice; 0: none. Callbacks and sorts are numbers of callbacks/names/names.h.
    Map = 20,     // a device reaches pages; length in bytes, result: the physical address, detail: the object.
                  // Without a source the CPU does; address: virtual, code: cache type (0 uncached, 1 write-back,
                  // 2 write-combined) << 8 | user mode << 1 | writable
    Unmap = 21,   // no longer; length in bytes, detail: the object. Need not be of what one Map was of
    Object = 22,  // created or destroyed (flag ended); detail: the object, length in bytes, code: its sort, address:
                  // the Context that its driver gave it, result: its handle
    Frames = 23,  // a run of an object's memory; address: physical, length in bytes, detail: the object, result: where
                  // in the object, in bytes; with flag ended it is the object's no more
    Call = 24,    // of a callback; code: which, address: the caller, 0: not a driver
    Return = 25,  // from it, on the same thread; code and address as of the Call, result: its status, detail: the
                  // object it was about; flag refused: the status is none of success

    // ---- the laboratory itself ----
    Injection = 26,  // code: the rule's number, detail: how often it has acted, result: the kind it acted on, length:
                     // the deed; the rest as that event has it
    Rules = 27,      // the rules were changed; code: how many there are, detail: the seed
    Reset = 28,      // of the machine or, with a source, of a device
};
inline constexpr unsigned kinds = 29;

namespace flag {
inline constexpr std::uint8_t write = 1 << 0;  // else a read
inline constexpr std::uint8_t refused = 1 << 1;
inline constexpr std::uint8_t no_snoop = 1 << 2;
inline constexpr std::uint8_t translated = 1 << 3;  // the address was translated before (ATS)
inline constexpr std::uint8_t asks = 1 << 4;        // a translation request
inline constexpr std::uint8_t privileged = 1 << 5;
inline constexpr std::uint8_t ended = 1 << 6;
inline constexpr std::uint8_t tampered = 1 << 7;  // a rule had part in it

// Of a Completion.
inline constexpr std::uint8_t writes = 1 << 0;
inline constexpr std::uint8_t interrupts = 1 << 1;
}  // namespace flag

inline constexpr std::uint32_t no_pasid = 0xffff'ffff;
inline constexpr std::uint16_t no_source = 0xffff;  // bus 255, device 31, function 7: no device of a machine

struct Event {
    std::uint64_t time = 0;  // in the trace: ticks of its clock; not known of an event that a rule is asked about
    Kind kind = Kind::None;
    std::uint8_t flags = 0;
    std::uint16_t source = no_source;
    std::uint32_t pasid = no_pasid;
    std::uint64_t address = 0;
    std::uint64_t length = 0;
    std::uint64_t result = 0;
    std::uint64_t detail = 0;
    std::uint32_t code = 0;
    std::uint32_t thread = 0;  // in the trace: the lane it was written to

    friend bool operator==(const Event&, const Event&) = default;
};
static_assert(sizeof(Event) == 56 && std::is_trivially_copyable_v<Event>);

}  // namespace remap::lab
