// SPDX-License-Identifier: MIT
#include "hw/hosted/memory.h"

#include <boost/interprocess/permissions.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>

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

// A name that no process has, nor one that crashed under the same process id ever had.
std::string unique_name() {
    std::uint64_t random[2];
    if (::getrandom(random, sizeof random, 0) != sizeof random) std::abort();
    return "remaplab-" + std::to_string(random[0]) + "-" + std::to_string(random[1]);
}

ipc::shared_memory_object create_object(const std::string& name) {
    return {ipc::create_only, name.c_str(), ipc::read_write, ipc::permissions(0600)};
}

// The owner of a name holds this lock, and loses it when its process ends, however that happens.
bool take_ownership(const ipc::shared_memory_object& object) {
    return ::flock(object.get_mapping_handle().handle, LOCK_EX | LOCK_NB) == 0;
}

// Removes the memory of this name if it is a machine's whose owner is gone: a bugcheck ends the process without
// destructors, and the next run wants its name again.
bool remove_orphan(const std::string& name) {
    ipc::shared_memory_object left(ipc::open_only, name.c_str(), ipc::read_write);
    ipc::offset_t size = 0;
    if (!left.get_size(size) || size < static_cast<ipc::offset_t>(first_range_offset)) return false;
    const ipc::mapped_region first_page(left, ipc::read_only, 0, header_bytes);
    // The magic is written by an owner that holds its lock: without it, one may be about to.
    const auto* header = static_cast<const Header*>(first_page.get_address());
    return header->magic.load(std::memory_order_acquire) == magic && take_ownership(left) &&
           ipc::shared_memory_object::remove(name.c_str());
}

// A named object lives until its owner removes it; one without a name is this process's and its children's alone, and
// nothing that happens to them leaves it behind.
ipc::shared_memory_object create_shared(const std::string& name) {
    if (name.empty()) {
        const std::string passing = unique_name();
        ipc::shared_memory_object object = create_object(passing);
        ipc::shared_memory_object::remove(passing.c_str());
        return object;
    }
    try {
        return create_object(name);
    } catch (const ipc::interprocess_exception& error) {
        if (error.get_error_code() != ipc::already_exists_error || !remove_orphan(name)) throw;
        return create_object(name);
    }
}

}  // namespace

Result<std::unique_ptr<Memory>, std::string> Memory::create(std::string name, std::span<const MemoryRange> ranges) {
    if (std::string what = complaint(ranges); !what.empty()) return Failure{what};
    std::unique_ptr<Memory> memory(new Memory);
    memory->name_ = std::move(name);
    memory->ranges_.assign(ranges.begin(), ranges.end());
    try {
        memory->object_ = create_shared(memory->name_);
        memory->owner_ = !memory->name_.empty() && take_ownership(memory->object_);
        memory->object_.truncate(static_cast<ipc::offset_t>(first_range_offset + total_pages(ranges) * page_size));
        memory->all_ = ipc::mapped_region(memory->object_, ipc::read_write);
    } catch (const ipc::interprocess_exception& error) {
        return Failure{"cannot create shared memory " + memory->name_ + ": " + error.what() +
                       (error.get_error_code() == ipc::already_exists_error ? "; another machine has this name" : "")};
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
    ipc::offset_t size = 0;
    try {
        memory->object_ = ipc::shared_memory_object(ipc::open_only, name.c_str(), ipc::read_write);
        if (!memory->object_.get_size(size) || size < static_cast<ipc::offset_t>(first_range_offset)) {
            return Failure{"shared memory " + name + " is not a machine's memory, or is not ready yet"};
        }
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
    if (!complaint(memory->ranges_).empty() ||
        first_range_offset + total_pages(memory->ranges_) * page_size != static_cast<std::uint64_t>(size)) {
        return Failure{"shared memory " + name + " describes itself wrongly"};
    }
    return memory;
}

Memory::~Memory() {
    if (owner_) ipc::shared_memory_object::remove(name_.c_str());
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
