// SPDX-License-Identifier: MIT
#include "iommu/paging/editor.h"
#include "iommu/paging/walker.h"
#include "iommu/tests/table_memory.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace remap::paging {
namespace {

using test::TableMemory;

struct VtdCase {
    using Format = VtdSecondStage;
    static constexpr unsigned levels = 3;
    static constexpr std::uint64_t base = (1ull << 27) - (1ull << 20);  // the last 4 GiB of 39 bits
    static std::uint64_t attributes(unsigned random) { return 1 + random % 3; }
};

struct X86Case {
    using Format = X86Long;
    static constexpr unsigned levels = 4;
    static constexpr std::uint64_t base = 0xffff8'0000'0000ull;  // the first page of the upper half
    static std::uint64_t attributes(unsigned random) {
        return X86Long::memory_type(random % 8) | (random & 8 ? X86Long::writable : 0) |
               (random & 16 ? X86Long::no_execute : 0) | (random & 32 ? X86Long::global : 0);
    }
};

struct FirstStageCase {
    using Format = VtdFirstStage;
    static constexpr unsigned levels = 5;
    static constexpr std::uint64_t base = 0xff00'0000'0000'0ull;  // the first page of the upper half
    static std::uint64_t attributes(unsigned random) {
        return (random & 1 ? VtdFirstStage::writable : 0) | (random & 2 ? VtdFirstStage::user : 0) |
               (random & 4 ? VtdFirstStage::no_execute : 0) | (random & 8 ? VtdFirstStage::accessed : 0) |
               (random & 16 ? VtdFirstStage::dirty : 0) | (random & 32 ? VtdFirstStage::extended_accessed : 0);
    }
};

template <typename Case>
class Paging : public testing::Test {
protected:
    using Format = typename Case::Format;
    using Page = typename Format::Page;

    // What a device finds, which sees published words only.
    Walk device_walk(const Editor<Format>& editor, std::uint64_t page) const {
        const WalkRequest<Format> request{editor.root().address(), editor.levels(), page << page_shift, {}, {}};
        return walk<Format>(request, [this](PhysicalAddress at) { return memory.device_read(at); });
    }

    TableMemory memory;
};

using Cases = testing::Types<VtdCase, X86Case, FirstStageCase>;
TYPED_TEST_SUITE(Paging, Cases);

TYPED_TEST(Paging, AgreesWithAMapOfPagesOverARandomHistory) {
    using Format = typename TypeParam::Format;
    using Page = typename Format::Page;
    TableMemory& memory = this->memory;
    {
        Editor<Format> editor(memory, TypeParam::levels);
        ASSERT_EQ(editor.create(), EditError::None);
        struct Mapped {
            std::uint64_t to, attributes;
        };
        std::map<std::uint64_t, Mapped> model;
        std::mt19937 random(7);
        for (int step = 0; step < 600; ++step) {
            // Around a 1 GiB boundary, with runs from a page to some 2 MiB leaves, often aligned.
            std::uint64_t first = TypeParam::base + 0x40000 - 2048 + random() % 4096;
            std::uint64_t pages = 1 + random() % (random() % 2 ? 16 : 1500);
            if (random() % 2) first &= ~511ull;
            const bool unmapping = random() % 2;
            if (unmapping && random() % 4 != 0 && !model.empty()) {  // mostly something that can be unmapped
                const auto near = model.lower_bound(first);
                first = near == model.end() ? model.begin()->first : near->first;
                std::uint64_t run = 1;
                while (run < pages && model.count(first + run) != 0) ++run;
                pages = run;
            }
            const bool any = model.lower_bound(first) != model.lower_bound(first + pages);
            bool all = true;
            for (std::uint64_t i = 0; all && i < pages; ++i) all = model.count(first + i) != 0;
            memory.left = random() % 4 == 0 ? random() % 3 : 100000;
            const std::uint64_t in_use = memory.in_use();

            if (!unmapping) {
                const std::uint64_t to = (random() % 2 ? first & 0xfffff : random()) & 0xffffff;
                const std::uint64_t attributes = TypeParam::attributes(random());
                const unsigned largest = random() % 3 ? leaf_1g : leaf_4k;
                const EditError error = editor.map({Page{first}, {to}, pages, attributes, largest});
                if (error == EditError::NoMemory) {
                    ASSERT_EQ(memory.in_use(), in_use) << "step " << step;
                    continue;
                }
                ASSERT_EQ(error, any ? EditError::AlreadyMapped : EditError::None) << "step " << step;
                for (std::uint64_t i = 0; !any && i < pages; ++i) model[first + i] = {to + i, attributes};
            } else {
                TableList retired(memory);
                const EditError error = editor.unmap(Page{first}, pages, retired);
                if (error == EditError::NoMemory) {
                    ASSERT_EQ(memory.in_use(), in_use) << "step " << step;
                    continue;
                }
                ASSERT_EQ(error, all ? EditError::None : EditError::NotMapped) << "step " << step;
                if (all) model.erase(model.lower_bound(first), model.lower_bound(first + pages));
                retired.free_all();
            }
            if (step % 10 != 0) continue;
            for (std::uint64_t page = TypeParam::base + 0x40000 - 2100; page < TypeParam::base + 0x40000 + 3700;
                 ++page) {
                const auto expected = model.find(page);
                const auto leaf = editor.lookup(Page{page});
                ASSERT_EQ(leaf.has_value(), expected != model.end()) << "step " << step << " page " << page;
                const Walk walked = this->device_walk(editor, page);
                ASSERT_EQ(walked.end, leaf ? WalkEnd::Leaf : WalkEnd::NotPresent) << "step " << step;
                if (!leaf) continue;
                ASSERT_EQ(leaf->address.page().number, expected->second.to);
                ASSERT_EQ(leaf->attributes, expected->second.attributes);
                ASSERT_EQ(walked.translate(page << page_shift), leaf->address);
            }
        }
        memory.left = 100000;
        while (!model.empty()) {
            TableList retired(memory);
            ASSERT_EQ(editor.unmap(Page{model.begin()->first}, 1, retired), EditError::None);
            retired.free_all();
            model.erase(model.begin());
        }
        EXPECT_EQ(memory.in_use(), 1u) << "only the root is left when nothing is mapped";
    }
    EXPECT_EQ(memory.in_use(), 0u);
    EXPECT_FALSE(memory.freed_unknown);
}

TYPED_TEST(Paging, UsesTheLargestLeafThatAlignmentAllows) {
    using Format = typename TypeParam::Format;
    using Page = typename Format::Page;
    Editor<Format> editor(this->memory, TypeParam::levels);
    ASSERT_EQ(editor.create(), EditError::None);
    const std::uint64_t first = TypeParam::base + 0x40000 - 512 - 1;
    ASSERT_EQ(editor.map({Page{first}, {0x80000 - 512 - 1}, 1 + 512 + 0x40000 + 512 + 1, 1 << 1}), EditError::None);
    EXPECT_EQ(editor.lookup(Page{first})->shift, leaf_4k);
    EXPECT_EQ(editor.lookup(Page{first + 1})->shift, leaf_2m);
    EXPECT_EQ(editor.lookup(Page{first + 513})->shift, leaf_1g);
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x40000})->shift, leaf_2m);
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x40000 + 512})->shift, leaf_4k);
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x12345})->address.page().number, 0x80000u + 0x12345u);

    TableList retired(this->memory);
    ASSERT_EQ(editor.unmap(Page{first + 513 + 0x12345}, 1, retired), EditError::None);
    EXPECT_FALSE(editor.lookup(Page{first + 513 + 0x12345}));
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x12346})->shift, leaf_4k);
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x12600})->shift, leaf_2m);
    EXPECT_EQ(editor.lookup(Page{first + 513 + 0x12346})->address.page().number, 0x80000u + 0x12346u);
    EXPECT_TRUE(retired.empty());
}

// A hole in a 1 GiB leaf whose ends lie inside different 2 MiB leaves: one table for the GiB, one for each end.
TYPED_TEST(Paging, SplittingTakesATableForEachLeafThatIsCut) {
    using Format = typename TypeParam::Format;
    using Page = typename Format::Page;
    TableMemory& memory = this->memory;
    Editor<Format> editor(memory, TypeParam::levels);
    ASSERT_EQ(editor.create(), EditError::None);
    ASSERT_EQ(editor.map({Page{TypeParam::base}, {0x40000}, 0x40000, 1 << 1}), EditError::None);
    ASSERT_EQ(editor.lookup(Page{TypeParam::base})->shift, leaf_1g);
    const std::uint64_t in_use = memory.in_use();
    TableList retired(memory);
    memory.left = 2;
    EXPECT_EQ(editor.unmap(Page{TypeParam::base + 0x101}, 0x500, retired), EditError::NoMemory);
    EXPECT_EQ(memory.in_use(), in_use);
    EXPECT_EQ(editor.lookup(Page{TypeParam::base + 0x101})->shift, leaf_1g) << "nothing was changed";
    memory.left = 3;
    EXPECT_EQ(editor.unmap(Page{TypeParam::base + 0x101}, 0x500, retired), EditError::None);
    EXPECT_EQ(memory.in_use(), in_use + 3);
    for (const std::uint64_t offset : {0x0ull, 0x100ull, 0x601ull, 0x7ffull, 0x800ull, 0x3ffffull})
        EXPECT_EQ(editor.lookup(Page{TypeParam::base + offset})->address.page().number, 0x40000 + offset);
    for (const std::uint64_t offset : {0x101ull, 0x1ffull, 0x200ull, 0x5ffull, 0x600ull})
        EXPECT_FALSE(editor.lookup(Page{TypeParam::base + offset})) << offset;
    EXPECT_TRUE(retired.empty());
}

TYPED_TEST(Paging, RetiredTablesStayHarmlessUntilTheyAreFreed) {
    using Format = typename TypeParam::Format;
    using Page = typename Format::Page;
    Editor<Format> editor(this->memory, TypeParam::levels);
    ASSERT_EQ(editor.create(), EditError::None);
    ASSERT_EQ(editor.map({Page{TypeParam::base}, {0x1000}, 600, 1 << 1, leaf_4k}), EditError::None);
    const std::uint64_t in_use = this->memory.in_use();
    const Walk before = this->device_walk(editor, TypeParam::base);
    TableList retired(this->memory);
    ASSERT_EQ(editor.unmap(Page{TypeParam::base}, 600, retired), EditError::None);
    EXPECT_EQ(retired.count(), in_use - 1);
    EXPECT_EQ(this->memory.in_use(), in_use);
    const volatile std::uint64_t* words = this->memory.words(before.entry_address.page());
    for (unsigned i = 0; i < 512; ++i) EXPECT_FALSE(Format::present(words[i]));
    retired.free_all();
    EXPECT_EQ(this->memory.in_use(), 1u);
}

TYPED_TEST(Paging, RefusesRangesTheTablesDoNotReach) {
    using Format = typename TypeParam::Format;
    using Page = typename Format::Page;
    Editor<Format> editor(this->memory, TypeParam::levels);
    ASSERT_EQ(editor.create(), EditError::None);
    const auto map = [&](std::uint64_t first, std::uint64_t to, std::uint64_t pages) {
        return editor.map({Page{first}, {to}, pages, 1 << 1});
    };
    const std::uint64_t half = 1ull << (9 * TypeParam::levels - (TypeParam::levels >= 4));
    EXPECT_EQ(map(half - 1, 1, 2), EditError::OutOfRange);
    EXPECT_EQ(map(half, 1, 1), EditError::OutOfRange);
    EXPECT_EQ(map(0, 1, 0), EditError::OutOfRange);
    EXPECT_EQ(map(5, 1, ~0ull), EditError::OutOfRange);
    EXPECT_EQ(map(5, (1ull << 40) - 1, 2), EditError::OutOfRange);
    EXPECT_EQ(map(5, (1ull << 40) - 1, 1), EditError::None);
    EXPECT_EQ(editor.map({Page{9}, {1}, 1, 1ull << 40}), EditError::BadAttributes);
    EXPECT_EQ(map(half - 1, 1, 1), EditError::None);
}

// Intel SDM volume 3, table 4-20: the PAT bit is bit 7 of a 4 KiB entry (there bit 12 belongs to the address), and
// bit 12 of a 2 MiB entry (there bit 7 is the page size).
TEST(X86Paging, PutsThePatBitWhereEachLeafSizeHasIt) {
    TableMemory memory;
    Editor<X86Long> editor(memory, 4);
    ASSERT_EQ(editor.create(), EditError::None);
    const std::uint64_t attributes = X86Long::memory_type(4) | X86Long::writable;
    ASSERT_EQ(editor.map({CpuVirtualPage{0}, {0x200}, 512 + 1, attributes}), EditError::None);
    const auto entry = [&](std::uint64_t table, unsigned index) {
        return memory.words({table >> 12 & 0xffffffffff})[index];
    };
    const std::uint64_t level3 = memory.words(editor.root())[0];
    EXPECT_EQ(level3 & 0xfff, 7u);
    const std::uint64_t level2 = entry(level3, 0);
    EXPECT_EQ(entry(level2, 0), 0x201083u);
    EXPECT_EQ(entry(entry(level2, 1), 0), 0x400083u);
}

// VT-d section 9.8: read is bit 0, write bit 1, page size bit 7.
TEST(VtdPaging, WritesSecondStageEntriesAsTheManualDrawsThem) {
    TableMemory memory;
    Editor<VtdSecondStage> editor(memory, 3);
    ASSERT_EQ(editor.create(), EditError::None);
    ASSERT_EQ(editor.map({LogicalPage{0}, {0x200}, 512, VtdSecondStage::read}), EditError::None);
    ASSERT_EQ(editor.map({LogicalPage{512}, {0x77}, 1, VtdSecondStage::read | VtdSecondStage::write}), EditError::None);
    const std::uint64_t level2 = memory.words(editor.root())[0];
    EXPECT_EQ(level2 & 0xfff, 3u);
    EXPECT_EQ(memory.words({level2 >> 12})[0], 0x200081u);
    const std::uint64_t level1 = memory.words({level2 >> 12})[1];
    EXPECT_EQ(memory.words({level1 >> 12})[0], 0x77003u);
}

TEST(Walker, TellsWhereItStoppedAndWhy) {
    TableMemory memory;
    const PhysicalPage root = *memory.allocate_table();
    const PhysicalPage lower = *memory.allocate_table();
    const auto set = [&](PhysicalPage page, unsigned index, std::uint64_t entry) {
        memory.words(page)[index] = entry;
        memory.publish(page, 0, 512);
    };
    const auto walk_to = [&](std::uint64_t address, Rights wanted) {
        const WalkRequest<VtdSecondStage> request{root.address(), 3, address, wanted, {46, leaf_2m}};
        return walk<VtdSecondStage>(request, [&](PhysicalAddress at) { return memory.device_read(at); });
    };
    set(root, 0, lower.address().value | 1);
    set(root, 1, 0x7777000 | 3);
    set(root, 2, 0x80 | 3);
    set(lower, 0, 0x40000000 | 0x83);
    set(lower, 1, 0x40000000 | 0x1000 | 0x83);
    set(lower, 2, 0x4000'0000'0000 | 0x83);

    EXPECT_EQ(walk_to(0x1234, right_read).translate(0x1234).value, 0x40001234u);
    EXPECT_EQ(walk_to(0x1234, right_read).rights, right_read);
    EXPECT_EQ(walk_to(0x1234, right_write).end, WalkEnd::NoRight);
    EXPECT_EQ(walk_to(0x1234, right_write).level, 3u);
    EXPECT_EQ(walk_to(0x20'0000, right_read).end, WalkEnd::Reserved);
    EXPECT_EQ(walk_to(0x20'0000, right_read).level, 2u);
    EXPECT_EQ(walk_to(0x40'0000, right_read).end, WalkEnd::Reserved);
    EXPECT_EQ(walk_to(0x60'0000, right_read).end, WalkEnd::NotPresent);
    EXPECT_EQ(walk_to(0x4000'0000, right_read).end, WalkEnd::Unreadable);
    EXPECT_EQ(walk_to(0x4000'0000, right_read).entry_address.value, 0x7777000u);
    EXPECT_EQ(walk_to(0x8000'0000, right_read).end, WalkEnd::Reserved);
}

}  // namespace
}  // namespace remap::paging
