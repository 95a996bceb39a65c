// SPDX-License-Identifier: MIT
// A guest that writes anything into the unit's registers, its tables and its queue while devices work behind it: each
// write ends soon, and afterwards its driver starts the unit anew and finds it as good as ever.
//
// What a guest may do with a unit includes its own end: a table or a queue that lies in the kernel, a device's write or
// a status of the unit's that lands there, an event that is an NMI. So numbers are random, but no 32 bits of them are
// an address of other memory than this suite's pages, the first 64 KiB, or what is above memory and mostly nothing;
// queues of more than a page begin where the pages do, PASID directories end with theirs, and events have the number
// of a vector that is there. Nor are they a packet, should the GPU be led to find its ring among them.
#include "guest-tests/runtime/edu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/scalable_bench.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"

#include <algorithm>

using namespace remap;
using namespace remap::guest;

namespace {

namespace gcmd = vtd::global_command;

constexpr std::uint64_t words_per_page = page_size / 8;
constexpr std::uint64_t arena_pages = 128;  // as many as the longest queue has
alignas(arena_pages * page_size) std::uint64_t arena[arena_pages * words_per_page];

// What a write may take. The slowest takes some ten microseconds; a host with other work may take the processor away.
constexpr std::uint64_t longest_write = 1'000'000'000;  // nanoseconds

// Where tables that work are put, from which they are spoilt.
enum Page : unsigned { Queue, Unused, Root, Contexts, UpperContexts, Directory, Pasids, Second, First = Second + 5, Data = 32 };

std::uint64_t address_of(unsigned page) { return reinterpret_cast<std::uint64_t>(arena) + page * page_size; }
std::uint64_t* words_of(unsigned page) { return arena + page * words_per_page; }
bool is_in_arena(std::uint32_t address) { return address - address_of(0) < sizeof arena; }

class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 + 1) {}

    std::uint64_t any() {  // xorshift64
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }
    std::uint64_t below(std::uint64_t end) { return (any() >> 16) % end; }

    std::uint32_t half() {
        const auto low = static_cast<std::uint32_t>(below(page_size));
        switch (below(8)) {
            case 0: return 0;
            case 1: return static_cast<std::uint32_t>(0x10 + below(0xfff0));
            case 2: return 0x8000'0000 | (static_cast<std::uint32_t>(any()) & 0x5fff'ffff);  // up to the APICs
            case 3: return 0xfed9'0000 | low;                                                // the unit itself
            default: {
                // Not what a leaf of 2 MiB could begin with.
                const auto page = static_cast<unsigned>(2 + below(arena_pages - 3));
                const std::uint32_t flags = below(2) == 0 ? low & 0x7ff : low & 0x83;
                return static_cast<std::uint32_t>(address_of(page)) | flags;
            }
        }
    }

    // With a PASID directory of not more than a page, should it be a context entry.
    std::uint64_t word() {
        const std::uint64_t high = below(4) == 0 ? half() : 0;
        return (high << 32 | half()) & ~std::uint64_t{0x200};
    }

private:
    std::uint64_t state_;
};

void ignore(void*) {}

class Hostile {
public:
    explicit Hostile(std::uint64_t seed)
        : seed_(seed), numbers_(seed), unit_(*iommu()), window_(iommu_window()),
          scalable_(vtd::extended_capability::ScalableMode::get(unit_.extended_capability())) {
        const auto vector = register_interrupt(ignore, nullptr);
        REQUIRE(vector);
        vector_ = *vector;
    }
    ~Hostile() { unregister_interrupt(vector_); }

    void run(unsigned steps) {
        Edu edu(EduPlace::RootBus);
        DmaProbe gpu;
        start_anew(gpu);
        for (unsigned i = 0; i < steps; ++i) {
            if (i % (steps / 4) == 0) {
                edu.finish();
                i % (steps / 2) == 0 ? edu.start_read({address_of(Data)}, 0, page_size / 2)
                                     : edu.start_write(0, {address_of(Data)}, page_size / 2);
            }
            step(gpu);
        }
        edu.finish();
        report();
    }

private:
    void step(DmaProbe& gpu) {
        switch (numbers_.below(16)) {
            case 0: case 1: case 2: case 3: scribble_register(); break;
            case 4: case 5: command(); break;
            case 6: queue_up(); break;
            case 7: case 8: case 9: scribble_table(); break;
            case 10: if (numbers_.below(4) == 0) start_anew(gpu); break;
            default: access(gpu); break;
        }
    }

    // Of 1, 2, 4 or 8 bytes, aligned or not quite; every other one of a register that there is.
    void scribble_register() {
        static constexpr std::uint16_t known[] = {0x18, 0x20, 0x28, 0x34, 0x38,  0x3c,  0x40,  0x44, 0x80,
                                                  0x88, 0x90, 0x9c, 0xa0, 0xa8,  0xb0,  0xb8,  0xc0, 0xc8,
                                                  0xd0, 0xdc, 0xe0, 0xe8, 0xf0,  0xf8,  0x220, 0x228, 0x22c};
        const std::uint64_t offset = numbers_.below(2) == 0 ? numbers_.below(page_size - 8)
                                                            : known[numbers_.below(std::size(known))];
        const unsigned bytes = 1u << numbers_.below(4);
        write(bytes < 4 ? offset : offset & ~std::uint64_t{3}, numbers_.word(), bytes);
    }

    // What a driver writes, in no order.
    void command() {
        const std::uint32_t status = read32(gcmd::status_offset) & gcmd::persistent;
        switch (numbers_.below(6)) {
            case 0: write(gcmd::offset, status ^ std::uint32_t{1} << (23 + numbers_.below(9)), 4); break;
            case 1: write(gcmd::offset, status | gcmd::Translation::mask, 4); break;
            case 2: write(vtd::queue_address::offset, address_of(Queue) | (numbers_.any() & 0x807), 8); break;
            case 3: write(vtd::queue_tail::offset, numbers_.any() & 0x7fff0, 8); break;
            case 4: write(vtd::context_command::offset, numbers_.any() | vtd::context_command::Invalidate::mask, 8); break;
            default: write(0xf8, numbers_.any() | vtd::iotlb_invalidate::Invalidate::mask, 8); break;
        }
    }

    // Descriptors from the queue's start on, often such that there are.
    void queue_up() {
        static constexpr std::uint64_t types[] = {0x11, 0x31, 0x12, 0x22, 0x32, 0x04, 0x14, 0x25, 0x35, 0x45, 0x26, 0x36, 0x07, 0x17, 0x37};
        const std::uint64_t count = 1 + numbers_.below(8);
        for (std::uint64_t i = 0; i < count; ++i) {
            const bool sound = numbers_.below(4) != 0;
            words_of(Queue)[2 * i] = sound ? std::uint64_t{numbers_.half()} << 32 | types[numbers_.below(std::size(types))]
                                           : numbers_.word();
            words_of(Queue)[2 * i + 1] = numbers_.word();
        }
        write(vtd::fault_status::offset, 0x7f, 4);
        write(vtd::queue_tail::offset, count * 16, 8);
    }

    void scribble_table() {
        const auto page = static_cast<unsigned>(Root + numbers_.below(First + 4 - Root));
        const std::uint64_t index = numbers_.below(numbers_.below(2) == 0 ? 64 : words_per_page);
        words_of(page)[index] = numbers_.word();
    }

    void access(DmaProbe& gpu) {
        const LogicalAddress at{numbers_.below(4) == 0 ? numbers_.word() & ~std::uint64_t{7}
                                                       : address_of(Data) + 8 * numbers_.below(16 * words_per_page)};
        if (at.value % page_size > page_size - 8 || vtd::in_interrupt_range(at.value)) return;
        const bool done = numbers_.below(2) == 0 ? gpu.write(at, numbers_.word()) : gpu.read(at) != DmaProbe::refused;
        ++(done ? allowed_ : refused_);
        faults_ += vtd::fault_status::Pending::get(read32(vtd::fault_status::offset));
    }

    // Tables that lead to the GPU's commands and to the suite's pages, and a unit that has taken them.
    void start_anew(DmaProbe& gpu) {
        const bool scalable = scalable_ && numbers_.below(4) != 0;
        std::fill_n(words_of(Root), (Data - Root) * words_per_page, 0);
        write_stage(Second, 3, gpu);
        write_stage(First, 7, gpu);
        const std::uint64_t devices = words_per_page / (scalable ? 4 : 2);
        words_of(Root)[0] = address_of(Contexts) | 1;
        words_of(Root)[1] = scalable ? address_of(Contexts) | 1 : 0;
        for (std::uint64_t i = 0; i < devices; ++i) {
            std::uint64_t* entry = words_of(Contexts) + i * (scalable ? 4 : 2);
            entry[0] = address_of(scalable ? Directory : Second) | 1;
            entry[1] = scalable ? 0 : 0x4202;
        }
        words_of(Directory)[0] = address_of(Pasids) | 1;
        words_of(Pasids)[0] = address_of(Second) | (1 + numbers_.below(3)) << 6 | (numbers_.any() & 0x200) | 0x9;
        words_of(Pasids)[1] = 0x80'0042;
        words_of(Pasids)[2] = address_of(First);
        write(gcmd::offset, 0, 4);
        write(vtd::root_table::offset, address_of(Root) | (scalable ? 0x400 : 0), 8);
        write(gcmd::offset, gcmd::SetRootTable::mask, 4);
        write(vtd::context_command::offset, 0xa000'0000'0000'0000, 8);
        write(0xf8, 0x9000'0000'0000'0000, 8);
        write(vtd::fault_status::offset, 0x7f, 4);
        write(gcmd::offset, gcmd::Translation::mask | gcmd::QueuedInvalidation::mask, 4);
    }

    // Four levels: a page each down to level 2, and one of level 1 for each of the two places.
    void write_stage(unsigned first, std::uint64_t rights, DmaProbe& gpu) const {
        for (unsigned i = 0; i < 2; ++i) words_of(first + i)[0] = address_of(first + i + 1) | rights;
        const std::uint64_t places[] = {gpu.command_page().address().value, address_of(0)};
        for (unsigned i = 0; i < 2; ++i) {
            words_of(first + 2)[places[i] >> 21] = address_of(first + 3 + i) | rights;
        }
        words_of(first + 3)[places[0] >> 12 & 511] = places[0] | rights;
        for (unsigned page = Data; page < arena_pages; ++page)
            words_of(first + 4)[address_of(page) >> 12 & 511] = address_of(page) | rights;
    }

    std::uint32_t read32(std::uint64_t offset) const { return *reinterpret_cast<volatile std::uint32_t*>(window_ + offset); }

    // What the comment at the top says of registers.
    std::uint32_t tamed(std::uint64_t offset, std::uint32_t value) const {
        for (const vtd::EventRegisters& event : {vtd::fault_event, vtd::completion_event, vtd::page_request_event})
            if (offset == event.data) return vector_;
        const bool is_queue = offset == vtd::queue_address::offset || offset == vtd::page_queue_address::offset;
        if (is_queue && is_in_arena(value)) return static_cast<std::uint32_t>(address_of(Queue)) | (value & 0xfff);
        return value;
    }

    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
        if (bytes >= 4) {
            const std::uint64_t high = bytes == 8 ? tamed(offset + 4, static_cast<std::uint32_t>(value >> 32)) : 0;
            value = high << 32 | tamed(offset, static_cast<std::uint32_t>(value));
        }
        volatile std::uint8_t* const at = window_ + offset;
        const std::uint64_t begin = nanoseconds();
        switch (bytes) {
            case 1: *at = static_cast<std::uint8_t>(value); break;
            case 2: *reinterpret_cast<volatile std::uint16_t*>(at) = static_cast<std::uint16_t>(value); break;
            case 4: *reinterpret_cast<volatile std::uint32_t*>(at) = static_cast<std::uint32_t>(value); break;
            default: *reinterpret_cast<volatile std::uint64_t*>(at) = value; break;
        }
        const std::uint64_t took = nanoseconds() - begin;
        if (took > longest_write) fail(__FILE__, __LINE__, "0x%lx to register 0x%lx took %lu ns", value, offset, took);
        longest_ = std::max(longest_, took);
        ++writes_;
    }

    void report() const {
        note("seed %lu: %u writes, the longest %lu us; %u accesses allowed, %u refused, after %u a fault was pending", seed_,
             writes_, longest_ / 1000, allowed_, refused_, faults_);
        EXPECT(allowed_ > 0);
        EXPECT(refused_ > 0);
        EXPECT(faults_ > 0);
    }

    const std::uint64_t seed_;
    Numbers numbers_;
    vtd_driver::Unit& unit_;
    volatile std::uint8_t* const window_;
    const bool scalable_;
    std::uint8_t vector_ = 0;
    std::uint64_t longest_ = 0;
    unsigned writes_ = 0, allowed_ = 0, refused_ = 0, faults_ = 0;
};

// A driver's own work, and a fault as the driver expects it.
template <typename Bench>
void expect_work(Bench& bench, const MarkedFrame& frame, LogicalAddress at) {
    EXPECT_EQ(bench.gpu.read(at), frame.mark());
    EXPECT(bench.gpu.write(at + 8, 0x1234));
    EXPECT_EQ(frame.word(1), 0x1234);
    EXPECT_EQ(drop_faults(), 0);
    const LogicalAddress nowhere{std::uint64_t{2} << 30};
    EXPECT_EQ(bench.gpu.read(nowhere), DmaProbe::refused);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault);
    EXPECT_EQ(fault->source, bench.gpu.source());
    EXPECT_EQ(fault->page, nowhere);
    drop_faults();
}

void expect_sane_unit() {
    const MarkedFrame frame;
    const LogicalAddress at{std::uint64_t{1} << 30};
    {
        IommuBench bench;
        bench.map(bench.domain, at, frame.page());
        expect_work(bench, frame, at);
    }
    if (!vtd::extended_capability::ScalableMode::get(iommu()->extended_capability())) return;
    ScalableBench bench;
    bench.map_first(at, frame.page());
    bench.write_pasid(bench.by_first_stage());
    bench.invalidate().everything();
    expect_work(bench, frame, at);
}

void attack(std::uint64_t seed) {
    REQUIRE(iommu() != nullptr);
    Hostile(seed).run(2000);
    expect_sane_unit();
}

}  // namespace

TEST(a_unit_survives_anything_seed_1) { attack(1); }
TEST(a_unit_survives_anything_seed_2) { attack(2); }
TEST(a_unit_survives_anything_seed_3) { attack(3); }
TEST(a_unit_survives_anything_seed_4) { attack(number_option("seed", 4)); }
