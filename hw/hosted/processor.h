// SPDX-License-Identifier: MIT
// A processor of a hosted machine with a model of the caches: each load, store, flush and fence is a call and does what
// the model lets it do. The host's own processor keeps its caches coherent with everything here, so that no view of the
// hosted memory shows what is seen by this.
//
// Memory is reached through mappings of the processor's own, each with a memory type; a page may have several. Every
// access is an instruction, which is known by its address: by default that of the call, or what the caller gives.
//
// A processor is used by one thread at a time; different ones may be used at the same time.
#pragma once

#include "base/address.h"
#include "hw/cache/coherency.h"
#include "hw/hosted/machine.h"
#include "iommu/paging/memory_type.h"
#include "iommu/paging/x86_long.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace remap::hosted {

class HostedGpu;

class Processor {
public:
    // `number` tells it from the others of the machine, which has a model of the caches (MachineOptions::cache_model)
    // and outlives it.
    Processor(Machine& machine, unsigned number);

    unsigned number() const { return number_; }

    // Maps pages side by side at an address of the processor's choice, 0 for no pages. From then on, until the machine
    // ends, the model tracks them.
    CpuVirtualAddress map(std::span<const PhysicalPage> frames, paging::MemoryType type);

    // Of the mapping that begins there; false if none does. A change of its type is no more than that: what is in
    // caches and buffers stays there.
    bool set_type(CpuVirtualAddress first, paging::MemoryType type);
    bool unmap(CpuVirtualAddress first);

    // `bytes` is 1 to 8, at any alignment. Nothing, or false, and nothing done: a page fault, or it is no memory.
    std::optional<std::uint64_t> load(CpuVirtualAddress from, unsigned bytes, std::uint64_t code = of_the_call);
    bool store(CpuVirtualAddress to, std::uint64_t value, unsigned bytes, std::uint64_t code = of_the_call);

    // Any number of bytes by one instruction, as REP MOVS moves them.
    bool read(CpuVirtualAddress from, std::span<std::byte> to, std::uint64_t code = of_the_call);
    bool write(CpuVirtualAddress to, std::span<const std::byte> from, std::uint64_t code = of_the_call);

    // Stores and gives back what was there, indivisible among the processors' exchanges; a fence as a locked
    // instruction is one.
    std::optional<std::uint64_t> exchange(CpuVirtualAddress at, std::uint64_t value, unsigned bytes,
                                          std::uint64_t code = of_the_call);

    // CLFLUSH, CLFLUSHOPT, CLWB. False: a page fault.
    bool flush(CpuVirtualAddress line, cache::Flush how, std::uint64_t code = of_the_call);
    void wbinvd();
    void sfence();
    void mfence();
    void serialize();  // CPUID

    // Registers of a device, which are mapped uncached: an access empties the write-combining buffers.
    std::uint64_t read_register(HostedGpu& gpu, std::uint64_t offset, unsigned bytes);
    void write_register(HostedGpu& gpu, std::uint64_t offset, std::uint64_t value, unsigned bytes);

private:
    static constexpr std::uint64_t of_the_call = 0;

    struct Mapping {
        std::vector<PhysicalPage> frames;
        paging::MemoryType type{};
    };

    // Where a byte is, and through what.
    struct Place {
        PhysicalAddress physical;
        paging::MemoryType type{};
    };

    std::optional<Place> find(CpuVirtualAddress address) const;
    bool reaches(CpuVirtualAddress first, std::size_t bytes) const;
    cache::Origin origin(CpuVirtualAddress address, paging::MemoryType type, std::uint64_t code) const;
    bool load_bytes(CpuVirtualAddress from, void* to, std::size_t bytes, std::uint64_t code);
    bool store_bytes(CpuVirtualAddress to, const void* from, std::size_t bytes, std::uint64_t code);

    template <typename Access>
    bool by_page(CpuVirtualAddress first, std::size_t bytes, std::uint64_t code, Access&& access);

    Machine& machine_;
    cache::Coherency& caches_;
    unsigned number_;
    std::map<std::uint64_t, Mapping> mappings_;  // by the number of their first page
    CpuVirtualPage next_;
};

}  // namespace remap::hosted
