// SPDX-License-Identifier: MIT
// The guest's end of scripts/bench: sets the machine up, then does what it is asked for on the serial port. A request
// is a line of words, an answer a line "= NUMBER...", in nanoseconds. What cannot be done ends the machine with a
// reason.
//
//   copy LEAVES BYTES PAGES COPIES   a list of copies over a set of PAGES pages, a packet each, made once and checked
//   row PAGES COPIES                 the same with copies of 2 MiB behind large leaves
//   again PASSES [cold]              makes the list PASSES times more; cold: with nothing in the IOTLB each time
//   forget GRANULARITY COUNT         COUNT invalidations (page, domain, global) while the list's pages are live
//   quit
#include "guest-tests/bench/copier.h"
#include "guest-tests/bench/pattern.h"
#include "guest-tests/bench/request.h"
#include "guest-tests/runtime/iommu_commands.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/driver/domain.h"

#include <cstring>
#include <memory>

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using bench::Copier;
using bench::Leaves;
using bench::Piece;
using bench::Request;
using bench::WorkingSet;

namespace {

class Bench {
public:
    explicit Bench(const pci::Function& function)
        : set_(function, number_option("pages", 1024)),
          copier_(function, set_),
          order_(std::make_unique<std::uint32_t[]>(set_.pages())) {
        if (iommu() != nullptr) queue_.emplace();
    }

    void copy(Request& request);
    void row(Request& request);
    void again(Request& request);
    void forget(Request& request);

private:
    void add(Leaves leaves, const Piece& piece);
    void run_and_check(Leaves leaves);
    void invalidate(vtd::IotlbGranularity granularity, LogicalAddress page);
    volatile std::uint64_t& last_word(Leaves leaves, std::uint64_t page, const Piece& piece) const;

    WorkingSet set_;
    Copier copier_;
    std::unique_ptr<std::uint32_t[]> order_;
    std::unique_ptr<Piece[]> list_ = std::make_unique<Piece[]>(Copier::most_copies);
    std::uint64_t listed_ = 0;
    std::optional<RawQueue> queue_;
};

volatile std::uint64_t& Bench::last_word(Leaves leaves, std::uint64_t page, const Piece& piece) const {
    const std::uint64_t end = piece.offset + piece.bytes;
    return set_.words(leaves, page + (end - 1) / page_size)[((end - 1) % page_size) / sizeof(std::uint64_t)];
}

void Bench::add(Leaves leaves, const Piece& piece) {
    const LogicalAddress from = set_.address(leaves, piece.from) + piece.offset;
    const LogicalAddress to = set_.address(leaves, piece.to) + piece.offset;
    copier_.add(gpu::spec::copy(system_memory(to.value), system_memory(from.value), piece.bytes));
    last_word(leaves, piece.from, piece) = listed_;
    last_word(leaves, piece.to, piece) = ~listed_;
    list_[listed_++] = piece;
}

void Bench::run_and_check(Leaves leaves) {
    print("= %lu", copier_.run());
    for (std::uint64_t n = 0; n < listed_; ++n) {
        const std::uint64_t expected = last_word(leaves, list_[n].from, list_[n]);
        const std::uint64_t found = last_word(leaves, list_[n].to, list_[n]);
        if (found != expected) panic("copy %lu was not made: %lx, not %lx", n, found, expected);
    }
    print("\n");
}

void Bench::copy(Request& request) {
    const Leaves leaves = request.word("small", "large") == 0 ? Leaves::Small : Leaves::Large;
    const std::uint64_t bytes = request.number(8, page_size), pages = request.number(2, set_.pages());
    const std::uint64_t copies = request.number(1, Copier::most_copies);
    if (pages % 2 != 0 || page_size % bytes != 0) panic("copies of %lu bytes in %lu pages", bytes, pages);
    const std::span<std::uint32_t> order(order_.get(), pages);
    bench::shuffle(order, bench::order_seed);
    copier_.clear();
    listed_ = 0;
    for (std::uint64_t n = 0; n < copies; ++n) add(leaves, bench::piece(order, n, bytes));
    run_and_check(leaves);
}

void Bench::row(Request& request) {
    const std::uint64_t pages = request.number(2 * bench::row_pages, set_.pages());
    const std::uint64_t copies = request.number(1, Copier::most_copies);
    if (pages % (2 * bench::row_pages) != 0) panic("a row of %lu pages", pages);
    copier_.clear();
    listed_ = 0;
    for (std::uint64_t n = 0; n < copies; ++n) add(Leaves::Large, bench::row(pages, n));
    run_and_check(Leaves::Large);
}

void Bench::again(Request& request) {
    const std::uint64_t passes = request.number(1, 1000);
    const bool cold = request.more() && request.word("cold") == 0;
    if (cold && !queue_) panic("the machine has no IOMMU");
    print("=");
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
        if (cold) invalidate(vtd::IotlbGranularity::Global, {});
        print(" %lu", copier_.run());
    }
    print("\n");
}

void Bench::invalidate(vtd::IotlbGranularity granularity, LogicalAddress page) {
    queue_->put(vtd::descriptor::make_iotlb(granularity, set_.domain().id, page.value, 0, 0));
    if (!queue_->finish()) panic("an invalidation did not complete");
}

// Domain and global ones empty the cache, so that it is filled anew before each.
void Bench::forget(Request& request) {
    constexpr vtd::IotlbGranularity granularities[] = {vtd::IotlbGranularity::Page, vtd::IotlbGranularity::Domain,
                                                       vtd::IotlbGranularity::Global};
    const auto granularity = granularities[request.word("page", "domain", "global")];
    const std::uint64_t count = request.number(1, listed_);
    if (!queue_) panic("the machine has no IOMMU");
    print("=");
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i == 0 || granularity != vtd::IotlbGranularity::Page) copier_.run();
        const LogicalAddress page = set_.address(Leaves::Small, list_[i].from);
        // The processor has slept, and the emulator did other work: one that is not measured goes before.
        invalidate(vtd::IotlbGranularity::Page, set_.address(Leaves::Small, list_[i].to));
        const std::uint64_t begin = nanoseconds();
        invalidate(granularity, page);
        print(" %lu", nanoseconds() - begin);
    }
    print("\n");
}

}  // namespace

PROGRAM() {
    const pci::Function* function = find_gpu();
    if (function == nullptr) panic("the machine has no GPU");
    Bench bench(*function);
    print("ready\n");
    for (;;) {
        Request request = bench::next_request();
        switch (request.word("copy", "row", "again", "forget", "quit")) {
            case 0: bench.copy(request); break;
            case 1: bench.row(request); break;
            case 2: bench.again(request); break;
            case 3: bench.forget(request); break;
            default: return Verdict::Pass;
        }
    }
}
