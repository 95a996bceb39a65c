// SPDX-License-Identifier: MIT
#include "guest-tests/linux/disk.h"

#include "guest-tests/linux/content.h"
#include "guest-tests/linux/files.h"
#include "guest-tests/linux/host.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace remap::linux_guest {

namespace {

constexpr std::uint64_t sector = 512, page = 4096, mebibyte = 1 << 20, huge_page = 2 * mebibyte;
constexpr unsigned transfers_at_a_time = 8;
constexpr std::uint64_t progress_bytes = 256 * mebibyte;

struct Piece {
    std::uint64_t offset = 0;  // on the disk
    std::uint64_t bytes = 0;
    std::uint64_t shift = 0;  // of the buffer, from a page's start
};

// In the order of the transfers. One piece in 16 is a huge page; of the others, as many are below 8 KiB as between 512
// KiB and 1 MiB.
std::vector<Piece> cut(ByteRange range, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Piece> pieces;
    for (std::uint64_t done = 0; done < range.bytes;) {
        const std::uint64_t rest = range.bytes - done;
        const std::uint64_t octave = page << random() % 8;
        const bool huge = random() % 16 == 0 && rest >= huge_page;
        const std::uint64_t small = std::min(octave + random() % (octave / page + 1) * page, rest);
        const Piece piece{range.first + done, huge ? huge_page : small, huge ? 0 : random() % (page / sector) * sector};
        pieces.push_back(piece);
        done += piece.bytes;
    }
    std::ranges::shuffle(pieces, random);
    return pieces;
}

// Memory for the transfers of one thread: scattered pages, and for a piece as large as that a huge page. A kernel that
// passes it on in one transfer maps it by one large leaf, if the unit has those.
class Buffers {
public:
    Buffers() : scattered_(mebibyte + page, MADV_NOHUGEPAGE), huge_(2 * huge_page, MADV_HUGEPAGE) {}

    explicit operator bool() const { return scattered_.start != nullptr && huge_.start != nullptr; }

    char* at(const Piece& piece) const {
        if (piece.bytes < huge_page) return scattered_.start + piece.shift;
        const auto start = reinterpret_cast<std::uintptr_t>(huge_.start);
        return huge_.start + (huge_page - start % huge_page) % huge_page;
    }

private:
    struct Mapping {
        Mapping(std::size_t bytes, int advice) : bytes(bytes) {
            void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (memory == MAP_FAILED) return;
            start = static_cast<char*>(memory);
            madvise(start, bytes, advice);
        }
        ~Mapping() { munmap(start, bytes); }
        Mapping(const Mapping&) = delete;
        Mapping& operator=(const Mapping&) = delete;

        std::size_t bytes;
        char* start = nullptr;
    };

    Mapping scattered_;
    Mapping huge_;
};

// The pieces of one pass and the threads that take them; the first problem stops all.
class Pass {
public:
    Pass(std::string what, std::vector<Piece> pieces) : what_(std::move(what)), pieces_(std::move(pieces)) {}

    // `transfer` moves one piece and returns what is wrong, or nothing.
    template <typename Transfer>
    testing::AssertionResult run(Transfer transfer) {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < transfers_at_a_time; ++i) threads.emplace_back([&] { work(transfer); });
        threads.clear();
        if (!problem_.empty()) return testing::AssertionFailure() << what_ << ": " << problem_;
        note("%s: %lu MiB in %zu transfers", what_.c_str(), bytes_ / mebibyte, pieces_.size());
        return testing::AssertionSuccess();
    }

private:
    template <typename Transfer>
    void work(Transfer& transfer) {
        const Buffers buffers;
        if (!buffers) return stop("no memory for a buffer");
        for (std::size_t i; !stopped_ && (i = next_++) < pieces_.size();) {
            const Piece& piece = pieces_[i];
            if (const std::string wrong = transfer(piece, buffers.at(piece)); !wrong.empty()) return stop(wrong);
            const std::uint64_t before = bytes_.fetch_add(piece.bytes);
            if (const std::uint64_t now = before + piece.bytes; before / progress_bytes != now / progress_bytes)
                note("%s: %lu MiB", what_.c_str(), now / mebibyte);
        }
    }

    void stop(const std::string& problem) {
        const std::lock_guard guard(problem_lock_);
        if (problem_.empty()) problem_ = problem;
        stopped_ = true;
    }

    std::string what_;
    std::vector<Piece> pieces_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<bool> stopped_ = false;
    std::mutex problem_lock_;
    std::string problem_;
};

std::string failed_transfer(const Piece& piece, ssize_t result) {
    char text[160];
    std::snprintf(text, sizeof text, "%lu bytes at 0x%lx: %s", piece.bytes, piece.offset,
                  result < 0 ? std::strerror(errno) : (std::to_string(result) + " bytes moved").c_str());
    return text;
}

// The first word of every sector becomes one that belongs nowhere, so that a sector which no DMA reached is seen.
void poison(char* buffer, std::uint64_t bytes) {
    for (std::uint64_t at = 0; at < bytes; at += sector) std::memset(buffer + at, 0xa5, 8);
}

}  // namespace

Disk::Disk(const std::string& name) : name_(name) {
    if (name.empty()) return;
    // The node in /dev may come later than what /sys shows.
    wait_until([&] {
        file_ = Descriptor(open(("/dev/" + name).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
        return static_cast<bool>(file_);
    });
    if (ioctl(file_.get(), BLKGETSIZE64, &bytes_) != 0) bytes_ = 0;
    // The kernel may refuse: later ones keep to what their IOVA allocator has at hand, 128 KiB.
    const std::string largest = "/sys/block/" + name + "/queue/max_sectors_kb";
    write_file(largest, std::to_string(huge_page / 1024));
    note("%s: %lu MiB, transfers of up to %s KiB", name.c_str(), bytes_ / mebibyte, read_file(largest).c_str());
}

testing::AssertionResult Disk::holds(ByteRange range) const {
    if (bytes_ != 0 && range.first + range.bytes <= bytes_) return testing::AssertionSuccess();
    return testing::AssertionFailure() << (name_.empty() ? "no disk" : name_) << " has " << bytes_ << " bytes";
}

testing::AssertionResult Disk::write(ByteRange range, std::uint64_t series) const {
    if (const auto enough = holds(range); !enough) return enough;
    Pass pass(name_ + " written", cut(range, 2 * series));
    return pass.run([&](const Piece& piece, char* buffer) -> std::string {
        content::fill(buffer, piece.bytes, {series, piece.offset});
        const ssize_t moved = pwrite(file_.get(), buffer, piece.bytes, static_cast<off_t>(piece.offset));
        return moved == static_cast<ssize_t>(piece.bytes) ? "" : failed_transfer(piece, moved);
    });
}

testing::AssertionResult Disk::read_back(ByteRange range, std::uint64_t series) const {
    if (const auto enough = holds(range); !enough) return enough;
    Pass pass(name_ + " read back", cut(range, 2 * series + 1));
    return pass.run([&](const Piece& piece, char* buffer) -> std::string {
        poison(buffer, piece.bytes);
        const ssize_t moved = pread(file_.get(), buffer, piece.bytes, static_cast<off_t>(piece.offset));
        if (moved != static_cast<ssize_t>(piece.bytes)) return failed_transfer(piece, moved);
        const auto wrong = content::compare(buffer, piece.bytes, {series, piece.offset});
        return wrong ? content::describe(*wrong) : "";
    });
}

}  // namespace remap::linux_guest
