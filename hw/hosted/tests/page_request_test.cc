// SPDX-License-Identifier: MIT
// A process' memory behind the GPU, end to end: the drivers of the IOMMU and of the ring, the engine, and the GPU's
// model on its own thread.
#include "callbacks/hosted/ports.h"
#include "hw/hosted/hosted_gpu.h"
#include "hw/spec/gpu_packets.h"
#include "hw/spec/gpu_registers.h"
#include "iommu/driver/scalable_unit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <map>
#include <thread>

namespace remap::hosted {
namespace {

using namespace gpu::spec;
using namespace std::chrono_literals;
using vtd_driver::Error;

constexpr std::uint32_t pasid = 42;

std::unique_ptr<Machine> make_machine(bool device_tlb, std::chrono::milliseconds device_time = 10s) {
    auto made =
        Machine::create({.iommu_options = {.scalable = true, .device_tlb = device_tlb, .page_requests = device_tlb},
                         .device_time = device_time});
    return std::move(*made);
}

class ProcessMemory : public testing::Test {
protected:
    explicit ProcessMemory(std::chrono::milliseconds device_time = 10s)
        : machine(make_machine(true, device_time)),
          frames(machine->memory()),
          access(*machine->iommu(), machine->memory(), frames),
          unit(access, access),
          gpu(machine->add_gpu({.address_bits = 48})) {
        EXPECT_EQ(unit.start(), Error::None);
        EXPECT_EQ(unit.attach(gpu->source_id(), {.device_tlb = true, .pasids = true, .page_requests = true}),
                  Error::None);
        Error error = Error::None;
        space = unit.create_space(error);
        EXPECT_EQ(unit.bind(gpu->source_id(), pasid, *space), Error::None);
        gpu->registers().set_translation_services(
            {.cache = true, .page_requests = true, .pasid = true, .most_page_requests = 4});
        ring = *access.allocate_table();
        write(RingBase::offset, ring.address().value, 8);
        write(RingSize::offset, 6, 4);
        write(Control::offset, Control::Enable::mask, 4);
        submit({context(pasid)});
    }
    ~ProcessMemory() override {
        write(Control::offset, 0, 4);
        EXPECT_TRUE(eventually([&] { return !Status::Stopping::get(read(Status::offset)); }));
        unit.unbind(gpu->source_id(), pasid);
        unit.stop();
        unit.destroy_space(space);
    }

    std::uint64_t read(std::uint64_t offset, unsigned bytes = 4) { return gpu->registers().read(offset, bytes); }
    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
        gpu->registers().write(offset, value, bytes);
    }

    void submit(std::initializer_list<Packet> packets) {
        for (const Packet& packet : packets) {
            machine->memory().write(ring.address() + tail * packet_size, &packet, sizeof packet);
            tail = (tail + 1) % 64;
        }
        write(RingTail::offset, tail, 4);
    }
    template <typename Condition>
    static bool eventually(Condition condition) {
        for (int i = 0; i < 20000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(500us);
        }
        return false;
    }
    bool idle() { return Status::EngineState::get(read(Status::offset)) == Status::State::Idle; }
    bool halted() { return Status::EngineState::get(read(Status::offset)) == Status::State::Halted; }

    // A page of the process, with a frame of its own that begins with its number.
    PhysicalPage give(LogicalPage page, bool writable = true) {
        const PhysicalPage frame = *access.allocate_table();
        access.words(frame)[0] = page.number;
        EXPECT_EQ(unit.map(*space, page, frame, 1, writable), Error::None);
        return pages[page.number] = frame;
    }
    // Answers what the GPU asks for, until it rests. How many pages that took.
    unsigned serve(bool grant = true) {
        unsigned served = 0;
        EXPECT_TRUE(eventually([&] {
            while (const auto request = unit.page_requests().take()) {
                EXPECT_EQ(request->pasid, pasid);
                if (grant) give(request->page);
                EXPECT_EQ(unit.answer(*request, grant ? vtd::PageResponse::Success : vtd::PageResponse::InvalidRequest),
                          Error::None);
                ++served;
            }
            return idle() || halted();
        }));
        return served;
    }
    std::uint64_t first_word_through_gpu(LogicalPage page) {
        submit({copy(vram(0), system_memory(page.address().value), 8)});
        EXPECT_TRUE(eventually([&] { return idle(); }));
        std::uint64_t word = 0;
        std::memcpy(&word, gpu->vram().data(), sizeof word);
        return word;
    }

    std::unique_ptr<Machine> machine;
    Frames frames;
    UnitAccess access;
    vtd_driver::ScalableUnit unit;
    HostedGpu* gpu;
    vtd_driver::ProcessSpace* space = nullptr;
    PhysicalPage ring;
    std::uint32_t tail = 0;
    std::map<std::uint64_t, PhysicalPage> pages;
};

TEST_F(ProcessMemory, ComesPageByPageAsTheGpuAsksForIt) {
    constexpr std::uint64_t source = 0x7f1234567000, target = 0x10000000123, bytes = 0x40000;
    submit({fill(system_memory(source), bytes, 0x5a5a1234), copy(system_memory(target), system_memory(source), bytes),
            fence(system_memory(source), 0xfe)});
    EXPECT_EQ(serve(), bytes / page_size + bytes / page_size + 1);
    EXPECT_EQ(read(FaultStatus::offset), 0u);
    EXPECT_EQ(access.words(pages[source / page_size])[0], 0xfeu);
    for (std::uint64_t page = target / page_size + 1; page < (target + bytes) / page_size; ++page)
        EXPECT_EQ(access.words(pages.at(page))[100], 0x345a5a12345a5a12u) << page;
    EXPECT_EQ(read(PageRequests::offset, 8), read(PageAnswers::offset, 8));
    EXPECT_FALSE(unit.take_fault());
}

TEST_F(ProcessMemory, ThatIsRefusedFaultsTheGpuAndNothingElse) {
    submit({fill(system_memory(0x7000), 8, 0)});
    EXPECT_EQ(serve(false), 1u);
    EXPECT_TRUE(halted());
    EXPECT_EQ(FaultStatus::Cause::get(read(FaultStatus::offset)), FaultCause::BusWriteRefused);
    EXPECT_EQ(read(FaultAddress::offset, 8), 0x7000u);
    EXPECT_FALSE(unit.take_fault()) << "the IOMMU has nothing to complain of";
}

TEST_F(ProcessMemory, IsStaleInTheGpuUntilThatIsToldToo) {
    const LogicalPage page{0x7000};
    give(page);
    EXPECT_EQ(first_word_through_gpu(page), 0x7000u);
    const PhysicalPage other = *access.allocate_table();
    access.words(other)[0] = 0xbeef;
    EXPECT_EQ(unit.remove(*space, page, 1), Error::None);
    EXPECT_EQ(unit.map(*space, page, other, 1, true), Error::None);
    EXPECT_EQ(unit.forget_in_unit(*space, page, 1), Error::None);
    EXPECT_EQ(first_word_through_gpu(page), 0x7000u) << "the unit has forgotten it, the GPU has not";
    EXPECT_EQ(unit.forget_in_devices(*space, page, 1), Error::None);
    EXPECT_EQ(first_word_through_gpu(page), 0xbeefu);
}

struct ImpatientUnit : ProcessMemory {
    ImpatientUnit() : ProcessMemory(20ms) {}
};

TEST_F(ImpatientUnit, FindsOutAGpuThatDoesNotAnswer) {
    give({0x7000});
    EXPECT_EQ(first_word_through_gpu({0x7000}), 0x7000u);
    write(TranslationDebug::offset, 1, 4);
    EXPECT_EQ(unit.unmap(*space, {0x7000}, 1), Error::DeviceTimeout);
    EXPECT_EQ(unit.queue().silent_device(), gpu->source_id());
    EXPECT_EQ(first_word_through_gpu({0x7000}), 0x7000u) << "and still reaches the page";
    write(TranslationDebug::offset, 0, 4);
    EXPECT_TRUE(eventually([&] { return (machine->iommu()->read(0x34, 4) & 0x20) != 0; })) << "ICE: too late";
    EXPECT_EQ(machine->iommu()->read(0xb0, 8) >> 48, gpu->source_id());
    machine->iommu()->write(0x34, 0x20, 4);
}

// Unmapping goes on while the GPU works on the same memory, and asks for it again. The page that it was given last it
// keeps until it asks for another: else it may never get to it, and give up.
TEST_F(ProcessMemory, ComesAndGoesWhileTheGpuWorks) {
    constexpr std::uint64_t base = 0x40000000, count = 64;
    std::uint64_t given = 0;
    for (int round = 0; round < 20; ++round) {
        submit({fill(system_memory(base), count * page_size, static_cast<std::uint32_t>(round))});
        while (!idle()) {
            for (std::uint64_t page = base / page_size; page < base / page_size + count; page += 7) {
                if (page == given || pages.erase(page) == 0) continue;
                EXPECT_EQ(unit.unmap(*space, {page}, 1), Error::None);
            }
            while (const auto request = unit.page_requests().take()) {
                given = request->page.number;
                if (!pages.contains(given)) give(request->page);
                EXPECT_EQ(unit.answer(*request, vtd::PageResponse::Success), Error::None);
            }
            ASSERT_FALSE(halted());
        }
    }
    EXPECT_EQ(read(FaultStatus::offset), 0u);
}

TEST_F(ProcessMemory, ARingThatIsStoppedWaitsForNobody) {
    submit({fill(system_memory(0x7000), 8, 0)});
    EXPECT_TRUE(eventually([&] { return Status::WaitsForPage::get(read(Status::offset)); }));
    write(Control::offset, 0, 4);
    EXPECT_TRUE(eventually([&] { return !Status::Stopping::get(read(Status::offset)); }));
}

TEST(HostedMachineWithoutDeviceTlbs, RefusesTranslationRequests) {
    const auto machine = make_machine(false);
    auto* gpu = machine->add_gpu({});
    gpu->registers().set_translation_services({.cache = true});
    auto& registers = gpu->registers();
    registers.write(RingBase::offset, 0x10000, 8);
    registers.write(RingSize::offset, 4, 4);
    registers.write(Control::offset, Control::Enable::mask, 4);
    registers.write(RingTail::offset, 1, 4);
    for (int i = 0; i < 20000 && registers.read(FaultStatus::offset, 4) == 0; ++i) std::this_thread::sleep_for(500us);
    EXPECT_EQ(FaultStatus::Cause::get(registers.read(FaultStatus::offset, 4)), FaultCause::RingUnreadable);
}

}  // namespace
}  // namespace remap::hosted
