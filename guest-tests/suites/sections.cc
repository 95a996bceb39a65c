// SPDX-License-Identifier: MIT
// Sections: mapped into several processes, moved while nothing locks them, held where an ADL does. Moves are on demand
// here; Windows' memory manager makes them whenever it likes.
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using gpu_driver::Error;

namespace {

constexpr std::uint64_t pages = 6;
constexpr std::uint64_t words_per_page = page_size / sizeof(std::uint64_t);

// A section that is open on the bench's adapter, without any list or view.
class Section {
public:
    Section(GpuBench& bench, DXGK_MEMORY_CACHING_TYPE cache) : callbacks_(bench.callbacks()) {
        DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create{};
        create.hAdapter = callbacks_.DeviceHandle;
        create.Size = pages * page_size;
        create.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
        create.CacheType = cache;
        create.Section.PageProtection = PAGE_READWRITE;
        create.Section.AllocationAttributes = SEC_COMMIT;
        REQUIRE_EQ(callbacks_.DxgkCbCreatePhysicalMemoryObject(&create), STATUS_SUCCESS);
        object = create.hPhysicalMemoryObject;
        opened = create.hAdapterMemoryObject;
    }
    ~Section() {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{object, opened};
        callbacks_.DxgkCbDestroyPhysicalMemoryObject(&destroy);
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    volatile std::uint64_t* map() const {
        DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
        map.hPhysicalMemoryObject = object;
        map.AccessMode = DXGK_ACCESS_MODE_USER_MODE;
        map.Size = pages * page_size;
        REQUIRE_EQ(callbacks_.DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
        return static_cast<volatile std::uint64_t*>(map.pMappedAddress);
    }
    void unmap(volatile std::uint64_t* base) const {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object, const_cast<std::uint64_t*>(base), pages * page_size};
        callbacks_.DxgkCbUnmapPhysicalMemory(&unmap);
    }

    DXGK_ADL* list(std::uint64_t first, std::uint64_t count) const {
        DXGKARGCB_ALLOCATE_ADL allocate{};
        allocate.hAdapterMemoryObject = opened;
        allocate.Offset = first * page_size;
        allocate.Size = count * page_size;
        allocate.Flags.PreferContiguous = 1;
        REQUIRE_EQ(callbacks_.DxgkCbAllocateAdl(&allocate), STATUS_SUCCESS);
        return allocate.pAdl;
    }
    void free(DXGK_ADL* adl) const {
        const DXGKARGCB_FREE_ADL free{opened, adl};
        callbacks_.DxgkCbFreeAdl(&free);
    }

    PhysicalPage frame(std::uint64_t index) const { return dxgkrnl().frame(object, index); }

    HANDLE object = nullptr;
    HANDLE opened = nullptr;

private:
    const DXGKRNL_INTERFACE& callbacks_;
};

void fill_pages(volatile std::uint64_t* words, std::uint64_t seed) {
    for (std::uint64_t i = 0; i < pages * words_per_page; ++i) words[i] = seed + i;
}

bool hold(const volatile std::uint64_t* words, std::uint64_t seed) {
    for (std::uint64_t i = 0; i < pages * words_per_page; ++i)
        if (words[i] != seed + i) return false;
    return true;
}

MemoryType type_of(const volatile void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    REQUIRE(leaf.has_value());
    return pat_type(pat_index_of(*leaf));
}

PhysicalPage frame_at(const volatile void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    REQUIRE(leaf.has_value());
    return leaf->address.page();
}

}  // namespace

TEST(processes_that_map_a_section_see_the_same_bytes) {
    GpuBench bench;
    const Section section(bench, DXGK_MEMORY_CACHING_TYPE_CACHED);
    Process first;
    Process second;
    volatile std::uint64_t* in_first = nullptr;
    volatile std::uint64_t* in_second = nullptr;
    first.run([&] {
        in_first = section.map();
        fill_pages(in_first, 100);
    });
    second.run([&] {
        in_second = section.map();
        EXPECT(hold(in_second, 100));
        in_second[7] = 7;
    });
    first.run([&] {
        EXPECT_EQ(in_first[7], 7);
        section.unmap(in_first);
        EXPECT(catch_trap([&] { (void)*in_first; }).has_value());
    });
    second.run([&] {
        EXPECT_EQ(in_second[7], 7);
        section.unmap(in_second);
    });
}

TEST(a_user_view_is_unmapped_in_its_own_process_only) {
    GpuBench bench;
    const Section section(bench, DXGK_MEMORY_CACHING_TYPE_CACHED);
    Process first;
    Process second;
    volatile std::uint64_t* view = nullptr;
    first.run([&] { view = section.map(); });
    const auto bugcheck = catch_bugcheck([&] { second.run([&] { section.unmap(view); }); });
    REQUIRE(bugcheck);
    EXPECT(bugcheck->check == callbacks::Check::WrongProcess);
    first.run([&] {
        view[0] = 1;  // it is still there
        section.unmap(view);
    });
    reports().clear();
}

TEST(unlocked_pages_move_under_every_view_and_keep_their_bytes_and_type) {
    GpuBench bench;
    for (const auto cache : {DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}) {
        const Section section(bench, cache);
        Process process;
        volatile std::uint64_t* view = nullptr;
        process.run([&] {
            view = section.map();
            fill_pages(view, 1000);
        });
        PhysicalPage before[pages];
        for (std::uint64_t i = 0; i < pages; ++i) before[i] = section.frame(i);
        REQUIRE_EQ(dxgkrnl().move_pages(section.object), STATUS_SUCCESS);
        process.run([&] {
            const MemoryType type =
                cache == DXGK_MEMORY_CACHING_TYPE_CACHED ? MemoryType::WriteBack : MemoryType::WriteCombining;
            for (std::uint64_t i = 0; i < pages; ++i) {
                EXPECT(section.frame(i) != before[i]);
                EXPECT_EQ(frame_at(view + i * words_per_page), section.frame(i));
                EXPECT(type_of(view + i * words_per_page) == type);
            }
            EXPECT(hold(view, 1000));
            section.unmap(view);
        });
    }
}

TEST(pages_that_a_list_locks_stay_and_the_gpu_finds_them) {
    GpuBench bench;
    const Section section(bench, DXGK_MEMORY_CACHING_TYPE_CACHED);
    Process process;
    volatile std::uint64_t* view = nullptr;
    process.run([&] {
        view = section.map();
        fill_pages(view, 5);
    });
    DXGK_ADL* adl = section.list(2, 3);  // pages 2, 3 and 4
    PhysicalPage before[pages];
    for (std::uint64_t i = 0; i < pages; ++i) before[i] = section.frame(i);
    REQUIRE_EQ(dxgkrnl().move_pages(section.object), STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_EQ(section.frame(i) == before[i], i >= 2 && i <= 4);
    process.run([&] { EXPECT(hold(view, 5)); });

    const std::uint64_t first = (adl->Flags.Contiguous ? adl->BasePageNumber : adl->Pages[0]) << page_shift;
    REQUIRE_EQ(bench.channel.run(fill(system_memory(first), 8, 0x01010101)), Error::None);
    process.run([&] { EXPECT_EQ(view[2 * words_per_page], 0x0101010101010101); });
    section.free(adl);
    REQUIRE_EQ(dxgkrnl().move_pages(section.object), STATUS_SUCCESS);
    for (std::uint64_t i = 2; i <= 4; ++i) EXPECT(section.frame(i) != before[i]);
    process.run([&] {
        EXPECT_EQ(view[2 * words_per_page], 0x0101010101010101);
        section.unmap(view);
    });
}
