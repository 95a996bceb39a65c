// SPDX-License-Identifier: MIT
#include "iommu/driver/context_tables.h"

#include "iommu/spec/tables.h"

namespace remap::vtd_driver {

namespace root = vtd::root_entry;
namespace ctx = vtd::context_entry;

namespace {

constexpr unsigned words_per_table = page_size / sizeof(std::uint64_t);
constexpr unsigned words_per_entry = 2;
static_assert(root::bytes == words_per_entry * 8 && ctx::bytes == words_per_entry * 8);

constexpr unsigned root_word(std::uint16_t source) { return (source >> 8) * words_per_entry; }
constexpr unsigned context_word(std::uint16_t source) { return (source & 0xff) * words_per_entry; }

}  // namespace

bool ContextTables::create() {
    root_ = tables_.allocate_table();
    if (!root_) return false;
    tables_.publish(*root_, 0, words_per_table);
    return true;
}

void ContextTables::destroy() {
    if (!root_) return;
    for (unsigned bus = 0; bus < 256; ++bus) {
        if (const auto table = table_of(static_cast<std::uint16_t>(bus << 8))) tables_.free_table(*table);
    }
    tables_.free_table(*root_);
    root_.reset();
}

std::optional<PhysicalPage> ContextTables::table_of(std::uint16_t source) const {
    const std::uint64_t entry = tables_.words(*root_)[root_word(source)];
    if (!root::Present::get(entry)) return std::nullopt;
    return PhysicalAddress{entry & root::context_table}.page();
}

std::optional<std::uint16_t> ContextTables::domain_of(std::uint16_t source) const {
    const auto table = table_of(source);
    if (!table) return std::nullopt;
    const volatile std::uint64_t* words = tables_.words(*table);
    const unsigned word = context_word(source);
    if (!ctx::Present::get(words[word])) return std::nullopt;
    return static_cast<std::uint16_t>(ctx::Domain::get(words[word + 1]));
}

void ContextTables::clear(std::uint16_t source) {
    const auto table = table_of(source);
    if (!table) return;
    const unsigned word = context_word(source);
    tables_.words(*table)[word] = 0;
    tables_.publish(*table, word, words_per_entry);
}

// The word with the present bit is written last, after the rest can be seen.
bool ContextTables::set(std::uint16_t source, std::uint64_t low, std::uint64_t high) {
    auto table = table_of(source);
    if (!table) {
        table = tables_.allocate_table();
        if (!table) return false;
        tables_.publish(*table, 0, words_per_table);
        tables_.words(*root_)[root_word(source)] = table->address().value | root::Present::of(true);
        tables_.publish(*root_, root_word(source), words_per_entry);
    }
    const unsigned word = context_word(source);
    volatile std::uint64_t* words = tables_.words(*table);
    words[word + 1] = high;
    tables_.publish(*table, word + 1, 1);
    words[word] = low;
    tables_.publish(*table, word, 1);
    return true;
}

}  // namespace remap::vtd_driver
