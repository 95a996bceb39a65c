// SPDX-License-Identifier: MIT
// A driver that makes no mistake: whatever it changes, it invalidates, as narrowly as the manual allows. Before it has
// done so, the unit may use the old entries or the new ones; afterwards every answer is what the tables say, whatever
// was cached meanwhile, and by whatever kind of invalidation.
#include "iommu/fuzz/reference.h"
#include "iommu/fuzz/tables.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

namespace remap::fuzz {
namespace {

using iommu::Access;
using iommu::Request;

enum class Stage { Legacy, Second, First };
struct Kind {
    iommu::Options options;
    Stage stage = Stage::Legacy;
    bool with_worker = false;
};
// Where nothing has to make room for others.
constexpr iommu::CacheGeometries large_caches{
    .contexts = {16, 4}, .pasids = {16, 4}, .tables = {64, 4}, .iotlb = {256, 4}, .interrupts = {4, 2}};
const Kind kinds[] = {
    {{.address_width = 39, .caches = small_caches}, Stage::Legacy, false},
    {{.address_width = 48, .caching_mode = true, .caches = small_caches}, Stage::Legacy, true},
    {{.address_width = 48, .scalable = true, .caches = small_caches}, Stage::Second, false},
    {{.address_width = 57, .scalable = true, .caches = small_caches}, Stage::First, true},
    {{.address_width = 48, .scalable = true, .caches = large_caches}, Stage::First, false},
    {{.address_width = 48, .caches = large_caches}, Stage::Legacy, false},
    {{.address_width = 48, .caches = small_caches, .detect_stale_uses = true}, Stage::Legacy, false},
};

Rig& rig_of(unsigned kind) {
    static std::unique_ptr<Rig> rigs[std::size(kinds)];
    if (!rigs[kind]) rigs[kind] = std::make_unique<Rig>(kinds[kind].options, kinds[kind].with_worker);
    return *rigs[kind];
}

// Which indices of a table are used; of tables above level 1, two.
constexpr unsigned used[] = {0, 511, 1, 510};

// A tree of pages: one table of level 3 and those above it, two of level 2, four of level 1. Each entry keeps its place
// in the addresses, so that there is one range to invalidate for it.
class Tree {
public:
    Tree(Ram& ram, std::uint64_t base, bool first_stage, unsigned levels)
        : ram_(ram), base_(base), first_stage_(first_stage), levels_(levels) {
        for (unsigned level = levels; level > 3; --level) ram.set(table(level, 0), make_table(table(level - 1, 0)));
        for (unsigned level = 3; level > 1; --level) {
            for (unsigned i = 0; i < 1u << (3 - level); ++i) {
                for (unsigned slot = 0; slot < 2; ++slot)
                    ram.set(table(level, i) + 8 * used[slot], make_table(table(level - 1, 2 * i + slot)));
            }
        }
    }

    std::uint64_t root() const { return table(levels_, 0); }

    struct Change {
        std::uint64_t first = 0;  // address
        unsigned shift = 0;
        bool leaf = true;  // before and after
    };
    Change change(Input& input) {
        const unsigned level = 1 + input.below(3);
        const unsigned index = input.below(1u << (3 - level));
        const unsigned slot = input.below(level == 1 ? 4 : 2);
        const std::uint64_t at = table(level, index) + 8 * used[slot];
        const std::uint64_t before = ram_.get(at);
        const std::uint64_t after = entry(input, level, 2 * index + slot);
        ram_.set(at, after);
        return {address(level, index, slot), 12 + 9 * (level - 1), is_leaf(before, level) && is_leaf(after, level)};
    }

    static std::uint64_t any_address(Input& input) {
        const std::uint8_t way = input.byte();
        return address(1, way & 3, way >> 2 & 3) | (way & 0x40 ? 0x5000 : 0) | (way & 0x80 ? 0xabc : 0);
    }

private:
    // Pages from the base on: levels 5 and 4, then 3, 2, 2, 1, 1, 1, 1.
    std::uint64_t table(unsigned level, unsigned index) const {
        static constexpr unsigned first[] = {0, 5, 3, 2, 1, 0};
        return base_ + (first[level] + index) * page_size;
    }

    // Of the entry at a slot of the level's table with that number: the way to it from level 3 down.
    static std::uint64_t address(unsigned level, unsigned index, unsigned slot) {
        std::uint64_t result = std::uint64_t{used[slot]} << (12 + 9 * (level - 1));
        for (unsigned up = level + 1; up <= 3; ++up, index /= 2)
            result |= std::uint64_t{used[index & 1]} << (12 + 9 * (up - 1));
        return result;
    }

    std::uint64_t make_table(std::uint64_t to) const { return to | (first_stage_ ? 7 : 3); }
    static bool is_leaf(std::uint64_t word, unsigned level) { return level == 1 || (word & 0x80) != 0; }

    // Nothing, a leaf, or the table that belongs there, with some of the rights.
    std::uint64_t entry(Input& input, unsigned level, unsigned child) const {
        const std::uint8_t how = input.byte();
        const std::uint64_t rights = first_stage_ ? 1 | (how & 6) : how & 3;
        if ((how & 0x30) == 0x30) return 0;
        if (level == 1 || (how & 0x08) != 0)
            return rights | (level > 1 ? 0x80 : 0) | 0x40000000 |
                   (how >> 6 & std::uint64_t{3}) << (12 + 9 * (level - 1));
        return make_table(table(level - 1, child)) & (~std::uint64_t{7} | rights);
    }

    Ram& ram_;
    std::uint64_t base_;
    bool first_stage_;
    unsigned levels_;
};

// What was changed in a tree and is not invalidated yet, as one range.
struct Pending {
    std::uint64_t first = 0;
    unsigned shift = 0;  // 0: nothing
    bool leaves_only = true;

    void add(const Tree::Change& change) {
        const std::uint64_t differing = shift == 0 ? 0 : first ^ change.first;
        shift = std::max({shift, change.shift, static_cast<unsigned>(std::bit_width(differing))});
        first = change.first & ~low_bits(shift);
        leaves_only &= change.leaf;
    }
};

class Driver {
public:
    Driver(Rig& rig, Stage stage)
        : rig_(rig),
          stage_(stage),
          trees_{Tree(rig.ram, 0x6000, stage == Stage::First, levels()),
                 Tree(rig.ram, 0x10000, stage == Stage::First, levels())} {
        rig.ram.set(0x1000, 0x2001);
        rig.ram.set(0x4000, 0x5001);
        for (unsigned device = 0; device < devices; ++device) attach(device, device / 2);
        rig.start(0x1000 | (stage == Stage::Legacy ? 0 : 0x400));
        stale_ = rig.unit.statistics().stale_uses;
    }

    void step(Input& input) {
        const std::uint8_t what = input.byte();
        const unsigned tree = what >> 3 & 1;
        switch (what & 7) {
            case 0:
            case 1: pending_[tree].add(trees_[tree].change(input)); break;
            case 2:
            case 3: invalidate(tree, input); break;
            case 4: move(what >> 4 & 3, tree, input); break;
            default: translate(what >> 4 & 3, input); break;
        }
    }

private:
    static constexpr unsigned devices = 3;

    unsigned levels() const {
        const unsigned width = rig_.options.address_width;
        return width == 57 ? 5 : width == 48 || stage_ == Stage::First ? 4 : 3;
    }
    static std::uint16_t source_of(unsigned device) { return static_cast<std::uint16_t>(0x10 + 8 * device); }
    static std::uint64_t domain_of(unsigned tree) { return 7 + tree; }

    void attach(unsigned device, unsigned tree) {
        tree_of_[device] = tree;
        const std::uint64_t width = std::uint64_t{rig_.options.address_width == 57   ? 3u
                                                  : rig_.options.address_width == 48 ? 2u
                                                                                     : 1u};
        if (stage_ == Stage::Legacy) {
            rig_.ram.set(0x2000 + 16 * source_of(device), trees_[tree].root() | 1);
            rig_.ram.set(0x2008 + 16 * source_of(device), domain_of(tree) << 8 | width);
            return;
        }
        const bool first = stage_ == Stage::First;
        rig_.ram.set(0x2000 + 32 * source_of(device), 0x4001);
        rig_.ram.set(0x2008 + 32 * source_of(device), device);  // RID_PASID
        rig_.ram.set(0x5000 + 64 * device,
                     (first ? 0 : trees_[tree].root() | 0x200) | (first ? 0x40 : 0x80) | width << 2 | 1);
        rig_.ram.set(0x5008 + 64 * device, domain_of(tree) | 0x800000);
        rig_.ram.set(0x5010 + 64 * device, first ? trees_[tree].root() | (levels() == 5 ? 4 : 0) : 0);
    }

    void global(bool contexts) {
        if (contexts) return rig_.forget_all();
        rig_.write64(0xf8, 0x9000000000000000);
        rig_.finish_work();
    }

    void domain(unsigned tree, bool by_queue) {
        if (by_queue) return rig_.order(domain_of(tree) << 16 | 0x22, 0);
        rig_.write64(0xf8, 0xa000000000000000 | domain_of(tree) << 32);
        rig_.finish_work();
    }

    // The range, or more around it.
    void pages(unsigned tree, unsigned more, bool by_queue) {
        const Pending& what = pending_[tree];
        const unsigned mask = what.shift - 12 + more;
        const std::uint64_t high = (what.first & ~low_bits(12)) | (what.leaves_only ? 0x40 : 0) | mask;
        if (stage_ == Stage::First) {
            for (std::uint64_t device = 0; device < devices; ++device)
                rig_.order(device << 32 | domain_of(tree) << 16 | 0x36, high);
        } else if (mask > 18) {
            domain(tree, by_queue);
        } else if (by_queue) {
            rig_.order(domain_of(tree) << 16 | 0x32, high);
        } else {
            rig_.write64(0xf0, high);
            rig_.write64(0xf8, 0xb000000000000000 | domain_of(tree) << 32);
            rig_.finish_work();
        }
    }

    void pasids(unsigned tree) {
        for (std::uint64_t device = 0; device < devices; ++device)
            rig_.order(device << 32 | domain_of(tree) << 16 | 0x26, 0);
    }

    void invalidate(unsigned tree, Input& input) {
        const std::uint8_t how = input.byte();
        if (pending_[tree].shift == 0) return;
        const bool by_queue = (how & 0x10) != 0;
        switch (how & 7) {
            case 0: global((how & 0x20) != 0); break;
            case 1: domain(tree, by_queue); break;
            case 2: stage_ == Stage::First ? pasids(tree) : domain(tree, by_queue); break;
            default: pages(tree, how >> 6, by_queue); break;
        }
        pending_[tree] = {};
        if ((how & 7) == 0) pending_[1 - tree] = {};
    }

    // A device gets the other tree, and with it another domain. What was cached of it is of the domain before.
    void move(unsigned device, unsigned tree, Input& input) {
        if (device >= devices) return;
        const unsigned before = tree_of_[device];
        if (pending_[before].shift != 0 || pending_[tree].shift != 0) return;
        attach(device, tree);
        const std::uint8_t how = input.byte();
        if (how & 1) rig_.unit.translate(request_of(device, input));
        stale_ = rig_.unit.statistics().stale_uses;
        const std::uint64_t old = domain_of(before);
        if (stage_ == Stage::Legacy) {
            const bool whole_domain = (how & 2) != 0;
            const std::uint64_t source = source_of(device);
            if (how & 4) {
                rig_.order((whole_domain ? 0x21u : 0x31u) | old << 16 | source << 32, 0);
            } else {
                rig_.write64(0x28, (whole_domain ? 0xc000000000000000 : 0xe000000000000000) | source << 16 | old);
                rig_.finish_work();
            }
        } else {
            rig_.order((how & 2 ? 0x07 : 0x17) | old << 16 | std::uint64_t{device} << 32, 0);
        }
        if (stage_ == Stage::First && (how & 8) != 0) {
            rig_.order(0x26 | old << 16 | std::uint64_t{device} << 32, 0);
        } else {
            domain(before, (how & 16) != 0);
        }
    }

    Request request_of(unsigned device, Input& input) const {
        const std::uint8_t how = input.byte();
        return {.source = {source_of(device)},
                .address = {Tree::any_address(input)},
                .access = how & 1 ? Access::Write : Access::Read};
    }

    void translate(unsigned device, Input& input) {
        if (device >= devices) return;
        const Request request = request_of(device, input);
        const Verdict due = Reference(rig_.options, rig_.ram, rig_.read64(0x20)).translate(request);
        const iommu::Translation answer = rig_.unit.translate(request);
        check_answer(rig_, request, answer);
        if (pending_[tree_of_[device]].shift != 0) {
            stale_ = rig_.unit.statistics().stale_uses;
            return;
        }
        require(answer.fault_reason == due.reason, "what was invalidated is gone", answer.fault_reason, due.reason,
                request.address.value);
        require(due.reason != 0 || answer.address.value == due.address, "what was invalidated is gone: the address",
                answer.address.value, due.address);
        require(rig_.unit.statistics().stale_uses == stale_, "no stale use where nothing is stale");
        // A cached refusal of one page may hide the larger leaf that serves other requests.
        if (due.reason != 0 || rig_.options.detect_stale_uses || rig_.options.caching_mode) return;
        rig_.ram.accesses = 0;
        rig_.unit.translate(request);
        require(rig_.ram.accesses == 0, "what was just used is cached", rig_.ram.accesses);
    }

    Rig& rig_;
    const Stage stage_;
    Tree trees_[2];
    Pending pending_[2];
    unsigned tree_of_[devices] = {};
    std::uint64_t stale_ = 0;
};

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    const unsigned kind = input.below(std::size(kinds));
    Rig& rig = rig_of(kind);
    rig.reset();
    Driver driver(rig, kinds[kind].stage);
    for (unsigned step = 0; step < 20 && input.more(); ++step) driver.step(input);
    return 0;
}
