// SPDX-License-Identifier: MIT
// A unit in a small machine, made for many short runs: built once, put back to power-on between two.
#pragma once

#include "base/fuzz/input.h"
#include "iommu/engine/iommu.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace remap::fuzz {

// A few pages from address 0, so that most addresses are holes. They are seen twice more: high up in the host's address
// width, and where they can only be read.
class Ram final : public iommu::MemoryPort {
public:
    static constexpr std::uint64_t pages = 32;
    static constexpr std::uint64_t bytes = pages * page_size;
    static constexpr std::uint64_t high = std::uint64_t{1} << 45;
    static constexpr std::uint64_t read_only = std::uint64_t{1} << 44;

    bool read(PhysicalAddress from, void* to, std::size_t count) override;
    bool write(PhysicalAddress to, const void* from, std::size_t count) override;
    iommu::Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) override;

    // The address in the pages, or nothing. `count` bytes from there are in them.
    static bool place(std::uint64_t address, std::size_t count, bool write, std::uint64_t& at);

    std::uint64_t get(std::uint64_t address) const { return words[address % bytes / 8]; }
    void set(std::uint64_t address, std::uint64_t word) { words[address % bytes / 8] = word; }

    std::array<std::uint64_t, bytes / 8> words{};
    std::uint64_t accesses = 0;
    std::uint64_t updates = 0;  // by `exchange`
    unsigned disturbances = 0;  // so many times, somebody else changes the word just before an exchange
};

// The unit's own messages: counted.
class Messages final : public iommu::InterruptPort {
public:
    void send(iommu::InterruptSource, iommu::InterruptMessage) override { ++count; }
    std::uint64_t count = 0;
};

class Worker final : public iommu::WorkPort {
public:
    bool may_work_here() override { return here; }
    void work_available() override { asked = true; }
    void drain_unannounced() override {}

    bool here = false;
    bool asked = false;
};

struct Rig {
    Rig(const iommu::Options& with, bool worker_is_there);

    // Power-on, and empty memory.
    void reset();

    std::uint64_t read32(std::uint64_t offset) { return unit.read(offset, 4); }
    std::uint64_t read64(std::uint64_t offset) { return unit.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 8); }

    // Sets the root table pointer and switches translation on.
    void start(std::uint64_t root_table_register);

    // Does all the work there is, which must come to an end.
    void finish_work();

    // Has one descriptor executed, by a queue in the last page. The queue is off before and after, here and in
    // forget_all, which empties every cache of translation as software would do it.
    void order(std::uint64_t low, std::uint64_t high);
    void forget_all();

    const iommu::Options options;
    const bool with_worker;
    Ram ram;
    Messages messages;
    Worker worker;
    iommu::Iommu unit;
};

// What a unit that was built with these options can be in, whatever was done to it; and what any answer must keep.
void check_registers(Rig& rig);
void check_answer(Rig& rig, const iommu::Request& request, const iommu::Translation& answer);

// The word that an attacker would write: often nearly right.
std::uint64_t word_from(Input& input);
iommu::Request request_from(Input& input);

// Caches of a few entries, so that places are fought for and a unit is built soon.
inline constexpr iommu::CacheGeometries small_caches{
    .contexts = {4, 2}, .pasids = {4, 2}, .tables = {8, 2}, .iotlb = {16, 2}, .interrupts = {4, 2}};

}  // namespace remap::fuzz
