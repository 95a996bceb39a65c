// SPDX-License-Identifier: MIT
#include "hw/hosted/memory.h"

#include <boost/interprocess/exceptions.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

#include <fcntl.h>

namespace remap::hosted {

namespace ipc = boost::interprocess;

namespace {

constexpr std::uint64_t magic = 0x3152'5041'4d45'52;  // "REMAPR1"
constexpr std::uint64_t header_bytes = page_size;
constexpr std::uint64_t first_range_offset = header_bytes + Memory::directory_bytes;
constexpr std::uint64_t max_pages = std::uint64_t{1} << 34;  // 64 TiB, so that no size overflows

// The first page of the shared memory object. Written before the magic is, and never after.
struct Header {
    std::atomic<std::uint64_t> magic;
    std::uint64_t range_count;
    struct {
        std::uint64_t first;
        std::uint64_t pages;
    } ranges[Memory::max_ranges];
};
static_assert(sizeof(Header) <= header_bytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

std::uint64_t total_pages(std::span<const MemoryRange> ranges) {
    std::uint64_t pages = 0;
    for (const MemoryRange& range : ranges) pages += range.pages;
    return pages;
}

// An empty text if the ranges make sense: not empty, ascending, not overlapping, of a size that can be.
std::string complaint(std::span<const MemoryRange> ranges) {
    if (ranges.empty() || ranges.size() > Memory::max_ranges) {
        return "a machine has 1 to " + std::to_string(Memory::max_ranges) + " ranges of memory";
    }
    std::uint64_t end = 0;
    for (const MemoryRange& range : ranges) {
        if (range.pages == 0 || range.pages > max_pages) return "a memory range is empty or larger than 64 TiB";
        if (range.first.number < end || range.first.number > max_pages * 16) return "memory ranges overlap or descend";
        end = range.first.number + range.pages;
    }
    if (total_pages(ranges) > max_pages) return "the machine has more than 64 TiB";
    return {};
}

// What a machine leaves whose process ended without destructors, as a bugcheck ends it. The magic is written by an
// owner that holds its lock: without it, one may be about to.
bool is_remains(const lab::SharedObject& object) {
    std::uint64_t found = 0;
    return object.size() >= first_range_offset && object.read(0, &found, sizeof found) && found == magic;
}

}  // namespace

Result<std::unique_ptr<Memory>, std::string> Memory::create(std::string name, std::span<const MemoryRange> ranges) {
    if (std::string what = complaint(ranges); !what.empty()) return Failure{what};
    std::unique_ptr<Memory> memory(new Memory);
    memory->name_ = std::move(name);
    memory->ranges_.assign(ranges.begin(), ranges.end());
    auto object = memory->name_.empty() ? lab::SharedObject::create_unnamed()
                                        : lab::SharedObject::create({.name = memory->name_}, is_remains);
    if (!object) return Failure{object.error()};
    memory->object_ = std::move(*object);
    memory->owner_ = !memory->name_.empty();
    const std::string cannot = "cannot create shared memory " + memory->name_ + ": ";
    if (std::string what = memory->object_.resize(first_range_offset + total_pages(ranges) * page_size); !what.empty())
        return Failure{cannot + what};
    try {
        memory->all_ = ipc::mapped_region(memory->object_, ipc::read_write);
    } catch (const ipc::interprocess_exception& error) {
        return Failure{cannot + error.what()};
    }
    auto* header = new (memory->all_.get_address()) Header{};
    header->range_count = ranges.size();
    for (std::size_t i = 0; i < ranges.size(); ++i) header->ranges[i] = {ranges[i].first.number, ranges[i].pages};
    header->magic.store(magic, std::memory_order_release);
    return memory;
}

Result<std::unique_ptr<Memory>, std::string> Memory::attach(const std::string& name) {
    std::unique_ptr<Memory> memory(new Memory);
    memory->name_ = name;
    auto object = lab::SharedObject::open({.name = name}, lab::Access::Write);
    if (!object) return Failure{object.error()};
    memory->object_ = std::move(*object);
    const std::uint64_t size = memory->object_.size();
    if (size < first_range_offset)
        return Failure{"shared memory " + name + " is not a machine's memory, or is not ready yet"};
    try {
        memory->all_ = ipc::mapped_region(memory->object_, ipc::read_write);
    } catch (const ipc::interprocess_exception& error) {
        return Failure{"cannot attach to shared memory " + name + ": " + error.what()};
    }
    const auto* header = static_cast<const Header*>(memory->all_.get_address());
    const std::uint64_t count = header->range_count;
    if (header->magic.load(std::memory_order_acquire) != magic || count > max_ranges) {
        return Failure{"shared memory " + name + " is not a machine's memory, or is not ready yet"};
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        memory->ranges_.push_back({{header->ranges[i].first}, header->ranges[i].pages});
    }
    if (!complaint(memory->ranges_).empty() || first_range_offset + total_pages(memory->ranges_) * page_size != size) {
        return Failure{"shared memory " + name + " describes itself wrongly"};
    }
    return memory;
}

Memory::~Memory() {
    if (owner_) lab::SharedObject::remove({.name = name_});
}

std::optional<std::uint64_t> Memory::offset_of(PhysicalPage page) const {
    std::uint64_t offset = first_range_offset;
    for (const MemoryRange& range : ranges_) {
        if (page >= range.first && page - range.first < range.pages) return offset + (page - range.first) * page_size;
        offset += range.pages * page_size;
    }
    return std::nullopt;
}

std::optional<Memory::Piece> Memory::piece_of(const MemoryRange& run) const {
    std::uint64_t offset = first_range_offset;
    for (const MemoryRange& range : ranges_) {
        if (run.first >= range.first && run.first - range.first < range.pages) {
            const std::uint64_t skipped = run.first - range.first;
            return Piece{offset + skipped * page_size, std::min(run.pages, range.pages - skipped)};
        }
        offset += range.pages * page_size;
    }
    return std::nullopt;
}

void Memory::clear(const MemoryRange& run) {
    for (MemoryRange rest = run; rest.pages != 0;) {
        const auto piece = piece_of(rest);
        if (!piece) return;
        // A hole reads as zeros, and a terabyte of it costs nothing.
        const int object = object_.get_mapping_handle().handle;
        if (::fallocate(object, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(piece->offset),
                        static_cast<off_t>(piece->pages * page_size)) != 0)
            std::memset(static_cast<std::byte*>(all_.get_address()) + piece->offset, 0, piece->pages * page_size);
        rest = {rest.first + piece->pages, rest.pages - piece->pages};
    }
}

std::byte* Memory::bytes_of(PhysicalPage page) const {
    const auto offset = offset_of(page);
    return offset ? static_cast<std::byte*>(all_.get_address()) + *offset : nullptr;
}

std::span<std::byte> Memory::directory() const {
    return {static_cast<std::byte*>(all_.get_address()) + header_bytes, directory_bytes};
}

namespace {

// Calls `part(host address, position, bytes)` for each page's part of a range of physical memory, after making sure
// that all of it is installed.
template <typename Part>
bool for_each_part(const Memory& memory, PhysicalAddress start, std::size_t bytes, Part part) {
    if (bytes != 0 && start.value + (bytes - 1) < start.value) return false;
    for (const bool transfer : {false, true}) {
        std::size_t done = 0;
        while (done < bytes) {
            const PhysicalAddress at = start + done;
            const std::size_t here = std::min<std::size_t>(bytes - done, page_size - at.page_offset());
            std::byte* page = memory.bytes_of(at.page());
            if (page == nullptr) return false;
            if (transfer) part(page + at.page_offset(), done, here);
            done += here;
        }
    }
    return true;
}

// Entries of tables, descriptors, fences: what a device and a CPU may access at the same time is one access a word on
// hardware, so it is one here. Data in bulk is copied as the library likes.
constexpr std::size_t word = sizeof(std::uint64_t);
constexpr std::size_t longest_in_words = 64;

bool is_words(PhysicalAddress address, std::size_t bytes) {
    return address.value % word == 0 && bytes % word == 0 && bytes <= longest_in_words;
}

std::atomic_ref<std::uint64_t> word_at(std::byte* at) { return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at)); }

}  // namespace

bool Memory::read(PhysicalAddress from, void* to, std::size_t bytes) const {
    const bool words = is_words(from, bytes);
    return for_each_part(*this, from, bytes, [=](std::byte* at, std::size_t position, std::size_t count) {
        std::byte* target = static_cast<std::byte*>(to) + position;
        if (!words) {
            std::memcpy(target, at, count);
            return;
        }
        for (std::size_t i = 0; i < count; i += word) {
            const std::uint64_t value = word_at(at + i).load(std::memory_order_acquire);
            std::memcpy(target + i, &value, word);
        }
    });
}

bool Memory::write(PhysicalAddress to, const void* from, std::size_t bytes) {
    const bool words = is_words(to, bytes);
    return for_each_part(*this, to, bytes, [=](std::byte* at, std::size_t position, std::size_t count) {
        const std::byte* source = static_cast<const std::byte*>(from) + position;
        if (!words) {
            std::memcpy(at, source, count);
            return;
        }
        for (std::size_t i = 0; i < count; i += word) {
            std::uint64_t value;
            std::memcpy(&value, source + i, word);
            word_at(at + i).store(value, std::memory_order_release);
        }
    });
}

std::optional<bool> Memory::exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) {
    std::byte* const page = at.value % word == 0 ? bytes_of(at.page()) : nullptr;
    if (page == nullptr) return std::nullopt;
    return word_at(page + at.page_offset()).compare_exchange_strong(expected, desired);
}

}  // namespace remap::hosted
