// SPDX-License-Identifier: MIT
#include "iommu/driver/pasid_tables.h"

#include "base/bits.h"

namespace remap::vtd_driver {

namespace root = vtd::scalable_root_entry;
namespace ctx = vtd::scalable_context_entry;
namespace directory = vtd::pasid_directory_entry;
namespace entry = vtd::pasid_entry;

namespace {

constexpr unsigned words_of_page = page_size / sizeof(std::uint64_t);
constexpr std::uint64_t page_bits = Field<63, 12>::mask;

// All entries that lead to a page have a present bit and the page's address in the same place.
static_assert(root::Present::mask == 1 && ctx::Present::mask == 1 && directory::Present::mask == 1);
static_assert(root::context_table == page_bits && ctx::pasid_directory == page_bits &&
              directory::pasid_table == page_bits);

constexpr std::uint8_t devfn_of(std::uint16_t source) { return static_cast<std::uint8_t>(source); }
constexpr unsigned root_word(std::uint16_t source) { return (source >> 8) * 2 + root::word_of(devfn_of(source)); }
constexpr unsigned context_word(std::uint16_t source) { return ctx::index_of(devfn_of(source)) * (ctx::bytes / 8); }

// PDTS of a directory of one page: 2^(2 + 7) entries.
constexpr std::uint64_t one_page_directory = 2;
static_assert(PasidTables::pasids == 64 * words_of_page);

}  // namespace

void PasidTables::store(Place place, std::uint64_t value) {
    tables_.words(place.page)[place.word] = value;
    tables_.publish(place.page, place.word, 1);
}

std::optional<PhysicalPage> PasidTables::page_at(Place place) const {
    const std::uint64_t word = tables_.words(place.page)[place.word];
    if ((word & 1) == 0) return std::nullopt;
    return PhysicalAddress{word & page_bits}.page();
}

std::optional<PhysicalPage> PasidTables::page_at_or_new(Place place) {
    if (const auto known = page_at(place)) return known;
    const auto made = tables_.allocate_table();
    if (!made) return std::nullopt;
    tables_.publish(*made, 0, words_of_page);
    store(place, made->address().value | 1);
    return made;
}

bool PasidTables::create() {
    root_ = tables_.allocate_table();
    if (!root_) return false;
    tables_.publish(*root_, 0, words_of_page);
    return true;
}

void PasidTables::destroy() {
    if (!root_) return;
    for (unsigned half = 0; half < words_of_page; ++half) {
        const auto contexts = page_at({*root_, half});
        if (!contexts) continue;
        for (unsigned word = 0; word < words_of_page; word += ctx::bytes / 8) {
            if (const auto held = page_at({*contexts, word})) free_directory(*held);
        }
        tables_.free_table(*contexts);
    }
    tables_.free_table(*root_);
    root_.reset();
}

void PasidTables::free_directory(PhysicalPage held) {
    for (unsigned word = 0; word < words_of_page; ++word) {
        if (const auto table = page_at({held, word})) tables_.free_table(*table);
    }
    tables_.free_table(held);
}

std::optional<PhysicalPage> PasidTables::directory_of(std::uint16_t source) const {
    const auto contexts = page_at({*root_, root_word(source)});
    return contexts ? page_at({*contexts, context_word(source)}) : std::nullopt;
}

bool PasidTables::open(std::uint16_t source, std::uint64_t rights) {
    const auto contexts = page_at_or_new({*root_, root_word(source)});
    const auto made = contexts ? tables_.allocate_table() : std::nullopt;
    if (!made) return false;
    tables_.publish(*made, 0, words_of_page);
    const unsigned word = context_word(source);
    store({*contexts, word + 1}, 0);  // RID_PASID 0
    store({*contexts, word},
          made->address().value | ctx::Present::mask | rights | ctx::DirectorySize::of(one_page_directory));
    return true;
}

std::optional<PhysicalPage> PasidTables::close(std::uint16_t source) {
    const auto held = directory_of(source);
    if (held) store({*page_at({*root_, root_word(source)}), context_word(source)}, 0);
    return held;
}

bool PasidTables::set(std::uint16_t source, std::uint32_t pasid, const entry::Words& words) {
    const auto held = directory_of(source);
    if (!held || pasid >= pasids) return false;
    const auto table = page_at_or_new({*held, directory::index_of(pasid)});
    if (!table) return false;
    const unsigned first = entry::index_of(pasid) * (entry::bytes / 8);
    for (unsigned i = 1; i < entry::bytes / 8; ++i) store({*table, first + i}, words[i]);
    store({*table, first}, words[0]);
    return true;
}

void PasidTables::clear(std::uint16_t source, std::uint32_t pasid) {
    const auto held = directory_of(source);
    if (!held || pasid >= pasids) return;
    if (const auto table = page_at({*held, directory::index_of(pasid)}))
        store({*table, static_cast<unsigned>(entry::index_of(pasid) * (entry::bytes / 8))}, 0);
}

}  // namespace remap::vtd_driver
