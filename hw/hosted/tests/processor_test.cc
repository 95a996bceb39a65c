// SPDX-License-Identifier: MIT
#include "hw/hosted/processor.h"

#include "hw/hosted/hosted_gpu.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace remap::hosted {
namespace {

using cache::FindingKind;
using cache::Mode;
using paging::MemoryType;

constexpr PhysicalPage first{0x100}, other{0x180};  // not side by side
constexpr std::uint64_t old_word = 0x0101010101010101, new_word = 0x1122334455667788;

struct Bench {
    explicit Bench(Mode mode = Mode::Report, bool iommu = false) {
        MachineOptions options{.iommu = iommu, .iommu_options = {.snoop_control = true}};
        options.cache_model.emplace().mode = mode;
        machine = std::move(*Machine::create(options));
        processor.emplace(*machine, 0);
        for (const PhysicalPage page : {first, other}) {
            const std::vector<std::byte> bytes(page_size, std::byte{1});
            EXPECT_TRUE(machine->memory().write(page.address(), bytes.data(), bytes.size()));
        }
    }

    CpuVirtualAddress map(MemoryType type) { return processor->map(std::array{first, other}, type); }

    // A device's read of a word of the first page.
    std::uint64_t device_reads(bool snoop, std::uint64_t offset = 0) {
        std::uint64_t value = 0;
        EXPECT_TRUE(machine->dma_read({request(first.address().value + offset), snoop}, &value, sizeof value));
        return value;
    }
    bool device_writes(std::uint64_t value, bool snoop) {
        return machine->dma_write({request(first.address().value), snoop}, &value, sizeof value);
    }
    static iommu::Request request(std::uint64_t address) { return {.source = {0x0010}, .address = {address}}; }

    std::vector<FindingKind> kinds() const {
        std::vector<FindingKind> kinds;
        for (const cache::Finding& finding : machine->caches()->findings()) kinds.push_back(finding.kind);
        return kinds;
    }

    std::unique_ptr<Machine> machine;
    std::optional<Processor> processor;
};

TEST(HostedProcessor, IsThereWhereTheCachesAreModelled) {
    EXPECT_EQ((*Machine::create({}))->caches(), nullptr);
    EXPECT_NE(Bench().machine->caches(), nullptr);
}

TEST(HostedProcessor, ReachesPagesSideBySideAndNothingElse) {
    Bench bench;
    const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
    EXPECT_EQ(at.page_offset(), 0u);
    EXPECT_TRUE(bench.processor->store(at + (page_size - 4), new_word, 8)) << "across the two";
    EXPECT_EQ(bench.processor->load(at + (page_size - 4), 8), new_word);
    std::uint32_t word = 0;
    EXPECT_TRUE(bench.machine->memory().read(other.address(), &word, sizeof word));
    EXPECT_EQ(word, 0x11223344u);

    EXPECT_FALSE(bench.processor->load(at + (2 * page_size - 4), 8)) << "the end sticks out";
    EXPECT_FALSE(bench.processor->store(at + (2 * page_size - 4), 0, 8));
    EXPECT_EQ(bench.processor->load(at + (2 * page_size - 4), 4), 0x01010101u) << "nothing was done";
    EXPECT_FALSE(bench.processor->load(at - 8, 8));
    EXPECT_FALSE(bench.processor->flush(at - 8, cache::Flush::Clflush));
    const CpuVirtualAddress next = bench.map(MemoryType::WriteBack);
    EXPECT_FALSE(bench.processor->load(next - 1, 1)) << "a mapping begins behind a hole";
    EXPECT_TRUE(bench.processor->unmap(next));
    EXPECT_FALSE(bench.processor->unmap(next));
    EXPECT_FALSE(bench.processor->load(next, 1));
    EXPECT_EQ(bench.processor->map({}, MemoryType::WriteBack).value, 0u);
}

TEST(HostedProcessor, RefusesWhatIsNoMemoryAndNoWidth) {
    Bench bench;
    const PhysicalPage hole{std::uint64_t{1} << 24};  // 64 GiB
    const CpuVirtualAddress at = bench.processor->map(std::array{first, hole}, MemoryType::Uncacheable);
    EXPECT_FALSE(bench.processor->load(at + page_size, 8));
    EXPECT_FALSE(bench.processor->store(at + (page_size - 4), new_word, 8));
    EXPECT_EQ(bench.processor->load(at + (page_size - 8), 8), old_word);
    for (const unsigned bytes : {0u, 9u}) {
        EXPECT_FALSE(bench.processor->load(at, bytes));
        EXPECT_FALSE(bench.processor->store(at, 0, bytes));
        EXPECT_FALSE(bench.processor->exchange(at, 0, bytes));
    }
}

TEST(HostedProcessor, AccessesOfAllWidthsAndInBulkAreInMemoryOrder) {
    Bench bench;
    const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
    for (const unsigned bytes : {1u, 2u, 4u, 8u}) {
        ASSERT_TRUE(bench.processor->store(at + bytes, new_word, bytes));
        EXPECT_EQ(bench.processor->load(at + bytes, bytes), new_word & low_bits(8 * bytes));
        EXPECT_EQ(bench.processor->load(at + 2 * bytes, 1), 1u) << "behind it";
    }
    std::vector<std::byte> bytes(6000, std::byte{0x5a}), seen(6000);
    EXPECT_TRUE(bench.processor->write(at + 1000, bytes));
    EXPECT_TRUE(bench.processor->read(at + 1000, seen));
    EXPECT_EQ(seen, bytes);
    EXPECT_EQ(bench.processor->load(at + 999, 1), 1u);
}

// What a test of a driver does with it.
TEST(HostedProcessor, FindsAMissedFlushWithTheInstructionsAddress) {
    for (const Mode mode : {Mode::Report, Mode::Strict}) {
        Bench bench(mode);
        const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
        unsigned told = 0;
        bench.machine->caches()->on_finding = [&](const cache::Finding&) { ++told; };
        ASSERT_TRUE(bench.processor->store(at + 8, new_word, 8, 0xc0de));
        EXPECT_EQ(bench.device_reads(false, 8), mode == Mode::Report ? new_word : old_word);
        const auto findings = bench.machine->caches()->findings();
        ASSERT_EQ(findings.size(), 1u);
        EXPECT_EQ(findings[0].kind, FindingKind::MissedFlush);
        EXPECT_EQ(findings[0].first.value, first.address().value + 8);
        EXPECT_EQ(findings[0].store->code, 0xc0deu);
        EXPECT_EQ(findings[0].store->address, at + 8);
        EXPECT_EQ(findings[0].dma->source, 0x10u);
        EXPECT_EQ(findings[0].dma->address.value, first.address().value + 8);
        EXPECT_FALSE(findings[0].dma->snoop);
        EXPECT_EQ(bench.device_reads(true, 8), new_word);
        EXPECT_EQ(bench.machine->caches()->findings().size(), 1u);
        EXPECT_EQ(told, 1u);
    }
}

[[gnu::noinline]] void store_twice(Processor& processor, CpuVirtualAddress at) {
    EXPECT_TRUE(processor.store(at, 2, 8));
    EXPECT_TRUE(processor.store(at + 64, 3, 8));
}

TEST(HostedProcessor, AnInstructionIsTheCallUnlessItIsGiven) {
    Bench bench;
    store_twice(*bench.processor, bench.map(MemoryType::WriteBack));
    (void)bench.device_reads(false, 0);
    (void)bench.device_reads(false, 64);
    const auto findings = bench.machine->caches()->findings();
    ASSERT_EQ(findings.size(), 2u);
    const auto begin = reinterpret_cast<std::uint64_t>(&store_twice);
    EXPECT_GT(findings[0].store->code, begin);
    EXPECT_GT(findings[1].store->code, findings[0].store->code);
    EXPECT_LT(findings[1].store->code, begin + 0x1000);
}

TEST(HostedProcessor, AMappingHasATypeAndAPageSeveral) {
    Bench bench(Mode::Strict);
    const CpuVirtualAddress cached = bench.map(MemoryType::WriteBack);
    const CpuVirtualAddress uncached = bench.map(MemoryType::Uncacheable);
    ASSERT_TRUE(bench.processor->store(cached, new_word, 8));
    EXPECT_EQ(bench.processor->load(uncached, 8), old_word);
    EXPECT_EQ(bench.kinds(), (std::vector{FindingKind::StaleAliasRead}));
    EXPECT_TRUE(bench.processor->set_type(uncached, MemoryType::WriteBack));
    EXPECT_EQ(bench.processor->load(uncached, 8), new_word);
    EXPECT_FALSE(bench.processor->set_type(uncached + 8, MemoryType::WriteBack));
    EXPECT_FALSE(bench.processor->set_type(uncached + 64 * page_size, MemoryType::WriteBack));
    EXPECT_EQ(bench.kinds().size(), 1u);
}

TEST(HostedProcessor, FlushesAndFencesReachTheModel) {
    Bench bench;
    const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
    const CpuVirtualAddress combined = bench.processor->map(std::array{other}, MemoryType::WriteCombining);
    Processor& processor = *bench.processor;
    const auto device_sees = [&](std::uint64_t value) { EXPECT_EQ(bench.device_reads(false), value); };
    ASSERT_TRUE(processor.store(at, 2, 8));
    EXPECT_TRUE(processor.flush(at + 7, cache::Flush::Clflush));
    device_sees(2);
    for (void (Processor::*const fence)() : {&Processor::sfence, &Processor::mfence, &Processor::serialize}) {
        ASSERT_TRUE(processor.store(at, 3, 8));
        EXPECT_TRUE(processor.flush(at, cache::Flush::Clwb));
        (processor.*fence)();
        device_sees(3);
    }
    ASSERT_TRUE(processor.store(at, 4, 8));
    EXPECT_TRUE(processor.flush(at, cache::Flush::Clflushopt));
    EXPECT_EQ(processor.exchange(combined, 9, 8), old_word);
    EXPECT_EQ(processor.exchange(combined, 10, 8), 9u);
    device_sees(4);
    ASSERT_TRUE(processor.store(at, 5, 8));
    processor.wbinvd();
    device_sees(5);
    EXPECT_EQ(bench.kinds(), std::vector<FindingKind>{});
    EXPECT_TRUE(bench.machine->caches()->model().idle());
}

TEST(HostedProcessor, AccessesToRegistersEmptyItsBuffers) {
    Bench bench;
    HostedGpu* gpu = bench.machine->add_gpu({});
    const CpuVirtualAddress at = bench.map(MemoryType::WriteCombining);
    ASSERT_TRUE(bench.processor->store(at, 2, 8));
    EXPECT_EQ(bench.processor->read_register(*gpu, 0, 4), 0x50414d52u);
    EXPECT_EQ(bench.device_reads(false), 2u);
    ASSERT_TRUE(bench.processor->store(at, 3, 8));
    bench.processor->write_register(*gpu, 0x40, 0x1000, 8);
    EXPECT_EQ(gpu->registers().read(0x40, 8), 0x1000u);
    EXPECT_EQ(bench.device_reads(false), 3u);
    EXPECT_EQ(bench.kinds(), std::vector<FindingKind>{});
}

TEST(HostedProcessor, ADeviceWritesPastItsCacheOnlyWithoutSnooping) {
    for (const Mode mode : {Mode::Report, Mode::Strict}) {
        Bench bench(mode);
        const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
        EXPECT_EQ(bench.processor->load(at, 8), old_word);
        EXPECT_TRUE(bench.device_writes(2, true));
        EXPECT_EQ(bench.processor->load(at, 8), 2u);
        EXPECT_TRUE(bench.device_writes(3, false));
        EXPECT_EQ(bench.processor->load(at, 8), mode == Mode::Report ? 3u : 2u);
        EXPECT_EQ(bench.kinds(), (std::vector{FindingKind::StaleRead}));
    }
}

// Second-stage tables of 48 bits for 00:02.0 in legacy mode, stored by the processor: the unit snoops when it reads
// them. Page 0x1000 is mapped without SNP, 0x2000 with it.
void map_for_device(Bench& bench) {
    Processor& processor = *bench.processor;
    constexpr std::uint64_t tables = 0x400;  // page
    std::vector<PhysicalPage> frames;
    for (std::uint64_t i = 0; i < 6; ++i) frames.push_back({tables + i});
    const CpuVirtualAddress at = processor.map(frames, MemoryType::WriteBack);
    const auto put = [&](std::uint64_t table, std::uint64_t offset, std::uint64_t value) {
        EXPECT_TRUE(processor.store(at + (table * page_size + offset), value, 8));
    };
    const auto address = [](std::uint64_t table) { return (tables + table) << page_shift; };
    put(0, 0, address(1) | 1);
    put(1, 16 * 0x10 + 8, 1 << 8 | 2);
    put(1, 16 * 0x10, address(2) | 1);
    put(2, 0, address(3) | 3);
    put(3, 0, address(4) | 3);
    put(4, 0, address(5) | 3);
    put(5, 8 * 1, first.address().value | 3);
    put(5, 8 * 2, first.address().value | 3 | 1 << 11);
    iommu::Iommu& unit = *bench.machine->iommu();
    unit.write(0x20, address(0), 8);
    unit.write(0x18, 1u << 30, 4);
    unit.write(0x18, 1u << 31, 4);
}

TEST(HostedProcessor, TheIommusTablesOverruleADeviceThatDoesNotSnoop) {
    Bench bench(Mode::Strict, true);
    map_for_device(bench);
    const CpuVirtualAddress at = bench.map(MemoryType::WriteBack);
    ASSERT_TRUE(bench.processor->store(at, new_word, 8));
    const auto read = [&](std::uint64_t address) {
        std::uint64_t value = 0;
        EXPECT_TRUE(bench.machine->dma_read({Bench::request(address), false}, &value, sizeof value));
        return value;
    };
    EXPECT_EQ(read(0x1000), old_word);
    EXPECT_EQ(bench.kinds(), (std::vector{FindingKind::MissedFlush}));
    EXPECT_EQ(bench.machine->caches()->findings()[0].dma->address.value, 0x1000u);
    EXPECT_EQ(read(0x2000), new_word);
    EXPECT_EQ(bench.kinds().size(), 1u);
}

TEST(HostedProcessor, SeveralWorkOnOneModel) {
    Bench bench;
    Processor second(*bench.machine, 1);
    const CpuVirtualAddress mine = bench.map(MemoryType::WriteBack);
    const CpuVirtualAddress theirs = second.map(std::array{first, other}, MemoryType::WriteBack);
    EXPECT_NE(mine, theirs);
    ASSERT_TRUE(bench.processor->store(mine, new_word, 8));
    EXPECT_EQ(second.load(theirs, 8), new_word);
    EXPECT_TRUE(second.flush(theirs, cache::Flush::Clflush));
    EXPECT_EQ(bench.device_reads(false), new_word);
    EXPECT_EQ(bench.kinds(), std::vector<FindingKind>{});

    std::jthread others([&] {
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(second.exchange(theirs + 8, *second.load(theirs + 16, 8) + 1, 8));
    });
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bench.processor->store(mine + 16, static_cast<unsigned>(i), 8));
}

}  // namespace
}  // namespace remap::hosted
