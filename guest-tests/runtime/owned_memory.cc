// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/owned_memory.h"

#include "base/bits.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exit.h"

#include <algorithm>
#include <cstddef>
#include <new>

extern "C" {
extern char image_begin[];
extern char image_end[];
}

namespace remap::guest {

namespace {

constexpr std::uint64_t large_page = std::uint64_t{2} << 20;

std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

std::uint64_t heap_begin() { return round_up(address_of(image_end), large_page); }
std::uint64_t tables_begin() { return heap_begin() + heap_bytes; }

// The heap: blocks that touch each other, each with a header, and the free ones in a list sorted by address so that
// neighbours are joined when one is freed.
struct alignas(16) Block {
    std::uint64_t bytes = 0;  // of the whole block with this header, a multiple of 16
    Block* next = nullptr;    // in the free list; a block in use points at itself
};
static_assert(sizeof(Block) == 16);

Block* free_blocks;
std::uint64_t bytes_in_use;

Block* end_of(Block* block) { return reinterpret_cast<Block*>(address_of(block) + block->bytes); }

void join_with_next(Block* block) {
    if (block->next == nullptr || end_of(block) != block->next) return;
    block->bytes += block->next->bytes;
    block->next = block->next->next;
}

void* heap_allocate(std::size_t wanted) {
    if (wanted > heap_bytes) return nullptr;
    const std::uint64_t bytes = round_up(std::max<std::uint64_t>(wanted, 1), 16) + sizeof(Block);
    for (Block** link = &free_blocks; *link != nullptr; link = &(*link)->next) {
        Block* block = *link;
        if (block->bytes < bytes) continue;
        if (block->bytes - bytes >= 2 * sizeof(Block)) {
            Block* rest = reinterpret_cast<Block*>(address_of(block) + bytes);
            *rest = {block->bytes - bytes, block->next};
            block->bytes = bytes;
            *link = rest;
        } else {
            *link = block->next;
        }
        block->next = block;
        bytes_in_use += block->bytes;
        return block + 1;
    }
    return nullptr;
}

void heap_free(void* pointer) {
    if (pointer == nullptr) return;
    Block* block = static_cast<Block*>(pointer) - 1;
    const std::uint64_t address = address_of(pointer);
    if (address < heap_begin() + sizeof(Block) || address >= tables_begin() || block->next != block)
        panic("freed twice, overwritten or never allocated: heap block %p", pointer);
    bytes_in_use -= block->bytes;
    Block* before = nullptr;
    Block* after = free_blocks;
    for (; after != nullptr && after < block; after = after->next) before = after;
    block->next = after;
    (before != nullptr ? before->next : free_blocks) = block;
    join_with_next(block);
    if (before != nullptr) join_with_next(before);
}

// Table pages: those never used yet, and a list through the first word of those given back.
std::uint64_t fresh_page;
std::uint64_t free_pages;  // address of the first, 0: none
std::uint64_t pages_in_use;

}  // namespace

PhysicalAddress owned_begin() { return {address_of(image_begin)}; }
PhysicalAddress owned_end() { return {tables_begin() + table_bytes}; }

void start_owned_memory() {
    const bool there = std::ranges::any_of(memory_map(), [](const MemoryRange& range) {
        return range.usable && range.first <= owned_begin() && owned_end() <= range.first + range.bytes;
    });
    if (!there) panic("no RAM for the kernel: it takes all from 2 MiB to %lu MiB", owned_end().value >> 20);
    free_blocks = reinterpret_cast<Block*>(heap_begin());
    *free_blocks = {heap_bytes, nullptr};
    fresh_page = tables_begin();
}

std::optional<PhysicalPage> allocate_owned_page() {
    std::uint64_t page = free_pages;
    if (page != 0) {
        free_pages = *reinterpret_cast<const std::uint64_t*>(page);
    } else if (fresh_page < owned_end().value) {
        page = fresh_page;
        fresh_page += page_size;
    } else {
        return std::nullopt;
    }
    auto* words = reinterpret_cast<std::uint64_t*>(page);
    std::fill(words, words + page_size / sizeof *words, 0);
    ++pages_in_use;
    return PhysicalAddress{page}.page();
}

void free_owned_page(PhysicalPage page) {
    const std::uint64_t address = page.address().value;
    if (address < tables_begin() || address >= fresh_page) panic("page %lx is no table page", page.number);
    *reinterpret_cast<std::uint64_t*>(address) = free_pages;
    free_pages = address;
    --pages_in_use;
}

std::uint64_t owned_pages_in_use() { return pages_in_use; }

std::uint64_t heap_bytes_in_use() { return bytes_in_use; }

}  // namespace remap::guest

using remap::guest::heap_allocate;
using remap::guest::heap_free;

// The library that would define it is not linked.
const std::nothrow_t std::nothrow{};

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return heap_allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return heap_allocate(bytes); }

// Suites may use plain new for what they cannot do without.
void* operator new(std::size_t bytes) {
    void* pointer = heap_allocate(bytes);
    if (pointer == nullptr) remap::guest::panic("out of heap: %zu bytes wanted", bytes);
    return pointer;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }

void operator delete(void* pointer) noexcept { heap_free(pointer); }
void operator delete[](void* pointer) noexcept { heap_free(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { heap_free(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { heap_free(pointer); }
