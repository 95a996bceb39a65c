// SPDX-License-Identifier: MIT
// Writes translation tables as a driver does, while the hardware may be walking them.
//
// Order of writes: a new table is filled and published before the entry that points to it; every entry is one 64-bit
// store. A table taken out of use goes to a list that the caller frees after the hardware has dropped what it cached.
#pragma once

#include "base/address.h"
#include "iommu/paging/format.h"
#include "iommu/paging/table_port.h"
#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"
#include "iommu/paging/x86_long.h"

#include <cstdint>
#include <optional>

namespace remap::paging {

enum class EditError : std::uint8_t {
    None,
    AlreadyMapped,  // a page of the range is mapped
    NotMapped,      // a page of the range is not mapped
    OutOfRange,     // an address is beyond what the tables or their entries hold, or the range is empty
    BadAttributes,  // attributes that make no present leaf, or bits that are no attributes
    NoMemory,       // no page for a table
};

const char* name_of(EditError error);

// Table pages strung together through their own first word. The link is a page address, whose low bits are zero: a not
// present entry in every format, so that hardware which still walks a listed table finds nothing in it.
class TableList {
public:
    explicit TableList(TablePort& port) : port_(&port) {}

    bool empty() const { return count_ == 0; }
    std::uint64_t count() const { return count_; }
    void push(PhysicalPage page);
    PhysicalPage pop();                 // only when not empty; the page is all zeros again, if it was when pushed
    bool reserve(std::uint64_t count);  // allocates; false, and nothing kept, when memory runs out

    // Gives all pages back. A list that is destroyed before that leaks them, which is safer than freeing pages that
    // hardware may still walk.
    void free_all();

private:
    TablePort* port_;
    std::uint64_t head_ = 0;  // page number; the count tells whether there is one
    std::uint64_t count_ = 0;
};

template <typename Format>
class Editor {
public:
    using Page = typename Format::Page;

    struct Mapping {
        Page first;
        PhysicalPage to;
        std::uint64_t pages = 0;
        std::uint64_t attributes = 0;     // as in a level 1 leaf
        unsigned largest_leaf = leaf_1g;  // shift of the largest leaf to use where alignment allows
    };

    struct Leaf {
        PhysicalAddress address;       // of the first byte of the page asked for
        std::uint64_t attributes = 0;  // as in a level 1 leaf
        unsigned shift = 0;            // of the whole leaf
    };

    Editor(TablePort& port, unsigned levels) : port_(port), levels_(levels) {}
    ~Editor() { destroy(); }
    Editor(const Editor&) = delete;
    Editor& operator=(const Editor&) = delete;

    // Allocates the root table: the first call to make.
    EditError create();

    // Frees every table. The hardware must not use them any more.
    void destroy();

    // Forgets every table without freeing it: for hardware that does not let go.
    void abandon() { root_.reset(); }

    bool created() const { return root_.has_value(); }
    PhysicalPage root() const { return *root_; }  // only when created
    unsigned levels() const { return levels_; }

    // All or nothing. Allocates every table it needs before it changes the first entry.
    EditError map(const Mapping& mapping);

    // All or nothing. Splits larger leaves at the ends of the range. Tables that became empty are added to `retired`.
    EditError unmap(Page first, std::uint64_t pages, TableList& retired);

    // What the tables in memory say.
    std::optional<Leaf> lookup(Page page) const;

private:
    // A run of pages inside what one table spans.
    struct Span {
        std::uint64_t first = 0;
        std::uint64_t pages = 0;
    };

    bool spans_whole_entry(Span span, unsigned level) const { return span.pages == pages_per_entry(level); }
    EditError check(Page first, std::uint64_t pages) const;
    bool leaf_fits(const Mapping& mapping, Span span, unsigned level) const;
    EditError count_missing(std::optional<PhysicalPage> table, unsigned level, Span span, const Mapping& mapping,
                            std::uint64_t& missing) const;
    void fill(PhysicalPage table, unsigned level, Span span, const Mapping& mapping, TableList& spare);
    EditError count_splits(PhysicalPage table, unsigned level, Span span, std::uint64_t& splits) const;
    void split(PhysicalPage table, unsigned index, unsigned level, TableList& spare);
    void clear(PhysicalPage table, unsigned level, Span span, TableList& spare, TableList& retired);
    bool is_empty(PhysicalPage table) const;
    void free_below(PhysicalPage table, unsigned level);

    TablePort& port_;
    unsigned levels_;
    std::optional<PhysicalPage> root_;
};

extern template class Editor<VtdFirstStage>;
extern template class Editor<VtdSecondStage>;
extern template class Editor<X86Long>;

}  // namespace remap::paging
