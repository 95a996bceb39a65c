// SPDX-License-Identifier: MIT
// Saved states that no part can be in are refused with the name of what is wrong, and nothing is changed by them. The
// layout is written here once more, in bytes: it is that of version 1 for good, and what later versions put behind it.
#include "base/archive.h"
#include "hw/tests/state_bench.h"

#include <random>

namespace remap::gpu {
namespace {

// Where version 1 has its fields; bytes behind the head of 16.
enum At : std::size_t {
    address_bits = 0,
    vram_size = 8,
    ring_base_at = 16,
    ring_size = 24,
    enable = 28,
    halted = 29,
    head = 30,
    tail = 34,
    fence = 38,
    fault_status = 46,
    fault_entry = 50,
    fault_address = 54,
    packets = 62,
    bytes = 70,
    interrupt_status = 78,
    interrupt_mask = 82,
    scanout_control = 86,
    written_offset = 90,
    shown_offset = 110,
    shown_width = 118,
    shown_height = 122,
    shown_stride = 126,
    order_held = 130,
    order_void = 131,
    busy = 132,
    packet = 133,
    lines_done = 197,
    bytes_done = 201,
    end = 209,
};

// What versions 2 to 4 have behind that: ACTIVE_CONTEXT, TRANSLATION_DEBUG, the flag of a packet that waits, five
// counters, what is enabled, a flag, 64 entries of a cache, 16 ways to replace, and page requests. Of entries that are
// empty and of messages that are not there there is least. An entry ends with a flag of version 3.
// Version 4 has at the end whether the engine hangs.
enum Behind : std::size_t {
    active_context = 0,
    debug = 4,
    waits = 8,
    counters = 9,
    services = 49,
    to_be_emptied = 57,
    cache = 58,
    next_ways = cache + 64 * 26,
    invalidations = next_ways + 16,
    wish_stage = invalidations + 4,
    wish_page = wish_stage + 1,
    wish_write = wish_page + 8,
    wish_group = wish_write + 1,
    wish_attempts = wish_group + 2,
    open_groups = wish_attempts + 4,
    next_group = open_groups + 4,
    failed = next_group + 2,
    unexpected = failed + 1,
    hung = unexpected + 1,
    end_of_all = hung + 1,
};
constexpr std::size_t packet_flags = packet + 2, packet_destination = packet + 8, packet_length = packet + 0x18;

void put(State& state, std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) state.at(16 + at + i) = static_cast<std::byte>(value >> 8 * i);
}

std::uint64_t get(const State& state, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(state.at(16 + at + i)) << 8 * i;
    return value;
}

// Makes the head fit what is behind it.
void seal(State& state) {
    const auto length = static_cast<std::uint32_t>(state.size() - 16);
    std::memcpy(&state[8], &length, 4);
    const auto all = std::span<const std::byte>(state);
    const std::uint32_t checksum = crc32(crc32(0, all.first(12)), all.subspan(16));
    std::memcpy(&state[12], &checksum, 4);
}

// In the middle of the last line but one of a rectangle, at entry 1 of a ring of 4, with a picture.
State busy_state() {
    Rig rig;
    rig.start({spec::nop(), spec::fill_rect({memory(5), 0xc0000}, {0xb0000, 3}, 0x01020304), spec::nop()}, 2);
    for (const auto& [offset, value] : {std::pair{0x110, 64}, {0x114, 48}, {0x118, 256}, {0x100, 1}})
        rig.write32(offset, value);
    EXPECT_TRUE(rig.gpu->run());
    return save(*rig.gpu);
}

State halted_state() {
    Rig rig;
    rig.start({{}, spec::nop()});
    rig.gpu->run();
    return save(*rig.gpu);
}

TEST(HostileState, TheLayoutIsThatOfVersionOne) {
    const State state = busy_state();
    ASSERT_EQ(state.size(), 16u + end + end_of_all);
    EXPECT_EQ(std::memcmp(state.data(), "RGPU\x04\0\0\0", 8), 0);
    EXPECT_EQ(get(state, address_bits, 8), 64u);
    EXPECT_EQ(get(state, vram_size, 8), vram_bytes);
    EXPECT_EQ(get(state, ring_base_at, 8), ring_base);
    EXPECT_EQ(get(state, ring_size, 4), 2u);
    EXPECT_EQ(get(state, enable, 2), 1u);
    EXPECT_EQ(get(state, head, 8), 0x300000001u);
    EXPECT_EQ(get(state, packets, 8), 1u);
    EXPECT_EQ(get(state, interrupt_mask, 4), 0xfu);
    EXPECT_EQ(get(state, scanout_control, 4), 1u);
    EXPECT_EQ(get(state, shown_width, 8), 0x3000000040u);
    EXPECT_EQ(get(state, shown_stride, 4), 256u);
    EXPECT_EQ(get(state, order_held, 3), 0x010001u);
    EXPECT_EQ(get(state, packet, 4), 4u);
    EXPECT_EQ(get(state, packet_destination, 8), memory_base + 5);
    EXPECT_EQ(get(state, lines_done, 4), 1u);
    EXPECT_EQ(get(state, bytes_done, 8) + 0xb0000, get(state, bytes, 8));
    const State report = halted_state();
    ASSERT_EQ(report.size(), 16u + packet + end_of_all);  // nothing is in execution
    EXPECT_EQ(get(report, enable, 2), 0x101u);
    EXPECT_EQ(get(report, fault_status, 4), 0x501u);
    EXPECT_EQ(get(report, fault_address, 8), ring_base);
    EXPECT_EQ(get(report, interrupt_status, 4), 2u);
}

struct Lie {
    std::size_t at;
    std::uint64_t value;
    std::size_t width;
    const char* refusal;
};

void expect_refused(const State& state, const std::vector<Lie>& lies) {
    Rig rig;
    rig.write32(0x64, 3);
    const State before = save(*rig.gpu);
    for (const Lie& lie : lies) {
        State told = state;
        put(told, lie.at, lie.value, lie.width);
        seal(told);
        EXPECT_EQ(load(*rig.gpu, told), lie.refusal) << lie.at << " is " << lie.value;
        EXPECT_EQ(save(*rig.gpu), before) << lie.at << " is " << lie.value;
    }
    EXPECT_EQ(rig.host.wakes, 0u);
    State again = state;
    seal(again);
    EXPECT_EQ(load(*rig.gpu, again), "");
}

TEST(HostileState, RegistersThatContradictThePartOrEachOtherAreRefused) {
    const char* const no_ring = "registers: RING_SIZE and RING_BASE are of no ring that can be enabled";
    expect_refused(busy_state(),
                   {{address_bits, 40, 8, "registers: ADDRESS_BITS differs from the one of this model"},
                    {vram_size, vram_bytes * 2, 8, "registers: VRAM_SIZE differs from the one of this model"},
                    {ring_base_at, ring_base + 32, 8, "registers: RING_BASE is not a multiple of 64"},
                    {ring_base_at, ~std::uint64_t{0xff} + 0x40, 8, no_ring},
                    {ring_size, 0, 4, no_ring},
                    {ring_size, 17, 4, no_ring},
                    {ring_size, 32, 4, "registers: RING_SIZE is out of its bounds"},
                    {enable, 2, 1, "engine registers: CONTROL.ENABLE is out of its bounds"},
                    {enable, 0x100, 2, "engine registers: halted is set while CONTROL.ENABLE is not"},
                    {head, 4, 4, "registers: RING_HEAD is behind the end of the ring"},
                    {head, 0x10000, 4, "engine registers: RING_HEAD is out of its bounds"},
                    {tail, 4, 4, "registers: RING_TAIL is behind the end of the ring"},
                    {tail, ~0u, 4, "engine registers: RING_TAIL is out of its bounds"},
                    {interrupt_status, 0x10, 4, "interrupts: INTERRUPT_STATUS is out of its bounds"},
                    {interrupt_mask, 0x1f, 4, "interrupts: INTERRUPT_MASK is out of its bounds"},
                    {scanout_control, 3, 4, "scan-out: SCANOUT_CONTROL has bits that no write sets"},
                    {scanout_control, 0x101, 4, "scan-out: SCANOUT_CONTROL has bits that no write sets"}});
    const char* const no_fault = "engine registers: FAULT_STATUS is not that of a fault, nor clear";
    expect_refused(halted_state(), {{fault_status, 0x500, 4, no_fault},
                                    {fault_status, 0, 4, no_fault},
                                    {fault_status, 0x001, 4, no_fault},
                                    {fault_status, 0x901, 4, no_fault},
                                    {fault_status, 0x505, 4, no_fault},
                                    {fault_entry, 0x10000, 4, "engine registers: FAULT_ENTRY is out of its bounds"}});
    expect_refused(save(*Rig().gpu), {{fault_entry, 1, 4, no_fault}, {fault_address, 1, 8, no_fault}});
}

TEST(HostileState, WorkThatCannotBeInExecutionIsRefused) {
    const char* const no_work = "engine: packet cannot be in execution, or not there";
    const char* const no_order = "engine: busy disagrees with the order that is held";
    expect_refused(busy_state(), {{order_held, 0, 1, no_order},
                                  {busy, 0, 1, no_order},
                                  {order_held, 2, 1, "registers: order held is out of its bounds"},
                                  {order_held, 0x100, 2, "registers: order void is set though no order is held"},
                                  {enable, 0, 1, "registers: order held is set though the ring is not executed"},
                                  {halted, 1, 1, "registers: order held is set though the ring is not executed"},
                                  {packet, 0, 2, no_work},  // no opcode
                                  {packet, 1, 2, no_work},  // a nop, which is never in the middle
                                  {packet, 6, 2, no_work},
                                  {packet_flags, 1, 2, no_work},  // there it does not fit
                                  {packet_flags, 8, 2, no_work},
                                  {packet_destination, ~std::uint64_t{0xff}, 8, no_work},
                                  {packet_length, 1, 8, no_work},
                                  {packet + 0x20, 0xaffff, 8, no_work},  // a pitch below the width
                                  {packet + 0x30, 0, 4, no_work},
                                  {lines_done, 3, 4, no_work},
                                  {bytes_done, 0xb0000, 8, no_work},
                                  {bytes_done, ~std::uint64_t{0}, 8, no_work}});
    State idle = halted_state();
    put(idle, order_held, 1, 1);
    put(idle, halted, 0, 1);
    seal(idle);
    EXPECT_EQ(load(*Rig().gpu, idle), no_order);
}

TEST(HostileState, AStateOfVersionOneIsTaken) {
    State old = busy_state();
    old.resize(16 + end);
    old[4] = std::byte{1};
    seal(old);
    Rig rig;
    EXPECT_EQ(load(*rig.gpu, old), "");
    EXPECT_EQ(save(*rig.gpu), busy_state());
    put(old, busy, 2, 1);  // what later versions know
    seal(old);
    EXPECT_EQ(load(*rig.gpu, old), "engine: busy is out of its bounds");
}

// Without the flag at its end.
TEST(HostileState, AStateOfVersionThreeIsTaken) {
    State old = busy_state();
    old.pop_back();
    old[4] = std::byte{3};
    seal(old);
    Rig rig;
    EXPECT_EQ(load(*rig.gpu, old), "");
    EXPECT_EQ(save(*rig.gpu), busy_state());
}

TEST(HostileState, NoEngineHangsWithoutAPacket) {
    const std::size_t behind = packet;  // of an idle part
    expect_refused(halted_state(), {{behind + hung, 1, 1, "hang: hung is set though no order is held"}});
}

// Without the flag at the end of each entry of the cache.
TEST(HostileState, AStateOfVersionTwoIsTaken) {
    State old = busy_state();
    old.pop_back();
    for (std::size_t entry = 64; entry > 0; --entry)
        old.erase(old.begin() + static_cast<std::ptrdiff_t>(16 + end + cache + 26 * entry - 1));
    old[4] = std::byte{2};
    seal(old);
    Rig rig;
    EXPECT_EQ(load(*rig.gpu, old), "");
    EXPECT_EQ(save(*rig.gpu), busy_state());
}

TEST(HostileState, TranslationsThatCannotBeAreRefused) {
    const char* const no_context = "context: ACTIVE_CONTEXT is not that of a context, nor clear";
    const std::size_t behind = packet;  // of an idle part
    expect_refused(halted_state(),
                   {{behind + active_context, 5, 4, no_context},
                    {behind + active_context, 0xb0000005, 4, no_context},
                    {behind + debug, 2, 4, "translation registers: TRANSLATION_DEBUG is out of its bounds"},
                    {behind + cache, 1, 1, "entries: shift is of no page"},
                    {behind + next_ways, 4, 1, "cache: way to replace is out of its bounds"},
                    {behind + invalidations, 33, 4, "translation: invalidations is out of its bounds"},
                    {behind + wish_stage, 6, 1, "page requests: stage is out of its bounds"},
                    {behind + wish_stage, 3, 1, "page requests: group is asked for, but not open"},
                    {behind + wish_stage, 2, 1, "context: page request is waited for by no packet"},
                    {behind + wish_group, 512, 2, "page requests: group is out of its bounds"},
                    {behind + next_group, 512, 2, "page requests: next group is out of its bounds"}});
}

TEST(HostileState, APictureOutsideVramIsNotShown) {
    State state = busy_state();
    put(state, shown_offset, vram_bytes - 256, 8);
    seal(state);
    Rig rig;
    EXPECT_EQ(load(*rig.gpu, state), "");
    EXPECT_FALSE(rig.gpu->scanout().enabled);
}

TEST(HostileState, AStateCutAnywhereIsRefused) {
    Rig rig;
    for (const State& state : {busy_state(), halted_state()})
        for (std::size_t length = 0; length < state.size(); ++length) {
            State cut(state.begin(), state.begin() + length);
            EXPECT_NE(load(*rig.gpu, cut), "") << length;
            if (length < 16) continue;
            seal(cut);
            EXPECT_NE(load(*rig.gpu, cut), "") << length;
        }
}

TEST(HostileState, ALoadedLieIsHarmless) {
    std::mt19937_64 random(11);
    Rig rig;
    unsigned accepted = 0, busy_ones = 0;
    const State states[] = {busy_state(), halted_state(), save(*Rig().gpu)};
    for (int round = 0; round < 6000; ++round) {
        State state = states[random() % 3];
        for (std::uint64_t i = random() % 3; i < 3; ++i) {
            const std::size_t at = random() % (state.size() - 16);
            put(state, at, random() % 2 == 0 ? random() : random() % 8, 1);
        }
        seal(state);
        if (load(*rig.gpu, state) != "") continue;
        ++accepted;
        EXPECT_EQ(save(*rig.gpu), state);
        const Scanout shown = rig.gpu->scanout();
        if (shown.enabled) {
            EXPECT_LE(shown.offset + std::uint64_t{shown.stride} * (shown.height - 1) + shown.width * 4, vram_bytes);
        }
        busy_ones += rig.gpu->run();
        EXPECT_FALSE(rig.bus.crossed_a_page);
    }
    EXPECT_GT(accepted, 600u);
    EXPECT_GT(busy_ones, 60u);
}

}  // namespace
}  // namespace remap::gpu
