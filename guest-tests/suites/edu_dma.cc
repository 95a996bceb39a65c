// SPDX-License-Identifier: MIT
// A device that can address 28 bits of memory reaches any of it through the callbacks and the IOMMU, and nothing that
// it was not given. The device is QEMU's edu: a 4 KiB buffer, and DMA between it and memory.
#include "callbacks/driver/allocation.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;

namespace {

constexpr PhysicalAddress edu_highest_visible{(std::uint64_t{1} << 28) - 1};

// Registers of the edu device (QEMU, docs/specs/edu).
constexpr unsigned edu_interrupt_status = 0x24;
constexpr unsigned edu_interrupt_acknowledge = 0x64;
constexpr unsigned edu_dma_source = 0x80;
constexpr unsigned edu_dma_destination = 0x88;
constexpr unsigned edu_dma_bytes = 0x90;
constexpr unsigned edu_dma_command = 0x98;
constexpr std::uint64_t command_start = 1;
constexpr std::uint64_t command_to_memory = 2;
constexpr std::uint64_t command_interrupt = 4;
constexpr std::uint64_t edu_buffer = 0x40000;     // in the device's own address space
constexpr std::uint64_t longest_transfer = 4095;  // the buffer has 4096; older models abort when its last byte is used
constexpr std::uint64_t dma_milliseconds = 5000;  // edu takes 100

const pci::Function& edu_function() {
    const pci::Function* edu = pci::find(0x1234, 0x11e8);
    REQUIRE(edu != nullptr);
    return *edu;
}

class Edu {
public:
    Edu() : registers_(static_cast<volatile std::uint8_t*>(edu_function().map_bar(0))) {
        REQUIRE(registers_ != nullptr);
    }

    void read_memory(LogicalAddress from, std::uint64_t buffer_offset, std::uint64_t bytes) {
        run(from.value, edu_buffer + buffer_offset, bytes, command_start);
    }
    void write_memory(std::uint64_t buffer_offset, LogicalAddress to, std::uint64_t bytes, std::uint64_t flags = 0) {
        run(edu_buffer + buffer_offset, to.value, bytes, command_start | command_to_memory | flags);
    }
    std::uint32_t acknowledge() {
        const std::uint32_t status = *at<std::uint32_t>(edu_interrupt_status);
        *at<std::uint32_t>(edu_interrupt_acknowledge) = status;
        return status;
    }

private:
    template <typename T>
    volatile T* at(unsigned offset) {
        return reinterpret_cast<volatile T*>(registers_ + offset);
    }

    void run(std::uint64_t source, std::uint64_t destination, std::uint64_t bytes, std::uint64_t command) {
        *at<std::uint64_t>(edu_dma_source) = source;
        *at<std::uint64_t>(edu_dma_destination) = destination;
        *at<std::uint64_t>(edu_dma_bytes) = bytes;
        *at<std::uint64_t>(edu_dma_command) = command;
        REQUIRE(
            wait_until(dma_milliseconds, [&] { return (*at<std::uint64_t>(edu_dma_command) & command_start) == 0; }));
    }

    volatile std::uint8_t* registers_;
};

// An allocation that has to succeed.
class Allocation : public driver::Allocation {
public:
    Allocation(const Adapter& adapter, SIZE_T bytes, PhysicalAddress highest = {~std::uint64_t{0}}) {
        REQUIRE_EQ(make(adapter.callbacks(), {.bytes = bytes, .highest = highest}), STATUS_SUCCESS);
    }
};

std::uint8_t pattern(std::uint64_t index) { return static_cast<std::uint8_t>(index * 167 + (index >> 8) + 1); }

// The first byte of [offset, offset + bytes) that is not `expected(index)`, or the end.
template <typename Expected>
std::uint64_t first_difference(const Allocation& memory, std::uint64_t offset, std::uint64_t bytes, Expected expected) {
    std::uint64_t i = 0;
    while (i < bytes && memory[offset + i] == expected(i)) ++i;
    return offset + i;
}

}  // namespace

TEST(the_machine_has_an_iommu_that_starts) {
    REQUIRE(iommu() != nullptr);
    EXPECT(iommu()->address_width() >= 39);
    EXPECT_EQ(drop_faults(), 0);
}

TEST(pages_lie_where_the_device_can_reach_though_their_frames_do_not) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    EXPECT(adapter.remaps());
    const Allocation memory(adapter, 16 * page_size);
    for (std::uint64_t i = 0; i < memory.pages(); ++i) {
        EXPECT(memory.page(i).number != 0);
        EXPECT(memory.page(i).address().value + (page_size - 1) <= edu_highest_visible.value);
        const auto frame = dxgkrnl().frame_behind(adapter.handle(), memory.page(i).number);
        REQUIRE(frame.ok());
        EXPECT_EQ(*frame, dxgkrnl().frame(memory.object(), i));
        EXPECT(frame->address() > edu_highest_visible);
    }
}

TEST(data_goes_to_the_device_and_back_across_scattered_frames) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    Edu edu;
    const Allocation memory(adapter, 16 * page_size);
    REQUIRE(memory.contiguous());  // the device's transfers are not told of page lists
    unsigned breaks = 0;
    for (std::uint64_t i = 1; i < memory.pages(); ++i)
        breaks += dxgkrnl().frame(memory.object(), i) != dxgkrnl().frame(memory.object(), i - 1) + 1;
    REQUIRE(breaks != 0);
    const std::uint64_t source = 3 * page_size + 0x123;  // both runs cross a page boundary
    const std::uint64_t target = 9 * page_size + 0xabc;
    for (std::uint64_t i = 0; i < longest_transfer; ++i) memory[source + i] = pattern(i);

    edu.read_memory(memory.address(source), 0, longest_transfer);
    edu.write_memory(0, memory.address(target), longest_transfer);
    EXPECT_EQ(first_difference(memory, target, longest_transfer, pattern), target + longest_transfer);
    const auto zero = [](std::uint64_t) { return 0; };
    EXPECT_EQ(first_difference(memory, 0, source, zero), source);
    EXPECT_EQ(first_difference(memory, target + longest_transfer, page_size, zero),
              target + longest_transfer + page_size);
    EXPECT_EQ(drop_faults(), 0);
}

TEST(after_free_adl_a_write_does_not_reach_memory_and_is_recorded) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    Edu edu;
    Allocation memory(adapter, 4 * page_size);
    const LogicalAddress target = memory.address(2 * page_size);
    for (std::uint64_t i = 0; i < 64; ++i) memory[i] = pattern(i);
    edu.read_memory(memory.address(0), 0, 64);
    edu.write_memory(0, target, 64);  // allowed, and remembered by the IOMMU
    EXPECT_EQ(first_difference(memory, 2 * page_size, 64, pattern), 2 * page_size + 64);
    for (std::uint64_t i = 0; i < 64; ++i) memory[2 * page_size + i] = 0x55;

    memory.free_adl();
    edu.write_memory(0, target, 64);
    EXPECT_EQ(first_difference(memory, 2 * page_size, 64, [](std::uint64_t) { return 0x55; }), 2 * page_size + 64);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault);
    EXPECT_EQ(fault->source, edu_function().source());
    EXPECT_EQ(fault->page, target);
    EXPECT(fault->write);
    EXPECT_EQ(fault->reason, 5);  // VT-d, table of fault reasons: no write permission
    drop_faults();
}

TEST(a_read_of_what_was_never_mapped_is_recorded) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    Edu edu;
    const LogicalAddress nowhere{0x0abc'd000};
    edu.read_memory(nowhere + 0x10, 0, 8);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault);
    EXPECT_EQ(fault->source, edu_function().source());
    EXPECT_EQ(fault->page, nowhere);
    EXPECT(!fault->write);
    EXPECT_EQ(fault->reason, 6);  // no read permission
    drop_faults();
}

TEST(the_interrupt_at_the_end_of_a_transfer_comes_after_its_data) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    Edu edu;
    const Allocation memory(adapter, page_size);
    memory[0] = 0xa5;
    edu.read_memory(memory.address(0), 0, 1);
    struct Seen {
        const Allocation* memory;
        volatile unsigned interrupts = 0;
        volatile std::uint8_t value = 0;
    } seen{.memory = &memory};
    const auto vector = register_interrupt(
        [](void* context) {
            auto& saw = *static_cast<Seen*>(context);
            saw.interrupts = saw.interrupts + 1;
            saw.value = (*saw.memory)[8];
        },
        &seen);
    REQUIRE(vector);
    REQUIRE(enable_msi(edu_function(), message_for(*vector)));
    edu.write_memory(0, memory.address(8), 1, command_interrupt);
    EXPECT(wait_until(1000, [&] { return seen.interrupts == 1; }));
    EXPECT_EQ(seen.value, 0xa5);
    EXPECT_EQ(edu.acknowledge(), 0x100);
    disable_msi(edu_function());
    unregister_interrupt(*vector);
}

TEST(without_remapping_an_adapter_that_does_not_reach_all_memory_does_not_start) {
    const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible, .remapping = false});
    EXPECT_EQ(adapter.status(), STATUS_DEVICE_CONFIGURATION_ERROR);
    EXPECT(!adapter.remaps());
}

TEST(without_remapping_pages_are_frames_and_transfers_pass_untranslated) {
    const Adapter adapter(edu_function(), {.remapping = false});
    REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
    EXPECT(!adapter.remaps());
    Edu edu;
    const Allocation memory(adapter, 2 * page_size, edu_highest_visible);
    for (std::uint64_t i = 0; i < 2; ++i) EXPECT_EQ(memory.page(i).number, dxgkrnl().frame(memory.object(), i).number);
    for (std::uint64_t i = 0; i < 256; ++i) memory[i] = pattern(i);
    edu.read_memory(memory.address(0), 0, 256);
    edu.write_memory(0, memory.address(page_size), 256);
    EXPECT_EQ(first_difference(memory, page_size, 256, pattern), page_size + 256);
    EXPECT_EQ(drop_faults(), 0);
}

TEST(what_a_driver_leaves_behind_is_reported_when_its_adapter_stops) {
    reports().clear();
    {
        const Adapter adapter(edu_function(), {.highest_visible = edu_highest_visible});
        REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
        DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create{};
        create.hAdapter = adapter.handle();
        create.Size = page_size;
        create.Mdl.HighAddress.QuadPart = -1;
        REQUIRE_EQ(adapter.callbacks().DxgkCbCreatePhysicalMemoryObject(&create), STATUS_SUCCESS);
    }
    REQUIRE(reports().last_bugcheck());
    EXPECT_EQ(reports().last_bugcheck()->code, 0x1e4);
    EXPECT_EQ(reports().last_bugcheck()->parameter, 6);
}
