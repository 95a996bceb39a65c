// SPDX-License-Identifier: MIT
// Anything written to registers and memory while devices work: the unit stays in a state that it can be in, each write
// ends after a bounded amount of work, and no answer goes where no table could lead.
#include "iommu/fuzz/rig.h"
#include "iommu/fuzz/tables.h"

#include <memory>
#include <vector>

namespace remap::fuzz {
namespace {

struct Kind {
    iommu::Options options;
    bool with_worker = false;
};
const Kind kinds[] = {
    {{.address_width = 48, .interrupt_remapping = true, .caches = small_caches}, false},
    {{.address_width = 39, .huge_pages = false, .caching_mode = true, .caches = small_caches}, true},
    {{.address_width = 48, .scalable = true, .interrupt_remapping = true, .caches = small_caches}, true},
    {{.address_width = 57, .scalable = true, .snoop_control = true, .caches = small_caches}, false},
    {{.address_width = 48, .scalable = true, .caches = small_caches, .detect_stale_uses = true, .stale_grace = 8},
     true},
    {{.address_width = 48, .interrupt_remapping = true, .caches = small_caches, .detect_stale_uses = true}, false},
};

Rig& rig_of(unsigned kind) {
    static std::unique_ptr<Rig> rigs[std::size(kinds)];
    if (!rigs[kind]) rigs[kind] = std::make_unique<Rig>(kinds[kind].options, kinds[kind].with_worker);
    return *rigs[kind];
}

// Memory accesses of one register write: what the longest queue that lies in memory can hold, twice over.
constexpr std::uint64_t most_accesses = 2 * 3 * Ram::bytes / 16 + 1000;

class Run {
public:
    Run(Input& input, Rig& rig) : input_(input), rig_(rig), seen_(rig.unit.statistics()) {}

    void step() {
        rig_.ram.accesses = 0;
        switch (input_.below(12)) {
            case 0:
            case 1:
            case 2: write(); break;
            case 3: command(); break;
            case 4:
            case 5: translate(); break;
            case 6: read(); break;
            case 7: change_memory(input_, rig_.ram); break;
            case 8: interrupt(); break;
            case 9: rare(); break;
            case 10: work(); break;
            case 11: begin_or_end(); break;
        }
        require(rig_.ram.accesses < most_accesses, "a step takes a bounded amount of work", rig_.ram.accesses);
        check_registers(rig_);
        require(!has_work() || rig_.with_worker, "without a worker, all is done when a write ends");
        require(!has_work() || rig_.worker.asked, "whoever does the work is told that there is some");
    }

    void end() {
        end_all();
        rig_.finish_work();
        require(!has_work(), "work that is done is done");
        check_registers(rig_);
        check_statistics();
    }

private:
    std::uint64_t offset() {
        static constexpr std::uint16_t known[] = {0x18, 0x20, 0x28, 0x34, 0x38, 0x3c,  0x40,  0x44,  0x80,  0x88,
                                                  0x90, 0x9c, 0xa0, 0xa8, 0xb0, 0xb8,  0xc0,  0xc8,  0xd0,  0xdc,
                                                  0xe0, 0xe8, 0xf0, 0xf8, 0x1c, 0x220, 0x228, 0x22c, 0x29c, 0xff8};
        const std::uint8_t which = input_.byte();
        return which < 0xf0 ? known[which % std::size(known)] : input_.number(2) % 0x1010;
    }

    bool has_work() {
        const bool queue_runs = (rig_.read32(0x1c) & 0x04000000) != 0 && (rig_.read32(0x34) & 0x10) == 0;
        return rig_.read64(0x28) >> 63 != 0 || rig_.read64(0xf8) >> 63 != 0 ||
               (queue_runs && rig_.read64(0x80) != rig_.read64(0x88));
    }

    // Without a worker a write waits for accesses, and they would be our own.
    void write_register(std::uint64_t at, std::uint64_t value, unsigned bytes) {
        if (!rig_.with_worker) end_all();
        rig_.unit.write(at, value, bytes);
    }

    void work() {
        end_all();
        const bool more = rig_.with_worker && rig_.unit.work();
        if (!more) rig_.worker.asked = false;
    }

    void write() {
        const std::uint64_t at = offset();
        const unsigned bytes = at % 8 == 0 && input_.below(2) == 0 ? 8 : 4;
        write_register(at, word_from(input_), bytes);
    }

    // What a driver writes: the queue from page 18 on, of one or two pages.
    void command() {
        const std::uint8_t how = input_.byte();
        const std::uint64_t status = rig_.read32(0x1c) & 0x86800000;
        switch (how % 6) {
            case 0: write_register(0x18, status ^ std::uint64_t{1} << (23 + input_.below(9)), 4); break;
            case 1: write_register(0x90, 0x12000 | (how >> 4 & 1) | (how & 0x80 ? 0x800 : 0), 8); break;
            case 2: write_register(0x88, std::uint64_t{input_.byte()} << 4, 8); break;
            case 3: write_register(0xf8, std::uint64_t{1} << 63 | std::uint64_t{how} >> 4 << 60 | 7ull << 32, 8); break;
            case 4: write_register(0x28, std::uint64_t{1} << 63 | std::uint64_t{how} >> 4 << 61 | 0x100007, 8); break;
            default: put_descriptor(); break;
        }
    }

    void put_descriptor() {
        static constexpr std::uint64_t lows[] = {
            0x11, 0x70021,     0x1000070031,       0x12, 0x70022, 0x70032, 0x37, 0x70007, 0x70017, 0x70026, 0x70036,
            0x4,  0x100000014, 0x0000002a00000025, 0x35, 0x45};
        const std::uint64_t where = 0x12000 + 16 * std::uint64_t{input_.byte()};
        rig_.ram.set(where, input_.pick(lows));
        const std::uint8_t high = input_.byte();
        rig_.ram.set(where + 8, high < 0x80 ? std::uint64_t{high} << 12 | (high & 3) : high < 0xc0 ? high & 0x3f : 0);
    }

    void translate() {
        const iommu::Request request = request_from(input_);
        const std::uint8_t how = input_.byte();
        rig_.ram.disturbances = how < 32 ? how : 0;
        const iommu::Translation answer = how == 255 ? rig_.unit.probe(request) : rig_.unit.translate(request);
        check_answer(rig_, request, answer);
    }

    void interrupt() {
        const iommu::InterruptMessage message{0xfee00000 | (input_.number(3) & 0xfffff),
                                              static_cast<std::uint32_t>(input_.number(2))};
        const iommu::SourceId source{static_cast<std::uint16_t>(input_.number(1))};
        const iommu::InterruptOutcome outcome = rig_.unit.remap_interrupt(source, message);
        require(outcome.allowed == (outcome.fault_reason == 0), "a refused interrupt has a reason",
                outcome.fault_reason);
        require(!outcome.allowed || (outcome.message.address >> 20 & 0xfff) == 0xfee, "an interrupt stays one",
                outcome.message.address);
    }

    void read() {
        const std::uint64_t at = offset();
        const std::uint64_t whole = rig_.unit.read(at & ~std::uint64_t{7}, 8);
        require(rig_.unit.read(at & ~std::uint64_t{7}, 4) == (whole & 0xffffffff), "a low half is a half");
        require(rig_.unit.read((at & ~std::uint64_t{7}) + 4, 4) == whole >> 32, "a high half is a half");
        require(rig_.unit.read(at, input_.below(4)) == 0, "no bytes are read alone");
    }

    void rare() {
        switch (input_.below(8)) {
            case 0:
                end_all();
                rig_.unit.reset();
                rig_.worker.asked = false;
                seen_ = {};
                break;
            case 1: check_statistics(); break;
            case 2: rig_.unit.stale_uses(); break;
            case 3: rig_.worker.here = input_.below(2) != 0; break;
            default: start_again(); break;
        }
    }

    void start_again() {
        write_register(0x18, 0x40000000, 4);
        write_register(0x18, 0x80000000, 4);
    }

    void begin_or_end() {
        if (open_.size() < 3 && input_.below(2) == 0) {
            open_.push_back(rig_.unit.begin_access());
        } else if (!open_.empty()) {
            rig_.unit.end_access(open_.back());
            open_.pop_back();
        }
    }

    void end_all() {
        for (const iommu::Iommu::Ticket ticket : open_) rig_.unit.end_access(ticket);
        open_.clear();
    }

    void check_statistics() {
        const iommu::Statistics now = rig_.unit.statistics();
        require(now.translations >= seen_.translations && now.walks >= seen_.walks &&
                    now.interrupts >= seen_.interrupts && now.interrupt_fetches >= seen_.interrupt_fetches &&
                    now.stale_uses >= seen_.stale_uses && now.late_invalidations >= seen_.late_invalidations &&
                    now.undecided_uses >= seen_.undecided_uses,
                "counters only grow");
        require(now.walks <= now.translations && now.interrupt_fetches <= now.interrupts, "a part is not more than all",
                now.walks, now.translations, now.interrupt_fetches, now.interrupts);
        seen_ = now;
    }

    Input& input_;
    Rig& rig_;
    iommu::Statistics seen_;
    std::vector<iommu::Iommu::Ticket> open_;
};

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    Rig& rig = rig_of(input.below(std::size(kinds)));
    start_from(input, rig);
    Run run(input, rig);
    for (unsigned step = 0; step < 40 && input.more(); ++step) run.step();
    run.end();
    return 0;
}
