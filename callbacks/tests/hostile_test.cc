// SPDX-License-Identifier: MIT
// Random arguments, made of handles that are or were good, of edges and of noise, in random order: run under the
// sanitizers, and nothing may be left at the end.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace remap::callbacks::tests {
namespace {

class Hostile {
public:
    explicit Hostile(unsigned seed) : random_(seed) {
        world.start((1ull << 36) - 1, true, 2);
        for (unsigned i = 0; i < 2; ++i) handles_.push_back(world.handles[i]);
        handles_.push_back(world.start(~0ull, false));
    }

    void step() {
        switch (random_() % 8) {
            case 0:
            case 1: return create();
            case 2: return map();
            case 3: return adl();
            case 4: return open();
            case 5: return unmap();
            case 6: return free_adl();
            default: return random_() % 4 == 0 ? close() : destroy();
        }
    }

    World world;
    unsigned created = 0, opened = 0, mapped = 0, listed = 0;

private:
    template <typename T>
    T one_of(std::initializer_list<T> values) {
        return values.begin()[random_() % values.size()];
    }

    std::uint64_t number() {
        const std::uint64_t edge = one_of<std::uint64_t>({0, 1, 0xfff, 0x1000, 0x2000, 0x3000, 0x10000, 1 * MiB,
                                                          64 * MiB, 1 * GiB, 4 * GiB, ~0ull, ~0xfffull, 1ull << 63});
        return random_() % 8 == 0 ? random_() : edge;
    }
    std::uint64_t small() { return (1 + random_() % 8) * 4096; }
    HANDLE handle() {
        if (random_() % 10 == 0) return reinterpret_cast<HANDLE>(number());
        return handles_[random_() % handles_.size()];
    }
    void keep(HANDLE handle) {
        if (handle == nullptr) return;
        handles_.push_back(handle);
        if (handles_.size() > 64) handles_.erase(handles_.begin() + 3 + random_() % 32);
    }

    void create() {
        DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args;
        const HANDLE adapter = one_of<HANDLE>({nullptr, handle(), handles_[0], handles_[2]});
        switch (random_() % 4) {
            case 0: args = mdl_of(small(), adapter); break;
            case 1: args = contiguous_of(small(), adapter); break;
            case 2: args = section_of(small(), adapter); break;
            default: args = io_space_of(0xe0000000 + small(), small(), adapter); break;
        }
        if (random_() % 2 == 0) args.Size = number();
        if (random_() % 4 == 0) args.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(random_() % 6);
        if (random_() % 4 == 0) args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(random_() % 5);
        if (random_() % 2 == 0) {  // the union, whatever the type makes of it
            std::uint64_t words[4] = {number(), number(), number(), random_() % 0x400};
            std::memcpy(&args.Mdl, words, sizeof words);
        }
        created += NT_SUCCESS(world.dxgkrnl->create(&args));
        keep(args.hPhysicalMemoryObject);
        keep(args.hAdapterMemoryObject);
    }
    void map() {
        DXGKARGCB_MAP_PHYSICAL_MEMORY args{};
        args.hPhysicalMemoryObject = handle();
        args.AccessMode = static_cast<DXGK_ACCESS_MODE>(random_() % 3);
        args.Offset = number();
        args.Size = random_() % 2 == 0 ? number() : small();
        (void)world.dxgkrnl->map(&args);
        if (args.pMappedAddress == nullptr) return;
        ++mapped;
        bases_.push_back({args.pMappedAddress, args.Size});
    }
    void adl() {
        DXGKARGCB_ALLOCATE_ADL args{};
        args.hAdapterMemoryObject = handle();
        args.Offset = random_() % 2 == 0 ? number() : 0;
        args.Size = random_() % 4 == 0 ? number() : 4096;
        args.Flags.Value = random_() % 6;
        (void)world.dxgkrnl->allocate_adl(&args);
        if (args.pAdl == nullptr) return;
        ++listed;
        lists_.push_back(args.pAdl);
    }
    void open() {
        HANDLE adapter_object = nullptr;
        opened += NT_SUCCESS(world.open(handle(), random_() % 2 == 0 ? handle() : handles_[0], &adapter_object));
        keep(adapter_object);
    }
    void unmap() {
        if (bases_.empty()) return world.unmap(handle(), reinterpret_cast<void*>(number()), number());
        const auto [base, size] = bases_[random_() % bases_.size()];
        world.unmap(handle(), base, random_() % 4 == 0 ? number() : size);
    }
    void free_adl() {
        DXGK_ADL* list = lists_.empty() ? nullptr : lists_[random_() % lists_.size()];
        world.free_adl(handle(), random_() % 8 == 0 ? reinterpret_cast<DXGK_ADL*>(number()) : list);
    }
    void close() { world.close(handle()); }
    void destroy() { world.destroy(handle(), one_of<HANDLE>({nullptr, handle()})); }

    std::mt19937_64 random_;
    std::vector<HANDLE> handles_;
    std::vector<std::pair<void*, std::uint64_t>> bases_;
    std::vector<DXGK_ADL*> lists_;
};

TEST(Hostile, NoArgumentBreaksTheMachine) {
    unsigned created = 0, opened = 0, mapped = 0, listed = 0;
    for (unsigned seed = 0; seed < 8; ++seed) {
        Hostile hostile(seed);
        for (int i = 0; i < 4000; ++i) {
            hostile.step();
            hostile.world.reports.kept.clear();
        }
        created += hostile.created, opened += hostile.opened, mapped += hostile.mapped, listed += hostile.listed;
        hostile.world.dxgkrnl.reset();
        hostile.world.reports.kept.clear();
        EXPECT_TRUE(hostile.world.nothing_taken());
        EXPECT_EQ(hostile.world.frames.pool.free_pages(), 64 * MiB / 4096);
    }
    EXPECT_GT(created, 1000u) << "the noise must get past the checks";
    EXPECT_GT(opened, 50u);
    EXPECT_GT(mapped, 50u);
    EXPECT_GT(listed, 50u);
}

TEST(Hostile, NoiseInEveryByteIsAnswered) {
    World world;
    std::mt19937_64 random(1);
    const auto noise = [&](auto& args) {
        for (auto* byte = reinterpret_cast<unsigned char*>(&args); byte != reinterpret_cast<unsigned char*>(&args + 1);)
            *byte++ = static_cast<unsigned char>(random());
    };
    for (int i = 0; i < 2000; ++i) {
        DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create;
        DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy;
        DXGKARGCB_MAP_PHYSICAL_MEMORY map;
        DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap;
        DXGKARGCB_ALLOCATE_ADL adl;
        DXGKARGCB_FREE_ADL free;
        DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open;
        DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close;
        noise(create), noise(destroy), noise(map), noise(unmap), noise(adl), noise(free), noise(open), noise(close);
        EXPECT_FALSE(NT_SUCCESS(world.dxgkrnl->create(&create)));
        EXPECT_FALSE(NT_SUCCESS(world.dxgkrnl->map(&map)));
        EXPECT_FALSE(NT_SUCCESS(world.dxgkrnl->allocate_adl(&adl)));
        EXPECT_FALSE(NT_SUCCESS(world.dxgkrnl->open(&open)));
        world.dxgkrnl->destroy(&destroy);
        world.dxgkrnl->unmap(&unmap);
        world.dxgkrnl->free_adl(&free);
        world.dxgkrnl->close(&close);
        EXPECT_EQ(world.reports.kept.size(), 4u);
        world.reports.kept.clear();
    }
}

}  // namespace
}  // namespace remap::callbacks::tests
