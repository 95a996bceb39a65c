// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/address_space.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/tables.h"
#include "iommu/paging/walker.h"

namespace remap::guest {

namespace {

using paging::EditError;
using paging::X86Long;
using Editor = paging::Editor<X86Long>;

// Beyond this, reloading CR3 is cheaper than one INVLPG a page.
constexpr std::uint64_t most_single_invalidations = 64;

// Made in place at start, because the heap must exist first, and never destroyed.
alignas(CpuTables) unsigned char tables_room[sizeof(CpuTables)];
alignas(Editor) unsigned char editor_room[sizeof(Editor)];
CpuTables* tables;
Editor* editor;

constexpr std::uint64_t pat_entry(unsigned index, MemoryType type) {
    return static_cast<std::uint64_t>(type) << (8 * index);
}

// Entries 4 to 7 are never selected; they keep what they hold after a reset.
constexpr std::uint64_t pat_value = pat_entry(pat_index(CacheType::WriteBack), MemoryType::WriteBack) |
                                    pat_entry(pat_index(CacheType::WriteCombined), MemoryType::WriteCombining) |
                                    pat_entry(2, MemoryType::UncachedMinus) |
                                    pat_entry(pat_index(CacheType::Uncached), MemoryType::Uncacheable) |
                                    pat_entry(4, MemoryType::WriteBack) | pat_entry(5, MemoryType::WriteThrough) |
                                    pat_entry(6, MemoryType::UncachedMinus) | pat_entry(7, MemoryType::Uncacheable);

void invalidate(CpuVirtualPage first, std::uint64_t pages) {
    if (pages > most_single_invalidations) {
        cpu::write_cr3(cpu::read_cr3());
        return;
    }
    for (std::uint64_t i = 0; i < pages; ++i) cpu::invalidate_page((first + i).address().value);
}

}  // namespace

void start_address_space() {
    tables = new (tables_room) CpuTables;
    editor = new (editor_room) Editor(*tables, X86Long::levels);
    const std::uint64_t pages = (owned_end() - owned_begin()) >> page_shift;
    const Editor::Mapping owned{.first = {owned_begin().page().number},
                                .to = owned_begin().page(),
                                .pages = pages,
                                .attributes = X86Long::writable,
                                .largest_leaf = paging::leaf_2m};
    if (editor->create() != EditError::None) panic("no page for the CPU's tables");
    if (const EditError error = editor->map(owned); error != EditError::None)
        panic("mapping the kernel: %s", paging::name_of(error));
    // SDM volume 3, section "Programming the PAT": a change needs caches and TLB flushed only where memory is mapped
    // through an entry that changes. The boot tables use entry 0 alone, which stays write-back.
    cpu::write_msr(pat_msr, pat_value);
    cpu::write_back_and_invalidate_caches();
    cpu::write_cr3(editor->root().address().value);
}

bool map_pages(CpuVirtualPage first, PhysicalPage to, std::uint64_t pages, const Protection& protection) {
    const std::uint64_t attributes = X86Long::memory_type(pat_index(protection.cache)) | X86Long::no_execute |
                                     (protection.writable ? X86Long::writable : 0) |
                                     (protection.mode == AccessMode::User ? X86Long::user : 0);
    const EditError error = editor->map({first, to, pages, attributes, paging::leaf_2m});
    // No invalidation: the CPU caches no translation that is not present (SDM volume 3, section "Details of TLB Use").
    return error == EditError::None;
}

void unmap_pages(CpuVirtualPage first, std::uint64_t pages) {
    paging::TableList retired(*tables);
    const EditError error = editor->unmap(first, pages, retired);
    if (error != EditError::None) panic("unmapping %lx: %s", first.address().value, paging::name_of(error));
    invalidate(first, pages);
    retired.free_all();
}

std::optional<Leaf> find_leaf(CpuVirtualAddress address) {
    const paging::WalkRequest<X86Long> request{.root = {cpu::read_cr3() & Field<51, 12>::mask},
                                               .levels = X86Long::levels,
                                               .address = address.value,
                                               .wanted = {},
                                               .limits = {}};
    const paging::Walk found =
        paging::walk<X86Long>(request, [](PhysicalAddress entry) -> std::optional<std::uint64_t> {
            if (entry < owned_begin() || entry >= owned_end()) return std::nullopt;
            return *reinterpret_cast<const volatile std::uint64_t*>(entry.value);
        });
    if (!found.found()) return std::nullopt;
    return Leaf{found.translate(request.address), found.attributes, found.shift};
}

unsigned pat_index_of(const Leaf& leaf) {
    using paging::X86Long;
    return ((leaf.attributes & X86Long::write_through) != 0 ? 1 : 0) |
           ((leaf.attributes & X86Long::cache_disable) != 0 ? 2 : 0) | ((leaf.attributes & X86Long::pat) != 0 ? 4 : 0);
}

bool has_user_rights(const Leaf& leaf) { return (leaf.attributes & paging::X86Long::user) != 0; }

bool is_writable(const Leaf& leaf) { return (leaf.attributes & paging::X86Long::writable) != 0; }

MemoryType pat_type(unsigned index) { return static_cast<MemoryType>(cpu::read_msr(pat_msr) >> (index * 8) & 7); }

}  // namespace remap::guest
