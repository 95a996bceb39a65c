// SPDX-License-Identifier: MIT
// What a litmus case needs of the machine it runs on: a processor whose caches are modelled, and a GPU whose accesses
// can leave snooping out. On the hosted machine an instruction is a call, in a guest it is the instruction itself.
#pragma once

#include "hw/spec/cache_registers.h"
#include "iommu/paging/memory_type.h"

#include <cstddef>
#include <cstdint>

namespace remap::litmus {

using paging::MemoryType;

using Kind = spec::cache::FindingKind;

enum class Flush : std::uint8_t { Clflush, Clflushopt, Clwb };

enum class Fence : std::uint8_t {
    Sfence,
    Mfence,
    Serialize,  // CPUID
};

// The address of an instruction. Each execution has one of its own, so that findings are told apart; 0: of none.
using Code = std::uint64_t;

// The memory of a scene through one memory type.
struct View {
    unsigned number = 0;
};

struct Loaded {
    std::uint64_t value = 0;
    Code code = 0;
};

// A place in the memory of the scene.
struct Part {
    std::uint64_t offset = 0;  // bytes
    unsigned bytes = 8;        // 1 to 8 for a processor's access
};

struct Dma {
    Part part;  // within a page
    bool snoop = false;
    bool write = false;
    std::uint32_t pattern = 0;  // that is written, over and over from the first byte on
};

struct Found {
    Kind kind = Kind::None;
    std::uint64_t first = 0;  // offset in the scene's memory
    Code store = 0;
    Code load = 0;
    Code flush = 0;
};

inline constexpr std::uint64_t scene_bytes = 2 * 4096;       // two pages, which need not be side by side in memory
inline constexpr unsigned most_dma = 256;                    // bytes of a DMA read
inline constexpr std::uint64_t before = 0x1111111111111111;  // what each word of a scene holds at first

// What goes wrong in the machine itself ends the case: a GPU that halts, no memory.
class Machine {
public:
    // Fresh memory for a scene, mapped for the GPU's DMA: `before` in memory, nothing of it in a cache or a buffer, no
    // views. Nothing of the scene that was has any effect on it.
    virtual void begin_scene() = 0;

    // Whether accesses get what hardware would let them have; else they get the right bytes.
    virtual bool strict() = 0;

    // Processors that a case can use, 0 is the one that it begins on; and goes on another.
    virtual unsigned processors() = 0;
    virtual void run_on(unsigned processor) = 0;

    virtual View map(MemoryType type) = 0;
    // What an operating system does, without flushing anything: tables, TLB, and a serializing instruction.
    virtual void set_type(View view, MemoryType type) = 0;

    virtual Code store(View view, const Part& to, std::uint64_t value) = 0;
    virtual Loaded load(View view, const Part& from) = 0;
    virtual Code exchange(View view, std::uint64_t offset, std::uint64_t value) = 0;  // 8 bytes, locked
    virtual Code flush(View view, std::uint64_t offset, Flush how) = 0;
    virtual void fence(Fence kind) = 0;
    virtual void wbinvd() = 0;
    virtual void read_register() = 0;  // of a device: an uncached access

    // A doorbell and the access. For a read, `to` has room for its bytes.
    virtual void dma(const Dma& what, void* to) = 0;

    // A doorbell, and an access that the GPU makes when await_dma is called, at the earliest and the latest, without
    // any access to a device in between.
    virtual void schedule_dma(const Dma& what) = 0;
    virtual void await_dma(void* to) = 0;

    // Of this scene, oldest first. To ask is an uncached access where the model's registers have to be read.
    virtual unsigned found() = 0;
    virtual Found finding(unsigned number) = 0;

    // The case that runs has failed, and goes on.
    virtual void fail(const char* scene, const char* what, std::uint64_t value, std::uint64_t expected) = 0;

protected:
    ~Machine() = default;
};

}  // namespace remap::litmus
