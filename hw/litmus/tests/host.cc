// SPDX-License-Identifier: MIT
// The litmus cases on the hosted machine, each in both modes of the model. An instruction is a call, and gets a number
// of its own for its address.
#include "hw/hosted/hosted_gpu.h"
#include "hw/hosted/processor.h"
#include "hw/litmus/bench.h"
#include "hw/litmus/gpu.h"
#include "hw/litmus/litmus.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <thread>
#include <vector>

extern "C" {
extern const remap::litmus::Case* const __start_test_cases[];
extern const remap::litmus::Case* const __stop_test_cases[];
extern const remap::litmus::Case* const __start_host_cases[];
extern const remap::litmus::Case* const __stop_host_cases[];
}

namespace remap::litmus {
namespace {

using gpu::spec::Packet;

static_assert(static_cast<unsigned>(Kind::MissedFlush) == static_cast<unsigned>(cache::FindingKind::MissedFlush));
static_assert(static_cast<unsigned>(Kind::OverwrittenByStore) ==
              static_cast<unsigned>(cache::FindingKind::OverwrittenByStore));

// What goes wrong in the machine itself.
struct Abandoned {};

void require(bool good, const char* what) {
    if (good) return;
    ADD_FAILURE() << what;
    throw Abandoned{};
}

class GpuAccess final : public gpu_driver::GpuRegisters {
public:
    explicit GpuAccess(hosted::HostedGpu& gpu) : gpu_(gpu) {}
    std::uint32_t read32(std::uint64_t offset) override { return static_cast<std::uint32_t>(read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) override { return read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) override { gpu_.registers().write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { gpu_.registers().write(offset, value, 8); }
    void pause() override { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

private:
    std::uint64_t read(std::uint64_t offset, unsigned bytes) { return gpu_.registers().read(offset, bytes); }

    hosted::HostedGpu& gpu_;
};

class HostMachine final : public Machine {
public:
    explicit HostMachine(cache::Mode mode) : strict_(mode == cache::Mode::Strict) {
        hosted::MachineOptions options{.iommu = false};
        options.cache_model.emplace().mode = mode;
        auto created = hosted::Machine::create(options);
        require(bool(created), "no hosted machine");
        machine_ = std::move(*created);
        hosted_gpu_ = machine_->add_gpu({.vram_bytes = 1 << 20, .address_bits = 48});
        access_ = std::make_unique<GpuAccess>(*hosted_gpu_);
        gpu_ = std::make_unique<Gpu>(*access_);
        require(gpu_->start(machine_->memory().bytes_of(ring_page), {ring_page.address().value}),
                "the GPU does not start");
        for (unsigned number = 0; number < processors(); ++number) processors_.emplace_back(*machine_, number);
    }

    // The pages of a scene are apart from each other and from those of the next.
    void begin_scene() override {
        for (const PhysicalPage frame : frames_) model().untrack(frame, 1);
        frames_ = {next_frame_, next_frame_ + 3};
        next_frame_ = next_frame_ + 8;
        for (const PhysicalPage frame : frames_) {
            std::memset(machine_->memory().bytes_of(frame), static_cast<int>(before & 0xff), page_size);
        }
        views_.clear();
        first_finding_ = model().finding_count();
        run_on(0);
    }

    bool strict() override { return strict_; }
    unsigned processors() override { return 2; }
    void run_on(unsigned processor) override { current_ = processor; }

    View map(MemoryType type) override {
        std::vector<CpuVirtualAddress> at;
        for (hosted::Processor& processor : processors_) at.push_back(processor.map(frames_, type));
        views_.push_back(at);
        return {static_cast<unsigned>(views_.size() - 1)};
    }
    void set_type(View view, MemoryType type) override {
        for (hosted::Processor& processor : processors_) {
            require(processor.set_type(views_[view.number][processor.number()], type), "a mapping is not there");
        }
        processor().serialize();
    }

    Code store(View view, const Part& to, std::uint64_t value) override {
        const Code code = new_code();
        require(processor().store(at(view, to.offset), value, to.bytes, code), "a store faults");
        return code;
    }
    Loaded load(View view, const Part& from) override {
        const Code code = new_code();
        const auto value = processor().load(at(view, from.offset), from.bytes, code);
        require(value.has_value(), "a load faults");
        return {*value, code};
    }
    Code exchange(View view, std::uint64_t offset, std::uint64_t value) override {
        const Code code = new_code();
        require(processor().exchange(at(view, offset), value, 8, code).has_value(), "an exchange faults");
        return code;
    }
    Code flush(View view, std::uint64_t offset, Flush how) override {
        const Code code = new_code();
        const auto kind = how == Flush::Clflush ? cache::Flush::Clflush
                          : how == Flush::Clwb  ? cache::Flush::Clwb
                                                : cache::Flush::Clflushopt;
        require(processor().flush(at(view, offset), kind, code), "a flush faults");
        return code;
    }
    void fence(Fence kind) override {
        switch (kind) {
            case Fence::Sfence: return processor().sfence();
            case Fence::Mfence: return processor().mfence();
            case Fence::Serialize: return processor().serialize();
        }
    }
    void wbinvd() override { processor().wbinvd(); }
    void read_register() override { (void)processor().read_register(*hosted_gpu_, 0, 4); }

    // To tell the GPU of something is no access of a processor here: the doorbell is one of its own.
    void dma(const Dma& what, void* to) override {
        read_register();
        schedule_dma(what);
        await_dma(to);
    }
    void schedule_dma(const Dma& what) override { scheduled_ = what; }
    void await_dma(void* to) override {
        const Packet packet = Gpu::packet_of(scheduled_, {physical(scheduled_.part.offset).value});
        gpu_->tell({&packet, 1});
        require(gpu_->wait(500'000), "the GPU does not do its work");
        if (!scheduled_.write) std::memcpy(to, hosted_gpu_->vram().data(), scheduled_.part.bytes);
    }

    unsigned found() override { return static_cast<unsigned>(model().finding_count() - first_finding_); }
    Found finding(unsigned number) override {
        const auto finding = model().finding(first_finding_ + number);
        require(finding.has_value(), "a finding is not there");
        EXPECT_FALSE(cache::describe(*finding).empty());
        const auto code = [](const std::optional<cache::Origin>& origin) { return origin ? origin->code : 0; };
        return {.kind = finding->kind,
                .first = offset_of(finding->first),
                .store = code(finding->store),
                .load = code(finding->load),
                .flush = code(finding->flush)};
    }

    void fail(const char* scene, const char* what, std::uint64_t value, std::uint64_t expected) override {
        ADD_FAILURE() << scene << ": " << what << std::hex << ": 0x" << value << " is not 0x" << expected;
    }

private:
    static constexpr PhysicalPage ring_page{0x10};  // and the next

    cache::Coherency& model() { return machine_->caches()->model(); }
    hosted::Processor& processor() { return processors_[current_]; }
    Code new_code() { return 0x400000 + 16 * ++codes_; }
    CpuVirtualAddress at(View view, std::uint64_t offset) { return views_.at(view.number)[current_] + offset; }
    PhysicalAddress physical(std::uint64_t offset) {
        return frames_.at(offset / page_size).address() + offset % page_size;
    }
    std::uint64_t offset_of(PhysicalAddress address) {
        for (std::uint64_t page = 0; page < frames_.size(); ++page) {
            if (frames_[page] == address.page()) return page * page_size + address.page_offset();
        }
        return ~std::uint64_t{0};
    }

    bool strict_;
    std::unique_ptr<hosted::Machine> machine_;
    hosted::HostedGpu* hosted_gpu_ = nullptr;
    std::unique_ptr<GpuAccess> access_;
    std::unique_ptr<Gpu> gpu_;
    std::deque<hosted::Processor> processors_;
    std::array<PhysicalPage, 2> frames_{};
    PhysicalPage next_frame_{0x1000};
    std::vector<std::vector<CpuVirtualAddress>> views_;  // by processor
    std::size_t first_finding_ = 0;
    unsigned current_ = 0;
    std::uint64_t codes_ = 0;
    Dma scheduled_;
};

cache::Mode mode_of_test = cache::Mode::Report;

class LitmusTest : public testing::Test {
public:
    LitmusTest(const Case& test, cache::Mode mode) : case_(test), mode_(mode) {}
    void TestBody() override {
        mode_of_test = mode_;
        case_.body();
    }

private:
    const Case& case_;
    cache::Mode mode_;
};

void add(const Case* const* begin, const Case* const* end, const char* suite, cache::Mode mode) {
    for (; begin != end; ++begin) {
        const Case& test = **begin;
        testing::RegisterTest(suite, test.name, nullptr, nullptr, __FILE__, __LINE__,
                              [&test, mode]() -> testing::Test* { return new LitmusTest(test, mode); });
    }
}

void add_all(const char* suite, cache::Mode mode) {
    add(__start_test_cases, __stop_test_cases, suite, mode);
    add(__start_host_cases, __stop_host_cases, suite, mode);
}

}  // namespace

void run(const Litmus& litmus) {
    SCOPED_TRACE(litmus.sentence);
    try {
        HostMachine machine(mode_of_test);
        Bench bench(machine);
        litmus.body(bench);
        bench.end();
    } catch (const Abandoned&) {
    }
}

}  // namespace remap::litmus

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    remap::litmus::add_all("Report", remap::cache::Mode::Report);
    remap::litmus::add_all("Strict", remap::cache::Mode::Strict);
    return RUN_ALL_TESTS();
}
