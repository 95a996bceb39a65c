// SPDX-License-Identifier: MIT
// The litmus cases in the guest: real instructions through real page tables, a GPU on the bus, and QEMU's model of the
// caches, whose registers say what was found. The GPU works on physical addresses, and the model is told of its pages.
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/cache_model.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"
#include "guest-tests/x86/cache_instructions.h"
#include "guest-tests/x86/repeated_instructions.h"
#include "hw/litmus/bench.h"
#include "hw/litmus/gpu.h"
#include "hw/litmus/litmus.h"

#include <cstddef>
#include <cstring>

namespace remap::litmus {

using callbacks::FrameList;
using gpu::spec::Packet;
using guest::CacheType;

// The linker lays the cases where the harness looks for its own.
static_assert(sizeof(Case) == sizeof(guest::TestCase) && alignof(Case) == alignof(guest::TestCase));
static_assert(offsetof(Case, name) == offsetof(guest::TestCase, name));
static_assert(offsetof(Case, body) == offsetof(guest::TestCase, body));

namespace {

constexpr PhysicalPage anywhere{~std::uint64_t{0} >> page_shift};

CacheType cache_type(MemoryType type) {
    return type == MemoryType::WriteBack        ? CacheType::WriteBack
           : type == MemoryType::WriteCombining ? CacheType::WriteCombined
                                                : CacheType::Uncached;
}

struct Failure {
    const char* scene;
    const char* what;
    std::uint64_t value, expected;
};

class GuestMachine final : public Machine {
public:
    GuestMachine()
        : model_(*guest::find_cache_model()), function_(*guest::find_gpu()), registers_(function_), gpu_(registers_) {
        strict_ = model_.is_strict();
        FrameList frames;
        REQUIRE(guest::frames().allocate({.pages = 2, .highest = anywhere, .contiguous = true}, frames));
        volatile void* const memory = guest::map_physical(frames[0].address(), Gpu::memory_bytes, CacheType::WriteBack);
        REQUIRE(memory != nullptr);
        REQUIRE(gpu_.start(memory, {frames[0].address().value}));
        vram_ = static_cast<volatile std::uint8_t*>(guest::map_device(guest::vram_of(function_).address, page_size));
        REQUIRE(vram_ != nullptr);
    }

    // A try at a case. What an interrupt does to buffers and flushes is no part of it.
    void begin_try(unsigned number) {
        busy_bytes_ = std::uint64_t{busy_bytes_at_first} << number;
        late_ = false;
        failures_ = 0;
        guest::cpu::disable_interrupts();
    }

    // False: the GPU came before it was to, and the case is to be tried again.
    bool end_try(bool last) {
        release();
        guest::cpu::enable_interrupts();
        if (late_ && !last) return false;
        if (late_) guest::fail(__FILE__, __LINE__, "the GPU always comes before the processor has stored");
        for (unsigned i = 0; i < failures_ && i < most_failures; ++i) {
            const Failure& one = failure_[i];
            guest::fail(__FILE__, __LINE__, "%s: %s: 0x%lx is not 0x%lx", one.scene, one.what, one.value, one.expected);
        }
        return true;
    }

    void begin_scene() override {
        release();
        REQUIRE(guest::frames().allocate({.pages = pages, .highest = anywhere}, frames_));
        for (std::uint64_t page = 0; page < pages; ++page) {
            const guest::PhysicalView view(frames_[page].address(), page_size, CacheType::WriteBack);
            REQUIRE(view);
            std::memset(view.as<void>(), static_cast<int>(before & 0xff), page_size);
        }
        for (std::uint64_t page = 0; page < pages; ++page) model_.set_mapped(frames_[page], 1, true);
        first_finding_ = model_.findings();
    }

    bool strict() override { return strict_; }
    unsigned processors() override { return 1; }
    void run_on(unsigned) override { REQUIRE(false); }

    View map(MemoryType type) override {
        REQUIRE(views_ < most_views);
        view_[views_] = next_view_;
        next_view_ = next_view_ + (pages + 1);
        map_at(view_[views_], type);
        return {views_++};
    }
    void set_type(View view, MemoryType type) override {
        unmap_at(view_[view.number]);
        map_at(view_[view.number], type);
        x86::cpuid();
    }

    Code store(View view, const Part& to, std::uint64_t value) override {
        x86::RepeatedInstruction& instruction = to.bytes == 1   ? store_1_
                                                : to.bytes == 2 ? store_2_
                                                : to.bytes == 4 ? store_4_
                                                                : store_8_;
        return executed(instruction.execute(at(view, to.offset), value)).code;
    }
    Loaded load(View view, const Part& from) override {
        REQUIRE_EQ(from.bytes, 8);
        const auto done = executed(load_8_.execute(at(view, from.offset)));
        return {done.value, done.code};
    }
    Code exchange(View view, std::uint64_t offset, std::uint64_t value) override {
        return executed(exchange_8_.execute(at(view, offset), value)).code;
    }
    Code flush(View view, std::uint64_t offset, Flush how) override {
        x86::RepeatedInstruction& instruction = how == Flush::Clflush      ? clflush_
                                                : how == Flush::Clflushopt ? clflushopt_
                                                                           : clwb_;
        return executed(instruction.execute(at(view, offset))).code;
    }
    void fence(Fence kind) override {
        switch (kind) {
            case Fence::Sfence: return x86::sfence();
            case Fence::Mfence: return x86::mfence();
            case Fence::Serialize: return x86::cpuid();
        }
    }
    void wbinvd() override { x86::wbinvd(); }
    void read_register() override { (void)registers_.read32(0); }

    void dma(const Dma& what, void* to) override {
        dma_ = what;
        const Packet packet = Gpu::packet_of(what, address_of(what.part.offset));
        gpu_.tell({&packet, 1});
        finish(to);
    }

    // The GPU has something to do in its own memory first, and says when it is done with that.
    void schedule_dma(const Dma& what) override {
        dma_ = what;
        begun_ = 0;
        const std::uint64_t piece = busy_bytes_ < most_busy_bytes ? busy_bytes_ : most_busy_bytes;
        const Packet busy = gpu::spec::fill(gpu::spec::vram(page_size), piece, 0);
        Packet packets[most_busy_packets + 2];
        std::size_t count = 0;
        for (std::uint64_t left = busy_bytes_; left != 0 && count < most_busy_packets; left -= piece)
            packets[count++] = busy;
        packets[count++] = gpu::spec::fence(gpu::spec::system_memory(physical(&begun_)), 1);
        packets[count++] = Gpu::packet_of(what, address_of(what.part.offset));
        gpu_.tell({packets, count});
    }
    void await_dma(void* to) override {
        if (__atomic_load_n(&begun_, __ATOMIC_ACQUIRE) != 0) late_ = true;
        finish(to);
    }

    unsigned found() override {
        unsigned count = 0;
        for (std::uint64_t i = first_finding_; i < model_.findings(); ++i) count += is_of_a_case(i);
        return count;
    }
    Found finding(unsigned number) override {
        for (std::uint64_t i = first_finding_; i < model_.findings(); ++i) {
            if (is_of_a_case(i) && number-- == 0) return told(model_.finding(i));
        }
        return {};
    }

    void fail(const char* scene, const char* what, std::uint64_t value, std::uint64_t expected) override {
        if (failures_ < most_failures) failure_[failures_] = {scene, what, value, expected};
        ++failures_;
    }

private:
    static constexpr std::uint64_t pages = scene_bytes / page_size;
    static constexpr unsigned most_views = 4, most_failures = 8;
    static constexpr std::uint64_t busy_bytes_at_first = 64 << 20, most_busy_bytes = 32 << 20;  // of VRAM
    static constexpr unsigned most_busy_packets = 40;
    static constexpr std::uint64_t most_polls = 2'000'000'000;

    x86::RepeatedInstruction::Executed executed(const x86::RepeatedInstruction::Executed& done) {
        REQUIRE(done.code != 0);
        return done;
    }

    // Owned memory is mapped where it is.
    static std::uint64_t physical(const void* owned) { return reinterpret_cast<std::uint64_t>(owned); }

    volatile void* at(View view, std::uint64_t offset) const {
        return reinterpret_cast<volatile void*>(view_[view.number].address().value + offset);
    }
    LogicalAddress address_of(std::uint64_t offset) const {
        return {frames_[offset / page_size].address().value + offset % page_size};
    }
    std::uint64_t offset_of(PhysicalAddress address) const {
        for (std::uint64_t page = 0; page < pages; ++page) {
            if (frames_[page] == address.page()) return page * page_size + address.page_offset();
        }
        return ~std::uint64_t{0};
    }

    void map_at(CpuVirtualPage first, MemoryType type) {
        for (std::uint64_t page = 0; page < pages; ++page)
            REQUIRE(
                guest::map_pages(guest::kernel_space(), first + page, frames_[page], 1, {.cache = cache_type(type)}));
    }
    void unmap_at(CpuVirtualPage first) { guest::unmap_pages(guest::kernel_space(), first, pages); }

    void release() {
        for (; views_ != 0; --views_) unmap_at(view_[views_ - 1]);
        for (std::uint64_t page = 0; page < frames_.size(); ++page) model_.set_mapped(frames_[page], 1, false);
        guest::frames().free(frames_);
        frames_.shorten(0);
    }

    void finish(void* to) {
        REQUIRE(gpu_.wait(most_polls));
        if (dma_.write) return;
        for (unsigned i = 0; i < dma_.part.bytes; ++i) static_cast<std::uint8_t*>(to)[i] = vram_[i];
    }

    // That a page has two types is not what the cases are about.
    bool is_of_a_case(std::uint64_t number) const { return model_.finding(number).kind != Kind::TypeConflict; }
    Found told(const cache_driver::Finding& finding) const {
        return {.kind = finding.kind,
                .first = offset_of(finding.first),
                .store = finding.store_code,
                .load = finding.load_code,
                .flush = finding.flush_code};
    }

    const cache_driver::CacheModel model_;
    const guest::pci::Function& function_;
    guest::GpuMmio registers_;
    Gpu gpu_;
    volatile std::uint8_t* vram_ = nullptr;
    bool strict_ = false;

    FrameList frames_;
    CpuVirtualPage view_[most_views];
    unsigned views_ = 0;
    CpuVirtualPage next_view_{0xffff'bfff'0000'0000 >> page_shift};
    std::uint64_t first_finding_ = 0;

    Dma dma_;
    alignas(8) std::uint64_t begun_ = 0;
    std::uint64_t busy_bytes_ = 0;
    bool late_ = false;
    Failure failure_[most_failures];
    unsigned failures_ = 0;

    x86::RepeatedInstruction store_1_{repeated_store_1}, store_2_{repeated_store_2}, store_4_{repeated_store_4},
        store_8_{repeated_store_8}, load_8_{repeated_load_8}, exchange_8_{repeated_exchange_8},
        clflush_{repeated_clflush}, clflushopt_{repeated_clflushopt}, clwb_{repeated_clwb};
};

}  // namespace

void run(const Litmus& litmus) {
    static GuestMachine machine;
    constexpr unsigned tries = 5;
    for (unsigned number = 0; number < tries; ++number) {
        machine.begin_try(number);
        Bench bench(machine);
        litmus.body(bench);
        bench.end();
        if (machine.end_try(number + 1 == tries)) return;
    }
}

}  // namespace remap::litmus
