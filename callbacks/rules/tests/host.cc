// SPDX-License-Identifier: MIT
// The rules on the hosted machine: each is a test of its own name.
#include "callbacks/hosted/system.h"
#include "callbacks/rules/bench.h"
#include "callbacks/rules/rule.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <thread>

extern "C" {
extern const remap::rules::Case* const __start_test_cases[];
extern const remap::rules::Case* const __stop_test_cases[];
extern const remap::rules::Case* const __start_host_cases[];
extern const remap::rules::Case* const __stop_host_cases[];
}

namespace {

std::atomic<bool> allocations_fail = false;

}  // namespace

// Only the callbacks allocate with nothrow.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocations_fail ? nullptr : ::operator new(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocations_fail ? nullptr : ::operator new[](bytes);
}

namespace remap::rules {

using callbacks::DmaMode;

namespace {

struct Abandoned {};

class GpuAccess final : public gpu_driver::GpuRegisters {
public:
    explicit GpuAccess(hosted::HostedGpu& gpu) : gpu_(gpu) {}
    std::uint32_t read32(std::uint64_t offset) override {
        return static_cast<std::uint32_t>(gpu_.registers().read(offset, 4));
    }
    std::uint64_t read64(std::uint64_t offset) override { return gpu_.registers().read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) override { gpu_.registers().write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { gpu_.registers().write(offset, value, 8); }
    void pause() override { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

private:
    hosted::HostedGpu& gpu_;
};

class HostMachine final : public Machine {
public:
    HostMachine() {
        auto created = hosted::System::create({});
        if (!created) {
            ADD_FAILURE() << created.error();
            throw Abandoned{};
        }
        system_ = std::move(*created);
    }

    callbacks::Dxgkrnl& dxgkrnl() override { return system_->dxgkrnl(); }
    callbacks::Ports ports() override { return {system_->frames(), system_->views(), execution_, system_->reports()}; }
    std::uint64_t free_frames() override { return system_->frames().free_pages(); }

    NTSTATUS start(unsigned first_gpu, const AdapterWish& wish, HANDLE* handles,
                   DXGKRNL_INTERFACE* interfaces) override {
        auto started = system_->start_adapter(options(first_gpu, wish));
        if (!started) return started.error();
        auto& adapter = adapters_[first_gpu] = std::move(*started);
        for (unsigned i = 0; i < wish.chain; ++i) {
            const hosted::LinkedAdapter& linked = i == 0 ? adapter : adapter.linked[i - 1];
            handles[i] = linked.device;
            interfaces[i] = linked.interface;
            gpus_[first_gpu + i] = linked.gpu;
            access_[first_gpu + i] = std::make_unique<GpuAccess>(*linked.gpu);
        }
        return STATUS_SUCCESS;
    }
    void stop(unsigned first_gpu) override { system_->stop_adapter(adapters_.at(first_gpu)); }

    gpu_driver::GpuRegisters& registers(unsigned gpu) override { return *access_.at(gpu); }
    volatile std::uint8_t* vram(unsigned gpu) override {
        return reinterpret_cast<volatile std::uint8_t*>(gpus_.at(gpu)->vram().data());
    }

    PhysicalAddress device_memory() override { return {0x4000'0000}; }  // nothing is between 256 MiB and 1 TiB
    std::uint8_t peek(PhysicalPage page) override {
        const std::byte* bytes = system_->machine().memory().bytes_of(page);
        return bytes == nullptr ? 0xff : static_cast<std::uint8_t>(*bytes);
    }

    std::optional<PageView> view_at(const volatile void* address) override {
        const auto found = system_->views().attributes(const_cast<const void*>(address));
        if (!found) return std::nullopt;
        return PageView{found->cache, found->mode == callbacks::AccessMode::User, found->writable};
    }

    void set_irql(KIRQL irql) override {
        if (irql == PASSIVE_LEVEL)
            irql_.reset();
        else
            irql_.emplace(irql);
    }
    void set_process(std::uint64_t number) override {
        if (number == 0)
            process_.reset();
        else
            process_.emplace(number);
    }

    void fail_allocations(bool on) override { allocations_fail = on; }

    std::optional<Bugcheck> catch_bugcheck(void (*call)(void*), void* context) override {
        bool abandoned = false;  // no exception passes through what catches a bugcheck
        const auto caught = hosted::catch_bugcheck([&] {
            try {
                call(context);
            } catch (const Abandoned&) {
                abandoned = true;
            }
        });
        if (abandoned) throw Abandoned{};
        if (!caught) return std::nullopt;
        return Bugcheck{caught->check,  caught->code,   caught->parameters[0], caught->callback,
                        caught->caller, caught->object, caught->context};
    }

    std::optional<callbacks::Check> warning() override {
        const auto all = system_->reports().all();
        if (all.empty()) return std::nullopt;
        return all.back().check;
    }
    void clear_warnings() override { system_->reports().clear(); }

private:
    static hosted::AdapterOptions options(unsigned first_gpu, const AdapterWish& wish) {
        hosted::AdapterOptions options{
            .version = wish.version,
            .highest_visible = {wish.highest_visible.begin(), wish.highest_visible.end()},
            .map_aperture2 = wish.map_aperture2,
            .caps = wish.caps,
            .reserved = {wish.reserved.begin(), wish.reserved.end()},
            .frame_buffer_save = {wish.frame_buffer_save.begin(), wish.frame_buffer_save.end()},
            .preferred = wish.preferred,
            .driver = wish.driver,
        };
        options.highest_visible.resize(wish.chain, options.highest_visible.back());
        const auto gpu = [&](unsigned n) {
            return hosted::GpuOptions{.vram_bytes = 1 << 20,
                                      .address_bits = 64,
                                      .source_id = static_cast<std::uint16_t>(0x10 + 8 * (first_gpu + n))};
        };
        options.gpu = gpu(0);
        for (unsigned i = 1; i < wish.chain; ++i) options.linked.push_back(gpu(i));
        return options;
    }

    std::unique_ptr<hosted::System> system_;
    hosted::Execution execution_;
    std::map<unsigned, hosted::Adapter> adapters_;
    std::map<unsigned, hosted::HostedGpu*> gpus_;
    std::map<unsigned, std::unique_ptr<GpuAccess>> access_;
    std::optional<hosted::AtIrql> irql_;
    std::optional<hosted::InProcess> process_;
};

// A case that fails may leave anything behind: then what stops the machine at its end is no news.
void run_in(const Rule& rule, DmaMode mode) {
    auto machine = std::make_unique<HostMachine>();
    auto bench = std::make_unique<Bench>(*machine, mode);
    try {
        if (const auto stopped = bench->stop_in([&] { rule.body(*bench); }))
            ADD_FAILURE() << text_of(stopped->check).name << " stops the machine";
    } catch (const Abandoned&) {
    }
    machine->fail_allocations(false);
    machine->set_irql(PASSIVE_LEVEL);
    machine->set_process(0);
    machine->dxgkrnl().failures().clear();
    bench->finish();
    const auto left = hosted::catch_bugcheck([&] {
        bench.reset();
        machine.reset();
    });
    if (left) ADD_FAILURE() << text_of(left->check).name << " at the end of the machine";
}

class RuleTest : public testing::Test {
public:
    explicit RuleTest(const Case& test) : case_(test) {}
    void TestBody() override { case_.body(); }

private:
    const Case& case_;
};

void add(const Case* const* begin, const Case* const* end) {
    for (; begin != end; ++begin) {
        const Case& test = **begin;
        testing::RegisterTest("Rules", test.name, nullptr, nullptr, __FILE__, __LINE__,
                              [&test]() -> testing::Test* { return new RuleTest(test); });
    }
}

}  // namespace

void run(const Rule& rule) {
    for (const auto& [mode, name] : modes_of(rule)) {
        SCOPED_TRACE(std::string("mode: ") + name);
        SCOPED_TRACE(rule.sentence);
        try {
            run_in(rule, mode);
        } catch (const Abandoned&) {
        }
    }
}

void fail(const char* file, int line, const char* text) { ADD_FAILURE_AT(file, line) << "expected: " << text; }

void fail(const char* file, int line, const char* text, std::uint64_t value, std::uint64_t expected) {
    ADD_FAILURE_AT(file, line) << "expected: " << text << std::hex << "\n  0x" << value << " is not 0x" << expected;
}

void abandon() { throw Abandoned{}; }

}  // namespace remap::rules

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    remap::rules::add(__start_test_cases, __stop_test_cases);
    remap::rules::add(__start_host_cases, __stop_host_cases);
    return RUN_ALL_TESTS();
}
