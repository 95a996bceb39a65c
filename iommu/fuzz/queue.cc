// SPDX-License-Identifier: MIT
// The invalidation queue with anything in it. A second reading of the descriptors, by the masks of the manual (VT-d
// section 6.5.2), says where the queue has to stop, with which error, and what memory has to look like afterwards.
#include "iommu/fuzz/rig.h"
#include "iommu/fuzz/tables.h"

#include <memory>

namespace remap::fuzz {
namespace {

struct Kind {
    iommu::Options options;
    bool with_worker = false;
};
const Kind kinds[] = {
    {{.address_width = 48, .interrupt_remapping = true, .caches = small_caches}, false},
    {{.address_width = 39, .huge_pages = false, .caches = small_caches}, true},
    {{.address_width = 48, .scalable = true, .interrupt_remapping = true, .caches = small_caches}, false},
    {{.address_width = 57, .scalable = true, .caching_mode = true, .caches = small_caches}, true},
};

Rig& rig_of(unsigned kind) {
    static std::unique_ptr<Rig> rigs[std::size(kinds)];
    if (!rigs[kind]) rigs[kind] = std::make_unique<Rig>(kinds[kind].options, kinds[kind].with_worker);
    return *rigs[kind];
}

// What a unit does with its queue, from head to tail.
class Model {
public:
    Model(Rig& rig, std::uint64_t queue_address, unsigned mode)
        : rig_(rig), address_(queue_address), mode_(mode), memory(rig.ram) {}

    void run(std::uint64_t tail) {
        const std::uint64_t bytes = page_size << (address_ & 7);
        const std::uint64_t size = wide() ? 32 : 16;
        while (!failed && head != tail) {
            if (mode_ > 1 || (mode_ == 1 && !rig_.options.scalable)) return fail(7);
            if (wide() ? !rig_.options.scalable : mode_ == 1) return fail(5);
            if (tail % size != 0) return fail(6);
            if (tail >= bytes) return fail(1);
            std::uint64_t words[4] = {};
            if (!memory.read({(address_ & ~std::uint64_t{0xfff}) + head}, words, size)) return fail(2);
            if (!execute(words)) return;
            head = (head + size) % bytes;
        }
    }

    std::uint64_t head = 0;
    bool failed = false;
    unsigned info = 0;
    bool interrupted = false;

private:
    bool wide() const { return (address_ & 0x800) != 0; }
    void fail(unsigned why) {
        failed = true;
        info = why;
    }

    static bool any(std::uint64_t word, std::uint64_t mask) { return (word & mask) != 0; }

    // Bits that have to be zero in each type's low and high word.
    bool execute(const std::uint64_t (&words)[4]) {
        const std::uint64_t low = words[0], high = words[1];
        const std::uint64_t granularity = low >> 4 & 3;
        const bool scalable = mode_ == 1;
        bool bad = words[2] != 0 || words[3] != 0;
        switch ((low >> 9 & 7) << 4 | (low & 0xf)) {
            case 1: bad |= any(low, 0xfffc00000000f1c0) || high != 0 || granularity == 0; break;
            case 2:
                bad |= any(low, 0xffffffff0000f100) || any(high, 0xf80) || granularity == 0 ||
                       (granularity == 3 && (high & 0x3f) > 18);
                break;
            case 4:
                bad |=
                    any(low, 0xffff000007fff1e0) || high != 0 || (any(low, 0x10) && (low >> 27 & 0x1f) > 15);  // MHMV
                break;
            case 5: bad |= any(low, 0xfffff180) || any(high, 3); break;
            case 6: bad |= any(low, 0xfff000000000f1c0) || any(high, 0xf80) || granularity < 2; break;
            case 7: bad |= any(low, 0xfff000000000f1c0) || high != 0 || granularity == 2; break;
            default: break;
        }
        if (!known((low >> 9 & 7) << 4 | (low & 0xf), scalable)) {
            fail(words[2] != 0 || words[3] != 0 ? 4 : 3);  // both are wrong then
        } else if (bad) {
            fail(4);
        } else if ((low & 0xf) == 5) {
            wait(low, high);
        }
        return !failed;
    }

    bool known(std::uint64_t type, bool scalable) const {
        if (type == 4) return rig_.options.interrupt_remapping;
        if (type == 6 || type == 7) return scalable;
        return type == 1 || type == 2 || type == 5;
    }

    void wait(std::uint64_t low, std::uint64_t high) {
        const auto data = static_cast<std::uint32_t>(low >> 32);
        const std::uint64_t width = low_bits(rig_.options.host_address_width);
        if (any(low, 0x20) && !memory.write({high & width}, &data, 4)) fail(0);
        if (!failed && any(low, 0x10)) interrupted = true;
    }

    Rig& rig_;
    const std::uint64_t address_;
    const unsigned mode_;

public:
    Ram memory;
};

std::uint64_t descriptor_word(Input& input, bool high) {
    static constexpr std::uint64_t lows[] = {
        0x11,    0x70021, 0x1000070031, 0x12,         0x70022, 0x70032, 0x37, 0x70007, 0x70017, 0x70026,
        0x70036, 0x4,     0x100000014,  0x2a00000025, 0x35,    0x45,    0x3,  0x8,     0x9,     0};
    static constexpr std::uint64_t highs[] = {0,
                                              0,
                                              0,
                                              0x10000,
                                              0x200012,
                                              0x3f,
                                              0x40000040,
                                              0x10004,
                                              Ram::high | 0x10008,
                                              Ram::read_only | 0x10000,
                                              0xfee00000,
                                              ~std::uint64_t{0}};
    const std::uint64_t word = high ? input.pick(highs) : input.pick(lows);
    const std::uint8_t change = input.byte();
    return change < 64 ? word ^ std::uint64_t{1} << change : word;
}

// The queue lies in pages 18 to 21, or where the input wants it.
std::uint64_t queue_from(Input& input) {
    const std::uint8_t how = input.byte();
    const std::uint64_t shape = (how & 3) | (how & 4 ? 0x800 : 0);
    if ((how & 0xf8) == 0xf8) return word_from(input) & ~std::uint64_t{0x7ff8};
    return (how & 8 ? Ram::high : how & 16 ? Ram::read_only : 0) | 0x12000 | shape;
}

void check(Rig& rig, const Model& model, std::uint64_t messages) {
    const std::uint64_t status = rig.read32(0x34);
    require(rig.read64(0x80) == model.head, "the head is where the queue stopped", rig.read64(0x80), model.head, status,
            rig.read64(0xb0));
    require((status >> 4 & 1) == model.failed, "IQE is set when the queue stopped", status, model.failed);
    require((rig.read64(0xb0) & 0xf) == model.info, "IQERCD says why", rig.read64(0xb0), model.info);
    require(rig.read32(0x9c) == model.interrupted, "IWC is set by a wait that asks for it");
    require(rig.messages.count == messages + model.interrupted, "one message for that");
    require(rig.ram.words == model.memory.words, "memory changes where waits say so");
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    Rig& rig = rig_of(input.below(std::size(kinds)));
    const std::uint64_t root = start_from(input, rig);
    rig.worker.here = input.below(2) != 0;
    rig.write64(0x90, queue_from(input));
    rig.write32(0xa0, 0);
    rig.write32(0x18, 0x84000000);
    const std::uint64_t start = rig.read64(0x90) & ~std::uint64_t{0xfff} & (Ram::read_only - 1);
    const bool wide = (rig.read64(0x90) & 0x800) != 0;
    const std::uint64_t bytes_of_queue = remap::page_size << (rig.read64(0x90) & 7);
    std::uint64_t put = 0;
    for (unsigned round = 0; round < 6 && input.more(); ++round) {
        for (unsigned more = input.below(6); more != 0; --more, put += wide ? 32 : 16) {
            rig.ram.set(start + put, descriptor_word(input, false));
            rig.ram.set(start + put + 8, descriptor_word(input, true));
            const std::uint8_t upper = wide ? input.byte() : 0;
            if (wide) rig.ram.set(start + put + 16, upper == 0xff);
            if (wide) rig.ram.set(start + put + 24, upper == 0xfe);
        }
        const std::uint8_t how = input.byte();
        const std::uint64_t wanted = how < 0xc0 ? put : how < 0xe0 ? bytes_of_queue : input.number(2) << 4;
        const std::uint64_t tail = wanted & 0x7fff0;
        // Translations in between fill the caches with what the queue will remove.
        for (unsigned accesses = how & 3; accesses != 0; --accesses) {
            const remap::iommu::Request request = request_from(input);
            check_answer(rig, request, rig.unit.translate(request));
        }
        for (std::uint64_t record = 0x22c; record < 0x2a0; record += 16) rig.write32(record, 0x80000000);
        Model model(rig, rig.read64(0x90), root >> 10 & 3);
        model.head = rig.read64(0x80);
        model.run(tail);
        const std::uint64_t messages = rig.messages.count;
        rig.ram.accesses = 0;
        rig.write64(0x88, tail);
        rig.finish_work();
        require(rig.ram.accesses <= 2 * 0x80000 / 16, "a queue has an end", rig.ram.accesses);
        check_registers(rig);
        check(rig, model, messages);
        rig.write32(0x9c, 1);
        if (!model.failed) continue;
        rig.write32(0x18, 0x80000000);  // off, cleared, and on again: from the start
        rig.write64(0x88, 0);
        rig.write32(0x34, 0x10);
        rig.write32(0x18, 0x84000000);
        put = 0;
    }
    return 0;
}
