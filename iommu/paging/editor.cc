// SPDX-License-Identifier: MIT
#include "iommu/paging/editor.h"

#include "iommu/paging/walker.h"

#include <algorithm>

namespace remap::paging {

namespace {

// Calls visit(index, span of that entry's pages) for each entry of a table that a span touches, while it returns true.
template <typename Span, typename Visit>
void for_each_entry(unsigned level, Span span, Visit&& visit) {
    while (span.pages != 0) {
        const std::uint64_t left = pages_per_entry(level) - (span.first & (pages_per_entry(level) - 1));
        const Span part{span.first, std::min(span.pages, left)};
        if (!visit(index_of(span.first, level), part)) return;
        span = {span.first + part.pages, span.pages - part.pages};
    }
}

template <typename Format>
PhysicalPage table_of(std::uint64_t entry, unsigned level) {
    return PhysicalAddress{Format::address(entry, level)}.page();
}

}  // namespace

template <typename Format>
EditError Editor<Format>::create() {
    if (root_) return EditError::None;
    root_ = port_.allocate_table();
    if (!root_) return EditError::NoMemory;
    port_.publish(*root_, 0, entries_per_table);
    return EditError::None;
}

template <typename Format>
void Editor<Format>::destroy() {
    if (!root_) return;
    free_below(*root_, levels_);
    root_.reset();
}

template <typename Format>
void Editor<Format>::free_below(PhysicalPage table, unsigned level) {
    const volatile std::uint64_t* words = port_.words(table);
    for (unsigned i = 0; level > 1 && i < entries_per_table; ++i) {
        const std::uint64_t entry = words[i];
        if (Format::present(entry) && !Format::leaf(entry, level))
            free_below(table_of<Format>(entry, level), level - 1);
    }
    port_.free_table(table);
}

template <typename Format>
EditError Editor<Format>::check(Page first, std::uint64_t pages) const {
    if (!root_) return EditError::NoMemory;
    const bool sane = pages != 0 && first.number + (pages - 1) >= first.number &&
                      Format::in_range(first, first + (pages - 1), levels_);
    return sane ? EditError::None : EditError::OutOfRange;
}

template <typename Format>
bool Editor<Format>::leaf_fits(const Mapping& mapping, Span span, unsigned level) const {
    const std::uint64_t to = mapping.to.number + (span.first - mapping.first.number);
    return level == 1 ||
           (spans_whole_entry(span, level) && shift_of(level) <= std::min(mapping.largest_leaf, leaf_1g) &&
            to % pages_per_entry(level) == 0);
}

// Checks that nothing of the span is mapped and adds up the tables it still needs. No `table`: it is one of those.
template <typename Format>
EditError Editor<Format>::count_missing(std::optional<PhysicalPage> table, unsigned level, Span span,
                                        const Mapping& mapping, std::uint64_t& missing) const {
    if (!table && level == 1) return EditError::None;
    EditError error = EditError::None;
    for_each_entry(level, span, [&](unsigned index, Span part) {
        const std::uint64_t entry = table ? port_.words(*table)[index] : 0;
        const bool present = Format::present(entry);
        if (present && (Format::leaf(entry, level) || leaf_fits(mapping, part, level))) {
            error = EditError::AlreadyMapped;  // a table is never empty, so that it holds a page of a whole entry
        } else if (present) {
            error = count_missing(table_of<Format>(entry, level), level - 1, part, mapping, missing);
        } else if (!leaf_fits(mapping, part, level)) {
            ++missing;
            error = count_missing(std::nullopt, level - 1, part, mapping, missing);
        }
        return error == EditError::None;
    });
    return error;
}

// Writes the leaves of a span whose pages are known to be free. Sub-tables are complete before they are linked.
template <typename Format>
void Editor<Format>::fill(PhysicalPage table, unsigned level, Span span, const Mapping& mapping, TableList& spare) {
    volatile std::uint64_t* words = port_.words(table);
    for_each_entry(level, span, [&](unsigned index, Span part) {
        const std::uint64_t entry = words[index];
        if (leaf_fits(mapping, part, level)) {
            const PhysicalPage to = mapping.to + (part.first - mapping.first.number);
            words[index] = Format::make_leaf(to.address().value, mapping.attributes, level);
        } else if (Format::present(entry)) {
            fill(table_of<Format>(entry, level), level - 1, part, mapping, spare);
        } else {
            const PhysicalPage added = spare.pop();
            fill(added, level - 1, part, mapping, spare);
            port_.publish(added, 0, entries_per_table);  // the zeros too: the device must not see what the page held
            words[index] = Format::make_table(added.address().value);
        }
        return true;
    });
    const unsigned first = index_of(span.first, level);
    port_.publish(table, first, index_of(span.first + (span.pages - 1), level) - first + 1);
}

template <typename Format>
EditError Editor<Format>::map(const Mapping& mapping) {
    if (const EditError error = check(mapping.first, mapping.pages); error != EditError::None) return error;
    constexpr std::uint64_t end = std::uint64_t{1} << (vtd::widest_host_address - page_shift);
    if (mapping.to.number >= end || mapping.pages > end - mapping.to.number) return EditError::OutOfRange;
    if (!Format::valid_attributes(mapping.attributes)) return EditError::BadAttributes;

    const Span span{mapping.first.number, mapping.pages};
    std::uint64_t missing = 0;
    if (const EditError error = count_missing(root_, levels_, span, mapping, missing); error != EditError::None)
        return error;
    TableList spare(port_);
    if (!spare.reserve(missing)) return EditError::NoMemory;
    fill(*root_, levels_, span, mapping, spare);
    return EditError::None;
}

// Checks that all of the span is mapped and adds up the tables that splitting its leaves takes.
template <typename Format>
EditError Editor<Format>::count_splits(PhysicalPage table, unsigned level, Span span, std::uint64_t& splits) const {
    EditError error = EditError::None;
    for_each_entry(level, span, [&](unsigned index, Span part) {
        const std::uint64_t entry = port_.words(table)[index];
        if (!Format::present(entry)) {
            error = EditError::NotMapped;
        } else if (!Format::leaf(entry, level)) {
            error = count_splits(table_of<Format>(entry, level), level - 1, part, splits);
        } else {
            // One table a level down to the one whose entries the span's ends fall on; both ends at most.
            for (unsigned below = level; below > 1; --below) {
                const std::uint64_t size = pages_per_entry(below);
                const std::uint64_t last = part.first + (part.pages - 1);
                const bool cut_first = part.first % size != 0, cut_last = (last + 1) % size != 0;
                const bool same = part.first / size == last / size;
                splits += same ? (cut_first || cut_last) : std::uint64_t{cut_first} + std::uint64_t{cut_last};
            }
        }
        return error == EditError::None;
    });
    return error;
}

// Replaces a leaf by a table of smaller leaves that say the same.
template <typename Format>
void Editor<Format>::split(PhysicalPage table, unsigned index, unsigned level, TableList& spare) {
    volatile std::uint64_t* words = port_.words(table);
    const std::uint64_t entry = words[index];
    const PhysicalPage added = spare.pop();
    volatile std::uint64_t* lower = port_.words(added);
    for (unsigned i = 0; i < entries_per_table; ++i) {
        const std::uint64_t offset = (std::uint64_t{i} * pages_per_entry(level - 1)) << page_shift;
        lower[i] =
            Format::make_leaf(Format::address(entry, level) + offset, Format::attributes(entry, level), level - 1);
    }
    port_.publish(added, 0, entries_per_table);
    words[index] = Format::make_table(added.address().value);
}

template <typename Format>
bool Editor<Format>::is_empty(PhysicalPage table) const {
    const volatile std::uint64_t* words = port_.words(table);
    for (unsigned i = 0; i < entries_per_table; ++i) {
        if (Format::present(words[i])) return false;
    }
    return true;
}

template <typename Format>
void Editor<Format>::clear(PhysicalPage table, unsigned level, Span span, TableList& spare, TableList& retired) {
    volatile std::uint64_t* words = port_.words(table);
    for_each_entry(level, span, [&](unsigned index, Span part) {
        if (Format::leaf(words[index], level) && spans_whole_entry(part, level)) {
            words[index] = 0;
            return true;
        }
        if (Format::leaf(words[index], level)) split(table, index, level, spare);
        const PhysicalPage below = table_of<Format>(words[index], level);
        clear(below, level - 1, part, spare, retired);
        if (spans_whole_entry(part, level) || is_empty(below)) {
            words[index] = 0;
            retired.push(below);
        }
        return true;
    });
    const unsigned first = index_of(span.first, level);
    port_.publish(table, first, index_of(span.first + (span.pages - 1), level) - first + 1);
}

template <typename Format>
EditError Editor<Format>::unmap(Page first, std::uint64_t pages, TableList& retired) {
    if (const EditError error = check(first, pages); error != EditError::None) return error;
    const Span span{first.number, pages};
    std::uint64_t splits = 0;
    if (const EditError error = count_splits(*root_, levels_, span, splits); error != EditError::None) return error;
    TableList spare(port_);
    if (!spare.reserve(splits)) return EditError::NoMemory;
    clear(*root_, levels_, span, spare, retired);
    spare.free_all();
    return EditError::None;
}

template <typename Format>
std::optional<typename Editor<Format>::Leaf> Editor<Format>::lookup(Page page) const {
    if (check(page, 1) != EditError::None) return std::nullopt;
    const WalkRequest<Format> request{
        .root = root_->address(), .levels = levels_, .address = page.address().value, .wanted = {}, .limits = {}};
    const Walk found = walk<Format>(request, [this](PhysicalAddress entry) -> std::optional<std::uint64_t> {
        return port_.words(entry.page())[entry.page_offset() / sizeof(std::uint64_t)];
    });
    if (!found.found()) return std::nullopt;
    return Leaf{found.translate(request.address), found.attributes, found.shift};
}

template class Editor<VtdFirstStage>;
template class Editor<VtdSecondStage>;
template class Editor<X86Long>;

}  // namespace remap::paging
