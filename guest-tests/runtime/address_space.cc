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

// Entries of the top table that the kernel's region, and its own memory, take: everything but the user region.
constexpr unsigned top_shift = 39;
constexpr unsigned first_user_entry = user_region.first.value >> top_shift;
constexpr unsigned user_entries = user_region.bytes >> top_shift;
constexpr unsigned top_entries = 512;

// Made in place at start, because the heap must exist first, and never destroyed.
alignas(CpuTables) unsigned char tables_room[sizeof(CpuTables)];
CpuTables* tables;

// Entries 4 to 7 are never selected; they keep what they hold after a reset, and so does entry 2.
constexpr paging::Pat machine_pat =
    paging::Pat{}
        .with(pat_index(CacheType::WriteBack), memory_type(CacheType::WriteBack))
        .with(pat_index(CacheType::WriteCombined), memory_type(CacheType::WriteCombined))
        .with(pat_index(CacheType::Uncached), memory_type(CacheType::Uncached));

bool is_user(CpuVirtualPage page) { return page < kernel_region.first.page() && page >= user_region.first.page(); }

void invalidate(CpuVirtualPage first, std::uint64_t pages) {
    if (pages > most_single_invalidations) {
        cpu::write_cr3(cpu::read_cr3());
        return;
    }
    for (std::uint64_t i = 0; i < pages; ++i) cpu::invalidate_page((first + i).address().value);
}

}  // namespace

class AddressSpace {
public:
    AddressSpace() : editor(*tables, X86Long::levels) {}

    volatile std::uint64_t* top() { return tables->words(editor.root()); }

    Editor editor;
};

namespace {

alignas(AddressSpace) unsigned char kernel_room[sizeof(AddressSpace)];
AddressSpace* kernel;
AddressSpace* current;

// The kernel's part of a process's top table, as the kernel's own has it now, or empty.
template <typename Value>
void set_kernel_entries(AddressSpace& space, Value value) {
    for (unsigned i = 0; i < top_entries; ++i)
        if (i < first_user_entry || i >= first_user_entry + user_entries) space.top()[i] = value(i);
}

// Tables of the kernel's region come and go; a process that is entered later copies what there is then.
void follow_kernel(AddressSpace& space) {
    if (&space != kernel) set_kernel_entries(space, [](unsigned i) -> std::uint64_t { return kernel->top()[i]; });
}

Editor& editor_for(AddressSpace& space, CpuVirtualPage page) { return (is_user(page) ? space : *kernel).editor; }

}  // namespace

AddressSpace& kernel_space() { return *kernel; }
AddressSpace& current_space() { return *current; }

AddressSpace* create_space() {
    auto* space = new (std::nothrow) AddressSpace;
    if (space == nullptr || space->editor.create() == EditError::None) return space;
    delete space;
    return nullptr;
}

void destroy_space(AddressSpace* space) {
    if (space == current || space == kernel) panic("an address space that is in use is destroyed");
    set_kernel_entries(*space, [](unsigned) { return std::uint64_t{0}; });  // those tables are the kernel's
    delete space;
}

void enter_space(AddressSpace& space) {
    follow_kernel(space);
    current = &space;
    cpu::write_cr3(space.editor.root().address().value);
}

void start_address_space() {
    tables = new (tables_room) CpuTables;
    kernel = new (kernel_room) AddressSpace;
    Editor& editor = kernel->editor;
    const std::uint64_t pages = (owned_end() - owned_begin()) >> page_shift;
    const Editor::Mapping owned{.first = {owned_begin().page().number},
                                .to = owned_begin().page(),
                                .pages = pages,
                                .attributes = X86Long::writable,
                                .largest_leaf = paging::leaf_2m};
    if (editor.create() != EditError::None) panic("no page for the CPU's tables");
    if (const EditError error = editor.map(owned); error != EditError::None)
        panic("mapping the kernel: %s", paging::name_of(error));
    // SDM volume 3, section "Programming the PAT": a change needs caches and TLB flushed only where memory is mapped
    // through an entry that changes. The boot tables use entry 0 alone, which stays write-back.
    cpu::write_msr(paging::Pat::msr, machine_pat.value);
    cpu::write_back_and_invalidate_caches();
    enter_space(*kernel);
}

unsigned largest_leaf() {
    constexpr std::uint32_t extended_features = 0x8000'0001;
    using Page1Gb = Flag<26>;  // of EDX
    static const bool has_1g = Page1Gb::get(cpu::identify(extended_features).d);
    return has_1g ? paging::leaf_1g : paging::leaf_2m;
}

bool map_pages(AddressSpace& space, CpuVirtualPage first, PhysicalPage to, std::uint64_t pages,
               const Protection& protection) {
    const std::uint64_t attributes =
        X86Long::memory_type(pat_index(protection.cache)) | (protection.executable ? 0 : X86Long::no_execute) |
        (protection.writable ? X86Long::writable : 0) | (protection.mode == AccessMode::User ? X86Long::user : 0);
    const EditError error = editor_for(space, first).map({first, to, pages, attributes, largest_leaf()});
    if (!is_user(first)) follow_kernel(*current);
    // No invalidation: the CPU caches no translation that is not present (SDM volume 3, section "Details of TLB Use").
    return error == EditError::None;
}

void unmap_pages(AddressSpace& space, CpuVirtualPage first, std::uint64_t pages) {
    paging::TableList retired(*tables);
    const EditError error = editor_for(space, first).unmap(first, pages, retired);
    if (error != EditError::None) panic("unmapping %lx: %s", first.address().value, paging::name_of(error));
    if (!is_user(first)) follow_kernel(*current);
    invalidate(first, pages);  // of another process the TLB has nothing: CR3 was loaded since
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

unsigned pat_index_of(const Leaf& leaf) { return X86Long::pat_index(leaf.attributes); }

bool has_user_rights(const Leaf& leaf) { return (leaf.attributes & paging::X86Long::user) != 0; }

bool is_writable(const Leaf& leaf) { return (leaf.attributes & paging::X86Long::writable) != 0; }

MemoryType pat_type(unsigned index) {
    const auto type = paging::Pat{cpu::read_msr(paging::Pat::msr)}.type(index);
    if (!type) panic("entry %u of the PAT holds a reserved type", index);
    return *type;
}

}  // namespace remap::guest
