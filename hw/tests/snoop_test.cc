// SPDX-License-Identifier: MIT
// Accesses that do not snoop the processors' caches: which ones they are, who says so, and who overrules it. Flags are
// given as the numbers of docs/gpu.md.
#include "hw/tests/translation_bench.h"

namespace remap::gpu {
namespace {

using spec::system_memory;
using spec::without_snoop;

constexpr std::uint64_t data = memory_base;
constexpr std::uint64_t other = memory_base + 0x3000;

class Snooping : public Bench {
protected:
    Snooping() {
        start();
        bus.on_access = [this](const FakeBus::Access& access) { accesses.push_back(access); };
    }

    // The accesses of packets outside the ring.
    std::vector<FakeBus::Access> accesses_of(std::initializer_list<spec::Packet> packets) {
        accesses.clear();
        execute(packets);
        std::erase_if(accesses, [](const FakeBus::Access& access) { return access.address < memory_base; });
        return accesses;
    }

    std::vector<FakeBus::Access> accesses;
};

using Accesses = std::vector<FakeBus::Access>;

TEST_F(Snooping, IsWhatAPacketDoesThatSaysNothing) {
    EXPECT_EQ(accesses_of({spec::copy(system_memory(data), system_memory(other), 8)}),
              (Accesses{{false, other, 8, true}, {true, data, 8, true}}));
    EXPECT_EQ(accesses_of({spec::fill(system_memory(data), 8, 0)}), (Accesses{{true, data, 8, true}}));
}

TEST_F(Snooping, IsLeftOutOnTheSideThatAFlagNames) {
    spec::Packet packet = spec::copy(system_memory(data), system_memory(other), 8);
    packet.flags = 0x20;
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, true}, {true, data, 8, false}}));
    packet.flags = 0x40;
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, false}, {true, data, 8, true}}));
    packet.flags = 0x60;
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, false}, {true, data, 8, false}}));
}

TEST_F(Snooping, IsLeftOutInEveryPieceOfATransfer) {
    const spec::Place to = without_snoop(system_memory(data + 0x800));
    for (const FakeBus::Access& access :
         accesses_of({spec::fill(to, 0x2000, 1), spec::fill_rect({to, 0x1800}, {0x1000, 2}, 1),
                      spec::copy(to, spec::vram(0), 0x2000), spec::copy_rect({to, 0x100}, {to, 0x100}, {0x100, 3})}))
        EXPECT_FALSE(access.snoop) << std::hex << access.address;
    EXPECT_EQ(accesses.size(), 3u + 4 + 3 + 6);
}

TEST_F(Snooping, IsNotLeftOutByTheRingAndByFences) {
    accesses.clear();
    execute({spec::fence(system_memory(data), 7)});
    ASSERT_EQ(accesses.size(), 2u);
    EXPECT_TRUE(accesses[0].snoop && accesses[1].snoop);
    for (const std::uint16_t flag : {0x20, 0x40}) {
        spec::Packet fence = spec::fence(system_memory(data), 7);
        fence.flags = flag;
        execute({fence});
        EXPECT_EQ(read32(0x80) >> 8 & 0xff, 6u);
        clear_and_resume();
    }
}

TEST_F(Snooping, HappensWhileSoftwareHasNotEnabledNoSnoop) {
    const spec::Packet packet = spec::copy(without_snoop(system_memory(data)), without_snoop(system_memory(other)), 8);
    gpu.set_translation_services({.no_snoop = false});
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, true}, {true, data, 8, true}}));
    gpu.set_translation_services({.no_snoop = true});
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, false}, {true, data, 8, false}}));
    gpu.set_translation_services({.no_snoop = false});
    gpu.reset();
    start();
    EXPECT_EQ(accesses_of({packet}), (Accesses{{false, other, 8, false}, {true, data, 8, false}}))
        << "as after power-on";
}

// Behind a unit that translates for the part.
class SnoopingInProcesses : public TranslationBench {
protected:
    static constexpr std::uint64_t page = 0x7000000;

    bool copy_snoops(const spec::Place& from) {
        submit({spec::copy(spec::vram(0), from, 8)});
        EXPECT_EQ(fault(), 0u);
        return complex.last_kind.snoop;
    }
};

TEST_F(SnoopingInProcesses, IsLeftOutByAccessesWithAPasid) {
    start({.pasid = true});
    complex.map(5, page, {.target = memory_base});
    submit({spec::context(5)});
    EXPECT_TRUE(copy_snoops(system_memory(page)));
    EXPECT_FALSE(copy_snoops(without_snoop(system_memory(page))));
    EXPECT_EQ(complex.last_kind.context.pasid, 5u);
    gpu.set_translation_services({.pasid = true, .no_snoop = false});
    EXPECT_TRUE(copy_snoops(without_snoop(system_memory(page))));
}

// PCI Express base specification 6.0, 10.2.3: N of a translation completion.
TEST_F(SnoopingInProcesses, IsForcedByATranslationThatSaysSo) {
    start(all);
    complex.map(5, page, {.target = memory_base});
    complex.map(5, page + 0x1000, {.target = memory_base + 0x1000, .snooped = true});
    submit({spec::context(5)});
    for (const char* when : {"asked for", "out of the cache"}) {
        EXPECT_FALSE(copy_snoops(without_snoop(system_memory(page)))) << when;
        EXPECT_TRUE(complex.last_kind.translated);
        EXPECT_TRUE(copy_snoops(without_snoop(system_memory(page + 0x1000)))) << when;
    }
    EXPECT_EQ(complex.translations, 3u) << "of the ring and the two pages";
}

}  // namespace
}  // namespace remap::gpu
