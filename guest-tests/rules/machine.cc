// SPDX-License-Identifier: MIT
// The rules of the callbacks in the guest: real page tables, a VT-d unit, GPUs on the bus.
#include "guest-tests/runtime/machine.h"
#include "callbacks/rules/bench.h"
#include "callbacks/rules/rule.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/test.h"

#include <cstddef>
#include <memory>
#include <new>

namespace remap::rules {

using callbacks::CacheType;
using callbacks::DmaMode;

// The linker lays the rules where the harness looks for its cases.
static_assert(sizeof(Case) == sizeof(guest::TestCase) && alignof(Case) == alignof(guest::TestCase));
static_assert(offsetof(Case, name) == offsetof(guest::TestCase, name));
static_assert(offsetof(Case, body) == offsetof(guest::TestCase, body));

namespace {

// A place for an object that a case may leave without its destructor.
template <typename T>
class Place {
public:
    template <typename... Arguments>
    T& make(Arguments&&... arguments) {
        return *new (storage_) T(static_cast<Arguments&&>(arguments)...);
    }

private:
    alignas(T) std::byte storage_[sizeof(T)];
};

class Execution final : public callbacks::ExecutionPort {
public:
    KIRQL irql() const override { return static_cast<KIRQL>(guest::cpu::read_cr8()); }
    std::uint64_t process() const override { return guest::current_process(); }
    void relax() override { guest::cpu::pause(); }
};

class GuestMachine final : public Machine {
public:
    // Takes down what a case that ended early has left.
    void begin() {
        set_irql(PASSIVE_LEVEL);
        set_process(0);
        for (Slot& slot : slots_) {
            const auto end = [](void* one) { GuestMachine::stop(*static_cast<Slot*>(one)); };
            if (slot.adapter != nullptr) (void)guest::catch_bugcheck_in(end, &slot);
        }
        guest::dxgkrnl().failures().clear();
        clear_warnings();
    }

    callbacks::Dxgkrnl& dxgkrnl() override { return guest::dxgkrnl(); }
    callbacks::Ports ports() override { return {guest::frames(), guest::views(), execution_, guest::reports()}; }
    std::uint64_t free_frames() override { return guest::frames().free_pages(); }

    NTSTATUS start(unsigned first_gpu, const AdapterWish& wish, HANDLE* handles,
                   DXGKRNL_INTERFACE* interfaces) override {
        Slot& slot = slots_[first_gpu];
        PhysicalAddress visible[longest_chain];
        for (unsigned i = 0; i < wish.chain; ++i) {
            const guest::pci::Function* function = guest::find_gpu(first_gpu + i);
            REQUIRE(function != nullptr);
            slot.chain[i] = *function;
            visible[i] = i < wish.highest_visible.size() ? wish.highest_visible[i] : wish.highest_visible.back();
        }
        const guest::AdapterOptions options{.each_highest_visible = {visible, wish.chain},
                                            .map_aperture2 = wish.map_aperture2,
                                            .caps = wish.caps,
                                            .reserved = wish.reserved,
                                            .frame_buffer_save = wish.frame_buffer_save,
                                            .preferred = wish.preferred,
                                            .driver = wish.driver,
                                            .version = wish.version};
        guest::Adapter& adapter =
            slot.place.make(std::span<const guest::pci::Function>{slot.chain, wish.chain}, options);
        if (!NT_SUCCESS(adapter.status())) {
            const NTSTATUS status = adapter.status();
            adapter.~Adapter();
            return status;
        }
        slot.adapter = &adapter;
        for (unsigned i = 0; i < wish.chain; ++i) {
            handles[i] = adapter.handle(i);
            interfaces[i] = adapter.callbacks(i);
        }
        return STATUS_SUCCESS;
    }
    void stop(unsigned first_gpu) override { stop(slots_[first_gpu]); }

    gpu_driver::GpuRegisters& registers(unsigned gpu) override {
        const guest::pci::Function* function = guest::find_gpu(gpu);
        REQUIRE(function != nullptr);
        if (!registers_[gpu]) registers_[gpu].emplace(*function);
        function->set_bus_master(true);
        return *registers_[gpu];
    }
    volatile std::uint8_t* vram(unsigned gpu) override {
        if (!vram_[gpu])
            vram_[gpu].emplace(guest::vram_of(*guest::find_gpu(gpu)).address, page_size, CacheType::Uncached);
        return vram_[gpu]->as<volatile std::uint8_t>();
    }

    // The VRAM of the last GPU.
    PhysicalAddress device_memory() override {
        const guest::pci::Function* function = guest::find_gpu(gpus - 1);
        REQUIRE(function != nullptr);
        return guest::vram_of(*function).address;
    }

    std::uint8_t peek(PhysicalPage page) override {
        const bool memory = guest::frames().overlaps_memory(page, 1);
        const guest::PhysicalView view(page.address(), page_size, memory ? CacheType::WriteBack : CacheType::Uncached);
        REQUIRE(view);
        return *view.as<volatile std::uint8_t>();
    }

    std::optional<PageView> view_at(const volatile void* address) override {
        const auto leaf = guest::find_leaf({reinterpret_cast<std::uint64_t>(address)});
        if (!leaf) return std::nullopt;
        const guest::MemoryType type = guest::pat_type(guest::pat_index_of(*leaf));
        const CacheType cache = type == guest::MemoryType::WriteBack        ? CacheType::WriteBack
                                : type == guest::MemoryType::WriteCombining ? CacheType::WriteCombined
                                                                            : CacheType::Uncached;
        return PageView{cache, guest::has_user_rights(*leaf), guest::is_writable(*leaf)};
    }

    void set_irql(KIRQL irql) override { guest::cpu::write_cr8(irql); }
    void set_process(std::uint64_t number) override {
        if (number == 0) return guest::Process::resume_kernel();
        REQUIRE(number - first_process < processes);
        std::optional<guest::Process>& process = processes_[number - first_process];
        if (!process) process.emplace();
        process->enter();
    }
    void fail_allocations(bool on) override { EXPECT(!on); }

    std::optional<Bugcheck> catch_bugcheck(void (*call)(void*), void* context) override {
        return guest::catch_bugcheck_in(call, context);
    }

    std::optional<callbacks::Check> warning() override { return guest::reports().last_warning(); }
    void clear_warnings() override { guest::reports().clear(); }

private:
    struct Slot {
        guest::pci::Function chain[longest_chain];
        Place<guest::Adapter> place;
        guest::Adapter* adapter = nullptr;
    };

    // A bugcheck on the way ends this early.
    static void stop(Slot& slot) {
        guest::Adapter* const adapter = slot.adapter;
        slot.adapter = nullptr;
        if (adapter != nullptr) adapter->~Adapter();
    }

    static constexpr std::uint64_t first_process = 1000;
    static constexpr unsigned processes = 2;

    Execution execution_;
    std::optional<guest::Process> processes_[processes];
    Slot slots_[gpus];
    std::optional<guest::GpuMmio> registers_[gpus];
    std::optional<guest::PhysicalView> vram_[gpus];
};

Place<Bench> bench_place;
const char* running_mode = "";

}  // namespace

void run(const Rule& rule) {
    static GuestMachine machine;
    for (const auto& [mode, name] : modes_of(rule)) {
        running_mode = name;
        machine.begin();
        Bench& bench = bench_place.make(machine, mode);
        rule.body(bench);
        bench.finish();
        bench.~Bench();
    }
}

void fail(const char* file, int line, const char* text) {
    guest::fail(file, line, "in mode %s expected: %s", running_mode, text);
}

void fail(const char* file, int line, const char* text, std::uint64_t value, std::uint64_t expected) {
    guest::fail(file, line, "in mode %s expected: %s; 0x%lx is not 0x%lx", running_mode, text, value, expected);
}

void abandon() { guest::abandon_guarded_call(); }

}  // namespace remap::rules
