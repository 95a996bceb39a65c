// SPDX-License-Identifier: MIT
// Snapshots that lie: states of units in use with any bytes changed and a right checksum. They are refused, or the unit
// that takes them is one that could have come about.
#include "base/archive.h"
#include "iommu/fuzz/rig.h"
#include "iommu/fuzz/tables.h"

#include <malloc.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace {

// A load makes a unit to try, whose largest table would be fetched from the system page by page each time: one block of
// that size is kept for the next.
constexpr std::size_t large_block = 1 << 20;
void* kept_block = nullptr;

}  // namespace

void* operator new[](std::size_t bytes) {
    if (bytes == large_block && kept_block != nullptr) return std::exchange(kept_block, nullptr);
    void* const block = std::malloc(bytes);
    if (block == nullptr) std::abort();
    return block;
}

void operator delete[](void* block) noexcept {
    if (block != nullptr && malloc_usable_size(block) == large_block) block = std::exchange(kept_block, block);
    std::free(block);
}

void operator delete[](void* block, std::size_t) noexcept { operator delete[](block); }

namespace remap::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

const iommu::Options kinds[] = {
    {.address_width = 48, .interrupt_remapping = true, .extended_interrupts = true, .caches = small_caches},
    {.address_width = 57, .scalable = true, .snoop_control = true, .caches = small_caches},
    {.address_width = 39, .huge_pages = false, .scalable = true, .caching_mode = true, .caches = small_caches},
    {.address_width = 48,
     .scalable = true,
     .interrupt_remapping = true,
     .caches = small_caches,
     .detect_stale_uses = true},
};

Bytes saved(iommu::Iommu& unit) {
    Bytes bytes(unit.save({}));
    require(unit.save(bytes) == bytes.size(), "a state has the length it says");
    return bytes;
}

void seal(Bytes& state) {
    const std::span<const std::byte> bytes = state;
    const auto put = [&](std::size_t at, std::uint64_t value) {
        for (std::size_t i = 0; i < 4; ++i) state[at + i] = static_cast<std::byte>(value >> 8 * i);
    };
    put(8, state.size() - 16);
    put(12, crc32(crc32(0, bytes.first(12)), bytes.subspan(16)));
}

// Caches filled, a fault recorded, events set up, and work not done yet.
Bytes state_of_use(Rig& rig, bool scalable) {
    rig.reset();
    scalable ? write_scalable_tables(rig.ram, rig.options) : write_legacy_tables(rig.ram, rig.options);
    rig.start(at::root | (scalable ? 0x400 : 0));
    rig.write64(0x3c, 0xfee0000000004041);
    for (const std::uint64_t address : {0x0ull, 0x1000ull, 0x200000ull, 0x40000000ull, 0x3000ull}) {
        for (const std::uint16_t source : {0x10, 0x90, 0x18}) {
            rig.unit.translate({source}, {address}, iommu::Access::Read);
            rig.unit.translate({source}, {address}, iommu::Access::Write);
        }
    }
    if (scalable) rig.unit.translate({.source = {0x10}, .address = {0x1000}, .pasid = iommu::Pasid{2}});
    rig.ram.set(at::data, 0x1000000030001);  // an interrupt entry for vector 3
    rig.write64(0xb8, at::data | 3);
    rig.write32(0x18, 0x81000000);
    rig.write32(0x18, 0x82000000);
    rig.unit.remap_interrupt({0x10}, {0xfee00010, 0});
    rig.write64(0x90, 0x12000 | (rig.options.scalable ? 0x800 : 0));
    rig.write32(0x18, 0x86000000);
    for (std::uint64_t word = 0; word < 64; word += 4) rig.ram.set(0x12000 + 8 * word, 0x70022);
    rig.write64(0x88, 0x100);
    return saved(rig.unit);
}

struct Subject {
    explicit Subject(const iommu::Options& options) : rig(options, true) {
        states.push_back(state_of_use(rig, false));
        if (options.scalable) states.push_back(state_of_use(rig, true));
        rig.reset();
        states.push_back(saved(rig.unit));
    }
    Rig rig;
    std::vector<Bytes> states;
};

Subject& subject_of(unsigned kind) {
    static std::unique_ptr<Subject> subjects[std::size(kinds)];
    if (!subjects[kind]) subjects[kind] = std::make_unique<Subject>(kinds[kind]);
    return *subjects[kind];
}

void change(Input& input, Bytes& state) {
    const std::uint8_t how = input.byte();
    const std::size_t where = 16 + input.number(2) % (state.size() - 16);
    switch (how & 7) {
        case 0:
            state.erase(state.begin() + where,
                        state.begin() + std::min<std::size_t>(state.size(), where + 1 + (how >> 3)));
            break;
        case 1: state.insert(state.begin() + where, 1 + (how >> 3), static_cast<std::byte>(input.byte())); break;
        case 2: state[where] ^= static_cast<std::byte>(1 << (how >> 5)); break;
        case 3: {
            const std::uint64_t word = word_from(input);
            for (std::size_t i = 0; i < 8 && where + i < state.size(); ++i)
                state[where + i] = static_cast<std::byte>(word >> 8 * i);
            break;
        }
        default: state[where] = static_cast<std::byte>(input.byte()); break;
    }
}

// The stamps behind CAP and ECAP go on counting, and the checksum covers them.
Bytes but_for_the_clock(Bytes state) {
    std::fill_n(state.begin() + 12, 4, std::byte{});
    std::fill_n(state.begin() + 32, 8, std::byte{});
    return state;
}

// What a guest does next.
void use(Input& input, Rig& rig) {
    check_registers(rig);
    write_scalable_tables(rig.ram, rig.options);
    for (unsigned step = 0; step < 6; ++step) {
        const iommu::Request request = request_from(input);
        check_answer(rig, request, rig.unit.translate(request));
        rig.unit.remap_interrupt({0x10}, {0xfee00010 | std::uint64_t{input.byte()} << 5, 0});
    }
    rig.finish_work();
    check_registers(rig);
    rig.unit.stale_uses();
    rig.write32(0x34, 0x7f);
    rig.write64(0xf8, 0x9000000000000000);
    rig.write64(0x28, 0xa000000000000000);
    rig.finish_work();
    check_registers(rig);
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    Subject& subject = subject_of(input.below(std::size(kinds)));
    Rig& rig = subject.rig;
    Bytes state = subject.states[input.below(static_cast<unsigned>(subject.states.size()))];
    for (unsigned changes = 1 + input.below(6); changes != 0 && state.size() > 17; --changes) change(input, state);
    seal(state);
    rig.reset();
    const remap::ArchiveError error = rig.unit.load(state);
    if (error) {
        require(error.field != nullptr && error.part != nullptr, "a refusal says what is wrong");
        return 0;
    }
    const Bytes once = saved(rig.unit);
    require(!rig.unit.load(once), "what a unit saves it takes back");
    require(but_for_the_clock(saved(rig.unit)) == but_for_the_clock(once), "and is the same afterwards");
    use(input, rig);
    return 0;
}
