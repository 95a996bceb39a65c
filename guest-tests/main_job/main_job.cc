// SPDX-License-Identifier: MIT
// The main job: what a driver does with memory, from its callbacks to the GPU's DMA through the IOMMU, on a machine
// whose memory the GPU cannot address. It is written as a driver would write it; only what is marked as such looks
// behind the callbacks, to show what happened.
#include "callbacks/driver/channel.h"
#include "guest-tests/main_job/picture.h"
#include "guest-tests/main_job/report.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/picture.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using driver::AllocationRequest;
using driver::Channel;
using gpu_driver::Error;
using report::check;
using report::figure;

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40;

const char* name_of(DXGK_PHYSICAL_MEMORY_TYPE type) {
    constexpr const char* names[] = {"MDL", "CONTIGUOUS", "SECTION", "IO_SPACE"};
    return names[type];
}

const char* name_of(DXGK_MEMORY_CACHING_TYPE type) {
    constexpr const char* names[] = {"non-cached", "cached", "write-combined"};
    return names[type];
}

// Behind the callbacks: the frame of an object's page, and the PAT's type of a mapping.
PhysicalPage frame_of(const Allocation& memory, std::uint64_t index) { return dxgkrnl().frame(memory.object(), index); }

std::uint64_t count_runs(const Allocation& memory) {
    std::uint64_t runs = 1;
    for (std::uint64_t i = 1; i < memory.pages(); ++i) runs += frame_of(memory, i) != frame_of(memory, i - 1) + 1;
    return runs;
}

void show_machine(const pci::Function& function, const gpu_driver::Identity& gpu, const vtd_driver::Unit& unit) {
    std::uint64_t usable = 0;
    for (const MemoryRange& range : memory_map()) usable += range.usable ? range.bytes : 0;
    const std::uint64_t last = frames().highest_installed().address().value + (page_size - 1);

    report::section("the machine");
    figure("memory", "firmware's memory map", "%lu GiB, the last byte at 0x%012lx", usable >> 30, last);
    figure("gpu", "PCI configuration space", "%04x:%04x at %02x:%02x.%u, %lu MiB of VRAM at 0x%012lx",
           function.vendor(), function.device(), function.bus(), function.device_number(), function.function_number(),
           gpu.vram_bytes >> 20, vram_of(function).address.value);
    figure("reach", "GPU register CAPABILITY", "%u bits, up to 0x%012lx", gpu.address_bits, gpu.highest_address());
    figure("iommu", "CAP_REG, ECAP_REG", "0x%016lx, 0x%lx: %u bits", unit.capability(), unit.extended_capability(),
           unit.address_width());
    check(last > gpu.highest_address(), "memory lies beyond the GPU's reach, so the adapter needs remapping");
}

// Copies system memory to VRAM and back, and looks at every byte on both sides.
bool copy_and_compare(Channel& channel, const Allocation& memory, volatile std::uint8_t* vram_bytes) {
    const std::uint64_t bytes = memory.bytes();
    const auto pattern = [&](std::uint64_t i) { return static_cast<std::uint8_t>(i * 167 + (i >> 8) + bytes); };
    for (std::uint64_t i = 0; i < bytes; ++i) memory[i] = pattern(i);
    if (channel.run(copy(vram(0), system_memory(memory.address().value), bytes)) != Error::None) return false;
    for (std::uint64_t i = 0; i < bytes; ++i)
        if (vram_bytes[i] != pattern(i)) return false;

    for (std::uint64_t i = 0; i < bytes; ++i) vram_bytes[i] = static_cast<std::uint8_t>(~pattern(i));
    if (channel.run(copy(system_memory(memory.address().value), vram(0), bytes)) != Error::None) return false;
    for (std::uint64_t i = 0; i < bytes; ++i)
        if (memory[i] != static_cast<std::uint8_t>(~pattern(i))) return false;
    return true;
}

// One object of a type: what was asked for, what came, and whether the GPU reaches it.
struct Example {
    const char* asked;
    AllocationRequest request;
};

void show_object(const DXGKRNL_INTERFACE& callbacks, Channel& channel, volatile std::uint8_t* vram_bytes,
                 const Example& example) {
    Allocation memory;
    const NTSTATUS status = memory.make(callbacks, example.request);
    const char* type = name_of(example.request.type);
    if (!check(NT_SUCCESS(status), "%-10s asked: %s, %s", type, example.asked, name_of(example.request.cache))) {
        report::text("         the callbacks answered 0x%08x", static_cast<unsigned>(status));
        return;
    }
    const std::uint64_t physical = frame_of(memory, 0).address().value;
    const std::uint64_t runs = count_runs(memory);
    figure("", "graphics kernel's books", "physical 0x%012lx%s, %lu pages in %lu run%s", physical,
           physical >= tebibyte ? " (above 1 TiB)" : "", memory.pages(), runs, runs == 1 ? "" : "s");
    const bool below = memory.address(memory.bytes() - 1).value < tebibyte;
    figure("", "the driver's ADL", "logical  0x%012lx%s%s", memory.address().value, below ? " (below 1 TiB)" : "",
           memory.contiguous() ? ", one range" : "");
    report::silently(below, "the logical address is below 1 TiB");
    if (example.request.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) {
        const bool done =
            channel.run(fill(system_memory(memory.address().value), memory.bytes(), 0x5aa5c33c)) == Error::None;
        bool right = done;
        for (std::uint64_t i = 0; right && i < memory.bytes(); ++i) {
            right = memory[i] == (0x5aa5c33cu >> (i % 4 * 8) & 0xff);
        }
        check(right, "the GPU filled %lu KiB of it through the IOMMU; every byte is right", memory.bytes() / kib);
        return;
    }
    check(copy_and_compare(channel, memory, vram_bytes), "the GPU copied %lu KiB to VRAM and back; every byte is right",
          memory.bytes() / kib);
}

void show_objects(const DXGKRNL_INTERFACE& callbacks, Channel& channel, const pci::Function& function) {
    const PhysicalAddress vram_base = vram_of(function).address;
    const PhysicalView vram_view(vram_base, 1024 * kib, CacheType::WriteCombined);
    auto* bytes = vram_view.as<volatile std::uint8_t>();
    const Example examples[] = {
        {"512 KiB anywhere", {.bytes = 512 * kib, .type = DXGK_PHYSICAL_MEMORY_TYPE_MDL}},
        {"256 KiB below 4 GiB, side by side",
         {.bytes = 256 * kib,
          .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
          .cache = DXGK_MEMORY_CACHING_TYPE_NON_CACHED,
          .highest = {0xffff'ffff},
          .require_contiguous = true}},
        {"256 KiB of pagefile",
         {.bytes = 256 * kib,
          .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION,
          .cache = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}},
        {"the GPU's own VRAM, its last 64 KiB",
         {.bytes = 64 * kib,
          .type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE,
          .cache = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED,
          .io_base = vram_base + (vram_of(function).bytes - 64 * kib),
          .require_contiguous = true}},
    };
    report::section("an object of each memory type");
    for (const Example& example : examples) show_object(callbacks, channel, bytes, example);
}

void show_mappings(const DXGKRNL_INTERFACE& callbacks) {
    report::section("a page above 1 TiB, mapped for the CPU with each cache type");
    for (const auto cache : {DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED,
                             DXGK_MEMORY_CACHING_TYPE_NON_CACHED}) {
        Allocation memory;
        if (!report::silently(NT_SUCCESS(memory.make(callbacks, {.bytes = page_size, .cache = cache})),
                              "an MDL of a page"))
            continue;
        const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(memory.data())});
        if (!report::silently(leaf.has_value(), "the mapping is in the page tables")) continue;
        const std::uint64_t physical = leaf->address.value;
        const unsigned index = pat_index_of(*leaf);
        const MemoryType type = pat_type(index);
        figure(name_of(cache), "page tables at CR3, PAT MSR", "virtual 0x%lx: physical 0x%012lx, PAT %u: %s",
               reinterpret_cast<std::uint64_t>(memory.data()), physical, index, paging::abbreviation_of(type));
        const MemoryType expected = cache == DXGK_MEMORY_CACHING_TYPE_CACHED           ? MemoryType::WriteBack
                                    : cache == DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED ? MemoryType::WriteCombining
                                                                                       : MemoryType::Uncacheable;
        report::silently(type == expected, "the page table entry selects the object's cache type");
        report::silently(physical >= tebibyte, "the page is above 1 TiB");
        report::silently(physical == frame_of(memory, 0).address().value, "the entry maps the object's frame");
        report::silently(memory.address().value < tebibyte, "its logical address is below 1 TiB");
    }
}

void show_refusal(const DXGKRNL_INTERFACE& callbacks, Channel& channel, gpu_driver::Device& device,
                  const pci::Function& function) {
    report::section("after FreeAdl");
    Allocation memory;
    if (!report::silently(NT_SUCCESS(memory.make(callbacks, {.bytes = page_size})), "an MDL of a page")) return;
    const std::uint64_t logical = memory.address().value;
    memory[0] = 0x11;
    check(channel.run(fill(system_memory(logical), page_size, pattern_of(0x22))) == Error::None && memory[0] == 0x22,
          "with the ADL, the GPU writes the page");
    memory.free_adl();
    const bool halted = channel.run(fill(system_memory(logical), page_size, pattern_of(0x33))) == Error::Halted;
    check(halted && memory[0] == 0x22, "without it, the same write does not reach memory");

    const auto seen = device.read_fault();
    if (report::silently(seen.has_value(), "the GPU reports a fault")) {
        figure("gpu", "registers FAULT_*", "%s at 0x%012lx, %s packet in ring entry %u",
               gpu_driver::name_of(seen->cause), seen->address, gpu_driver::name_of_opcode(seen->opcode), seen->entry);
        report::silently(seen->cause == FaultCause::BusWriteRefused && seen->address == logical, "of that write");
    }
    const auto fault = wait_for_fault(1000);
    if (report::silently(fault.has_value(), "the IOMMU records a fault")) {
        figure("iommu", "fault recording register", "source %02x:%02x.%u, %s of page 0x%012lx", fault->source >> 8,
               fault->source >> 3 & 31, fault->source & 7, fault->write ? "write" : "read", fault->page.value);
        figure("", "the same; VT-d's table of reasons", "reason 0x%x: %s", fault->reason,
               vtd::text_of(static_cast<vtd::FaultReason>(fault->reason)));
        report::silently(
            fault->source == function.source() && fault->write && fault->page.value == logical && fault->reason == 5,
            "of that write");
    }
    check(channel.recover() == Error::None, "the driver clears the report, and the engine goes on");
    drop_faults();
}

void show_reach(Channel& channel, gpu_driver::Device& device, const gpu_driver::Identity& gpu) {
    const std::uint64_t above = gpu.highest_address() + 1;
    const bool halted = channel.run(fill(system_memory(above), 4, 0)) == Error::Halted;
    const auto fault = device.read_fault();
    check(halted && fault && fault->cause == FaultCause::OutOfReach,
          "an address the part has no bits for (0x%012lx) never leaves it: %s", above,
          fault ? gpu_driver::name_of(fault->cause) : "no fault");
    report::silently(channel.recover() == Error::None, "the engine goes on");
}

void show_picture(const DXGKRNL_INTERFACE& callbacks, Channel& channel, gpu_driver::Device& device) {
    report::section("a picture");
    Allocation text;
    if (!report::silently(NT_SUCCESS(text.make(callbacks, {.bytes = text_bytes})) && text.contiguous(), "memory"))
        return;
    const auto before = device.counters();
    const Error drawn = draw_picture(channel, text);
    const auto after = device.counters();
    check(drawn == Error::None && device.set_scanout(picture_mode) == Error::None, "the GPU drew it and shows it");
    figure("drawn by", "GPU registers *_COUNT", "%lu packets, %lu KiB written", after.packets - before.packets,
           (after.bytes - before.bytes) / kib);
    check(request_picture(), "the display was read out");
}

void run(const pci::Function& function, vtd_driver::Unit& unit) {
    GpuMmio registers(function);
    gpu_driver::Device device(registers);
    const auto gpu = device.identify();
    if (!check(gpu.has_value(), "the GPU is one this driver knows")) return;
    show_machine(function, *gpu, unit);

    // The operating system's part, before the driver's StartDevice.
    Adapter adapter(function, {.highest_visible = {gpu->highest_address()}});
    if (!check(NT_SUCCESS(adapter.status()) && adapter.remaps(), "the adapter started, with linear remapping")) return;
    const DXGKRNL_INTERFACE callbacks = adapter.callbacks();

    Channel channel(device);
    const auto started = channel.start(callbacks);
    if (!check(started.ok(), "the GPU's command ring runs in memory that came through the callbacks")) {
        report::text("       status 0x%08x, %s", static_cast<unsigned>(started.status),
                     gpu_driver::name_of(started.error));
        return;
    }
    show_objects(callbacks, channel, function);
    show_mappings(callbacks);
    show_refusal(callbacks, channel, device, function);
    show_reach(channel, device, *gpu);
    show_picture(callbacks, channel, device);
    channel.stop();
    report::silently(reports().warnings() == 0 && reports().bugchecks() == 0,
                     "the callbacks found no fault in the driver");
}

}  // namespace

PROGRAM() {
    print("remaplab: a driver's memory, from its callbacks to the GPU's DMA\n");
    const pci::Function* function = find_gpu();
    if (check(function != nullptr, "the machine has a GPU") && check(iommu() != nullptr, "it is behind an IOMMU"))
        run(*function, *iommu());
    return report::verdict();
}
