// SPDX-License-Identifier: MIT
// The processors' caches and write-combining buffers, as the devices and the processors see them through the rules of
// the x86 manuals (Intel SDM volume 3, chapters "Memory Cache Control" and "Memory Ordering"; volume 2, the flush and
// fence instructions).
//
// Two worlds are kept side by side for each line of 64 bytes of the tracked pages: the coherent one, in which every
// access sees the newest bytes, and the hardware's, with a cache that all processors share (write-back processors'
// caches are coherent among themselves), a write-combining buffer for each processor, and memory. An access that gets
// other bytes in the second world than in the first is a finding. Where the manuals allow several outcomes the model
// takes the one that hurts: nothing is evicted before it must be, a line may be fetched at any time, a flush takes
// effect at the fence that orders it.
//
// What an access really gets is the mode's choice. Report: the coherent bytes; memory behind the port holds them.
// Strict: the hardware's bytes; memory behind the port is the hardware's memory, and everything else is the model's.
//
// Any thread may call anything; calls are serialised. Accesses may cross lines and pages, and pages that are not
// tracked are reached through the port with nothing modelled.
#pragma once

#include "base/address.h"
#include "hw/cache/finding.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace remap::cache {

inline constexpr std::uint64_t line_bytes = 64;

enum class Mode : std::uint8_t { Report, Strict };

struct Options {
    Mode mode = Mode::Report;
    bool speculation = true;        // a write-back line may be fetched at any time: a flush before DMA is not enough
    unsigned dirty_lines = 0;       // the oldest dirty line is written back when there are more; 0: never
    unsigned buffers = 12;          // write-combining buffers of a processor, in lines; at least 1
    unsigned most_findings = 4096;  // different ones that are kept and told
    unsigned most_lines = 1 << 20;  // with anything outstanding; beyond it the oldest is settled. At least 1
};

// Memory. Called with the model's lock held, for installed memory, never across a line. False: it is not memory.
class MemoryPort {
public:
    virtual bool read(PhysicalAddress from, void* to, std::size_t bytes) = 0;
    virtual bool write(PhysicalAddress to, const void* from, std::size_t bytes) = 0;

protected:
    ~MemoryPort() = default;
};

struct CpuAccess {
    PhysicalAddress address;
    std::size_t bytes = 0;
    Origin origin;              // with the effective memory type, of PAT and MTRRs together
    bool non_temporal = false;  // a store of MOVNTI and its like: combined although its page is cacheable
};

struct DmaAccess {
    PhysicalAddress address;
    DmaOrigin origin;  // with the size in bytes
};

enum class Flush : std::uint8_t {
    Clflush,     // written back and dropped; ordered with every store
    Clflushopt,  // the same at the next fence of this processor
    Clwb,        // written back at the next fence, and kept
};

enum class Fence : std::uint8_t {
    Store,        // SFENCE
    Full,         // MFENCE, a locked instruction
    Serializing,  // CPUID, IRET, an interrupt and their like
    Uncached,     // an access to a device's registers or ports: empties the write-combining buffers, orders no flush
};

struct Counters {
    std::uint64_t tracked_pages = 0;
    std::uint64_t lines = 0;  // with anything in a cache or a buffer that memory lacks
    std::uint64_t loads = 0, stores = 0, flushes = 0, fences = 0;
    std::uint64_t dma_reads = 0, dma_writes = 0;
    std::uint64_t findings = 0;  // different ones
    std::uint64_t repeats = 0;   // of findings told before
    std::uint64_t untold = 0;    // of findings beyond Options::most_findings: each time
    std::uint64_t given_up = 0;  // lines settled without findings, as there were more than Options::most_lines
};

class Coherency {
public:
    Coherency(MemoryPort& memory, FindingPort& findings, const Options& options);
    ~Coherency();
    Coherency(const Coherency&) = delete;
    Coherency& operator=(const Coherency&) = delete;

    // Which pages are modelled. A page that is new is taken to be clean: no line of it is in a cache. A page that is
    // dropped gets its newest bytes into memory, and what was pending there is forgotten without a finding.
    void track(PhysicalPage first, std::uint64_t pages);
    void untrack(PhysicalPage first, std::uint64_t pages);
    bool tracked(PhysicalPage page) const;  // lock-free: asked at every fill of an emulated TLB

    // A mapping of another type takes the place of those that were: whether lines of the page may be fetched at any
    // time goes by this type from now on, until an access through another. Lines that are cached stay so.
    void type_changed(PhysicalPage page, MemoryType type);

    // A processor's data accesses. False, and nothing changed, when some of it is not memory; what `to` holds is then
    // unspecified. `from` and `to` are the processor's registers, in memory order. Processors are told apart by the low
    // 16 bits of their numbers.
    bool load(const CpuAccess& access, void* to);
    bool store(const CpuAccess& access, const void* from);

    // Flushes the line of `address`, whatever mapping it was reached through.
    void flush(const CpuAccess& access, Flush how);
    void flush_all(unsigned cpu, bool write_back);  // WBINVD; INVD without writing back
    void fence(unsigned cpu, Fence kind);

    // Whether fence has anything to do for a processor: a flush to order or a buffer to empty. Lock-free, exact for the
    // processor's own thread.
    bool pending(unsigned cpu) const;

    // Whether nothing is in a cache or a buffer that memory lacks. Lock-free.
    bool idle() const;

    // A device's accesses. False, and nothing changed, when some of it is not memory.
    bool dma_read(const DmaAccess& access, void* to);
    bool dma_write(const DmaAccess& access, const void* from);

    // In one step, for a word of 8 bytes within a line: takes it from `expected` to `desired`, or sets `expected` to
    // what it is.
    bool dma_exchange(const DmaAccess& access, std::uint64_t& expected, std::uint64_t desired);

    // Writes everything back, empties every buffer and forgets what was pending, without findings: a reset.
    void settle();

    Counters counters() const;

    // A finding of somebody else's, for example of an audit of mappings: kept and told with the model's own.
    void add(const Finding& finding);

    // What was found, oldest first, each with how often. Nothing for a number that is not below the count.
    std::size_t finding_count() const;
    std::optional<Finding> finding(std::size_t number) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace remap::cache
