// SPDX-License-Identifier: MIT
// Contexts and the translation cache, as docs/gpu.md has them in section 8.
#include "hw/tests/translation_bench.h"

namespace remap::gpu {
namespace {

using spec::system_memory;

class Contexts : public TranslationBench {};

TEST_F(Contexts, ArePacketsWithAPasid) {
    start({.pasid = true});
    complex.map(5, 0x7000000, {.target = memory_base});
    set_word(memory_base + 8, 0x1122334455667788);
    // opcode 7, flags bit 3, PASID in the last eight bytes
    const std::uint8_t bytes[64] = {0x07, 0, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0,    0, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0,    0, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
    const spec::Packet written = spec::context(5);
    EXPECT_EQ(std::memcmp(&written, bytes, 64), 0);
    submit({written, spec::copy(spec::vram(0), system_memory(0x7000008), 8)});
    EXPECT_EQ(vram_word(0), 0x1122334455667788u);
    EXPECT_EQ(read32(0x90), 0x80000005u) << "ACTIVE_CONTEXT";
    EXPECT_EQ(complex.last_kind.context, (Context{5, false}));
    EXPECT_FALSE(complex.last_kind.translated);
    EXPECT_EQ(complex.translations, 0u) << "without ATS nothing is asked";

    submit({spec::context(0xfffff, true)});
    EXPECT_EQ(fault(), 8u) << "privilege is not enabled";
    EXPECT_EQ(read32(0x90), 0x80000005u);
}

TEST_F(Contexts, AreLeftByAPacketWithoutOne) {
    start({.pasid = true, .privileged = true});
    complex.map(5, 0x7000000, {.target = memory_base});
    submit({spec::context(5, true), spec::copy(spec::vram(0), system_memory(0x7000000), 8), spec::no_context(),
            spec::copy(spec::vram(8), system_memory(memory_base), 8)});
    EXPECT_EQ(read32(0x24), 1u);
    EXPECT_EQ(complex.untranslated, 1u) << "the rest goes over the plain bus";
    EXPECT_EQ(complex.last_kind.context, (Context{5, true}));
    EXPECT_EQ(read32(0x90), 0u);
}

TEST_F(Contexts, EndWithTheRing) {
    start({.pasid = true});
    submit({spec::context(5)});
    EXPECT_EQ(read32(0x90), 0x80000005u);
    gpu.write(0x20, 0, 4);
    EXPECT_EQ(read32(0x90), 0x80000005u);
    start({.pasid = true});
    EXPECT_EQ(read32(0x90), 0u);
}

TEST_F(Contexts, ThatAreNotEnabledAreRefused) {
    start({});
    submit({spec::context(5)});
    EXPECT_EQ(fault(), 8u);
    EXPECT_EQ(read64(0x88), ring_base);
}

// Software may take a PASID back while it is in use.
TEST_F(Contexts, ThatAreDisabledLaterRefuseTheirAccesses) {
    start({.pasid = true});
    complex.map(5, 0x7000000, {.target = memory_base});
    submit({spec::context(5)});
    gpu.set_translation_services({});
    submit({spec::copy(spec::vram(0), system_memory(0x7000000), 8)});
    EXPECT_EQ(fault(), 1u);
    EXPECT_EQ(read64(0x88), 0x7000000u);
}

TEST_F(Contexts, HaveAFormOfTheirOwn) {
    start(all);
    spec::Packet packets[6];
    for (spec::Packet& packet : packets) packet = spec::context(5);
    packets[0].value = 1 << 20;  // too wide
    packets[1].flags = 0;        // a PASID without its flag
    packets[2].flags = 0x10;     // privilege without a PASID
    packets[2].value = 0;
    packets[3].destination = 8;
    packets[4].flags |= 1;
    packets[5].pattern = 1;
    for (const spec::Packet& packet : packets) {
        submit({packet});
        EXPECT_EQ(fault(), 6u);
        clear_fault();
    }
    EXPECT_EQ(read32(0x24), 1u);
}

class Cache : public TranslationBench {
protected:
    Cache() {
        start({.cache = true, .pasid = true, .privileged = true});
        for (std::uint64_t i = 0; i < 16; ++i) {
            complex.map(5, 0x7000000 + 0x1000 * i, {.target = memory_base + 0x1000 * i});
            set_word(memory_base + 0x1000 * i, 0x100 + i);
        }
        submit({spec::context(5)});
    }

    // The word behind an address of the context, as the part reads it.
    std::uint64_t read_word(std::uint64_t address) {
        submit({spec::copy(spec::vram(0), system_memory(address), 8)});
        return vram_word(0);
    }
    void forget(const Invalidation& what) {
        gpu.invalidate(what);
        run();
    }
};

TEST_F(Cache, ServesWhatItWasToldUntilItIsToldToForget) {
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    const std::uint64_t asked = complex.translations;
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    complex.map(5, 0x7000000, {.target = memory_base + 0x3000});
    EXPECT_EQ(read_word(0x7000000), 0x100u) << "stale, for nobody told it";
    EXPECT_EQ(complex.translations, asked);
    forget({.first = 0x7000000, .last = 0x7000fff, .pasid = 5, .tag = 77});
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{77});
    EXPECT_EQ(read_word(0x7000000), 0x103u);
    EXPECT_EQ(complex.translations, asked + 1);
    EXPECT_EQ(read64(0xd8), 1u) << "INVALIDATIONS";
    EXPECT_EQ(complex.untranslated, 0u);
}

TEST_F(Cache, CountsHitsAndTranslationRequests) {
    const std::uint64_t hits_before = hits(), requests_before = translation_requests();
    read_word(0x7000000);
    read_word(0x7000000);
    // Each packet is a hit of the ring's page; the first read is a request, the second a hit.
    EXPECT_EQ(hits() - hits_before, 3u);
    EXPECT_EQ(translation_requests() - requests_before, 1u);
    gpu.write(0x20, 2, 4);
    EXPECT_EQ(hits() + translation_requests(), 0u) << "RESET";
}

TEST_F(Cache, ForgetsExactlyWhatItIsTold) {
    struct Row {
        const char* what;
        Invalidation told;
        bool forgets;
    };
    const Row rows[] = {
        {"the page before", {.first = 0x6fff000, .last = 0x6ffffff, .pasid = 5}, false},
        {"the page behind", {.first = 0x7001000, .last = 0x7001fff, .pasid = 5}, false},
        {"a range that begins in it", {.first = 0x7000000, .last = 0x70fffff, .pasid = 5}, true},
        {"a range that ends in it", {.first = 0, .last = 0x7000fff, .pasid = 5}, true},
        {"everything", {.first = 0, .last = ~std::uint64_t{0}, .pasid = 5}, true},
        {"another PASID", {.first = 0, .last = ~std::uint64_t{0}, .pasid = 6}, false},
        {"no PASID", {.first = 0, .last = ~std::uint64_t{0}}, false},
        {"every PASID", {.first = 0, .last = ~std::uint64_t{0}, .pasid = 6, .every_pasid = true}, true},
    };
    for (const Row& row : rows) {
        complex.map(5, 0x7000000, {.target = memory_base});
        forget({.first = 0, .last = ~std::uint64_t{0}, .pasid = 5});
        EXPECT_EQ(read_word(0x7000000), 0x100u);
        complex.map(5, 0x7000000, {.target = memory_base + 0x1000});
        forget(row.told);
        EXPECT_EQ(read_word(0x7000000), row.forgets ? 0x101u : 0x100u) << row.what;
    }
}

// What was translated without a PASID is another matter: the ring's page, here.
TEST_F(Cache, KeepsTheFunctionsOwnTranslationsApart) {
    const std::uint64_t before = complex.translations;
    forget({.first = 0, .last = ~std::uint64_t{0}, .pasid = 5, .every_pasid = true});
    submit({spec::nop()});
    EXPECT_EQ(complex.translations, before);
    forget({.first = ring_base, .last = ring_base});
    submit({spec::nop()});
    EXPECT_EQ(complex.translations, before + 1);
}

TEST_F(Cache, AsksForTheRightsItNeeds) {
    complex.map(5, 0x7000000, {.target = memory_base, .writable = false});
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    EXPECT_FALSE(complex.last_wish->write);
    submit({spec::fill(system_memory(0x7000000), 8, 0xabababab)});
    EXPECT_TRUE(complex.last_wish->write);
    EXPECT_EQ(fault(), 2u) << "read only, and no page requests";
    EXPECT_EQ(read64(0x88), 0x7000000u);
    EXPECT_EQ(word(memory_base), 0x100u);
    clear_fault();
    complex.map(5, 0x7000000, {.target = memory_base});
    submit({spec::fill(system_memory(0x7000000), 8, 0xabababab)});
    EXPECT_EQ(word(memory_base), 0xabababababababab) << "rights that come are asked for anew";
}

TEST_F(Cache, TellsPrivilegedTranslationsFromOthers) {
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    const std::uint64_t before = complex.translations;
    submit({spec::context(5, true)});
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    EXPECT_EQ(complex.translations, before + 1);
    EXPECT_TRUE(complex.last_wish->context.privileged);
}

TEST_F(Cache, HoldsLargePagesInOneEntry) {
    complex.map(5, 0x40000000, {.target = memory_base, .granule = 0x200000});
    const std::uint64_t before = complex.translations;
    submit({spec::fill(system_memory(0x40000000), 0x200000, 0x05050505)});
    EXPECT_EQ(complex.translations, before + 1);
    EXPECT_EQ(word(memory_base + 0x1ffff8), 0x0505050505050505u);
    complex.map(5, 0x80000000, {.target = 0, .granule = 0x40000000});  // what is larger is kept in parts
    EXPECT_EQ(read_word(0x80000000 + memory_base + 8), 0x0505050505050505u);
}

TEST_F(Cache, IsSmallAndForgetsTheOldest) {
    for (std::uint64_t i = 0; i < 200; ++i) complex.map(6, 0x1000 * i, {.target = memory_base + 0x1000 * (i % 16)});
    submit({spec::context(6)});
    for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(read_word(0x1000 * i), 0x100 + i % 16);
    const std::uint64_t before = complex.translations;
    for (std::uint64_t i = 190; i < 200; ++i) EXPECT_EQ(read_word(0x1000 * i), 0x100 + i % 16);
    EXPECT_EQ(complex.translations, before);
    read_word(0);
    EXPECT_EQ(complex.translations, before + 1);
}

TEST_F(Cache, WritesUntranslatedWhereItMustNotTranslate) {
    complex.map(5, 0x7000000, {.target = memory_base, .untranslated_only = true});
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    EXPECT_FALSE(complex.last_kind.translated);
    const std::uint64_t before = complex.translations;
    read_word(0x7000000);
    EXPECT_EQ(complex.translations, before + 1) << "nothing was kept";
}

TEST_F(Cache, ARefusedTranslationRequestIsAFaultOfTheBus) {
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    complex.refuses = true;
    submit({spec::copy(spec::vram(0), system_memory(0x7001000), 8)});
    EXPECT_EQ(fault(), 1u);
    EXPECT_EQ(read64(0x88), 0x7001000u);
}

TEST_F(Cache, IsEmptyWhenItIsSwitchedOn) {
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    complex.map(5, 0x7000000, {.target = memory_base + 0x1000});
    gpu.set_translation_services({.pasid = true});
    EXPECT_EQ(read_word(0x7000000), 0x101u) << "off, nothing of it is used";
    complex.map(5, 0x7000000, {.target = memory_base + 0x2000});
    gpu.set_translation_services({.cache = true, .pasid = true});
    EXPECT_EQ(read_word(0x7000000), 0x102u);
}

// Also a part whose cache is off, or that has nothing to do, answers.
TEST_F(Cache, InvalidationsAreAnsweredAtRestToo) {
    gpu.set_translation_services({});
    const unsigned wakes = host.wakes;
    gpu.invalidate({.tag = 9});
    EXPECT_GT(host.wakes, wakes);
    EXPECT_TRUE(complex.answered.empty()) << "not on this thread";
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{9});
}

// In the middle of a transfer of many pages the rest of it uses the new translations.
TEST_F(Cache, InvalidationsCountInTheMiddleOfAPacket) {
    complex.map(6, 0x40000000, {.target = memory_base, .granule = 0x200000});
    submit({spec::context(6)});
    bus.on_access = [&](const FakeBus::Access& access) {
        if (!access.write || access.address != memory_base + 0x10000) return;
        complex.map(6, 0x40000000, {.target = memory_base + 0x200000, .granule = 0x200000});
        gpu.invalidate({.first = 0x40000000, .last = 0x40000000, .pasid = 6, .tag = 1});
    };
    submit({spec::fill(system_memory(0x40000000), 0x20000, 0x07070707)});
    EXPECT_EQ(complex.answered.size(), 1u);
    EXPECT_EQ(word(memory_base + 0x10ff8), 0x0707070707070707u);
    EXPECT_NE(word(memory_base + 0x11000), 0x0707070707070707u);
    EXPECT_EQ(word(memory_base + 0x211000), 0x0707070707070707u);
}

TEST_F(Cache, InvalidationsThatAreHeldAreNeitherObeyedNorAnswered) {
    gpu.write(0xc4, 0xffffffff, 4);
    EXPECT_EQ(read32(0xc4), 1u);
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    complex.map(5, 0x7000000, {.target = memory_base + 0x1000});
    forget({.first = 0x7000000, .last = 0x7000fff, .pasid = 5, .tag = 3});
    EXPECT_TRUE(complex.answered.empty());
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    const unsigned wakes = host.wakes;
    gpu.write(0xc4, 0, 4);
    EXPECT_GT(host.wakes, wakes);
    run();
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{3});
    EXPECT_EQ(read_word(0x7000000), 0x101u);
}

TEST_F(Cache, TakesThirtyTwoInvalidationsAndLosesWhatIsMore) {
    gpu.write(0xc4, 1, 4);
    for (std::uint64_t tag = 0; tag < 40; ++tag) gpu.invalidate({.tag = tag});
    gpu.write(0xc4, 0, 4);
    run();
    EXPECT_EQ(complex.answered.size(), 32u);
    gpu.invalidate({.tag = 40});
    run();
    EXPECT_EQ(complex.answered.size(), 33u);
}

TEST_F(Cache, AResetOfTheFunctionForgetsEverything) {
    EXPECT_EQ(read_word(0x7000000), 0x100u);
    gpu.write(0xc4, 1, 4);
    gpu.invalidate({.tag = 1});
    gpu.reset();
    run();
    EXPECT_TRUE(complex.answered.empty());
    EXPECT_EQ(read32(0xc0) | read32(0xc4) | read32(0x90), 0u);
    EXPECT_EQ(hits() + translation_requests(), 0u);
}

TEST_F(Cache, RegistersSayWhatIsEnabled) {
    EXPECT_EQ(read32(0xc0), 0xdu);
    gpu.set_translation_services(all);
    EXPECT_EQ(read32(0xc0), 0xfu);
    gpu.set_translation_services({});
    EXPECT_EQ(read32(0xc0), 0u);
}

TEST(WithoutATranslationPort, TheBusIsUsedAsItIs) {
    std::vector<std::byte> vram(vram_bytes);
    FakeBus bus;
    FakeHost host;
    bus.add_window(ring_base, 0x1000);
    Gpu gpu({}, vram, bus, host);
    gpu.set_translation_services({.cache = true});
    const spec::Packet packet = spec::fence(spec::vram(0), 3);
    std::memcpy(bus.at(ring_base, 64), &packet, 64);
    gpu.write(0x40, ring_base, 8);
    gpu.write(0x48, 4, 4);
    gpu.write(0x20, 1, 4);
    gpu.write(0x50, 1, 4);
    while (gpu.run()) {
    }
    EXPECT_EQ(gpu.read(0x70, 8), 3u);
}

}  // namespace
}  // namespace remap::gpu
