// SPDX-License-Identifier: MIT
// A GPU behind a root complex of the tests' own, which translates for it: pages by PASID, and what it was asked and
// told.
#pragma once

#include "hw/tests/bench.h"

#include <map>
#include <optional>
#include <tuple>

namespace remap::gpu {

// Its memory is that of a FakeBus, in which translated addresses lie.
class RootComplex final : public TranslationPort {
public:
    explicit RootComplex(FakeBus& memory) : memory_(memory) {}

    using Pasid = std::optional<std::uint32_t>;
    struct Page {
        std::uint64_t target = 0;
        bool readable = true;
        bool writable = true;
        std::uint64_t granule = 0x1000;
        bool untranslated_only = false;
        bool snooped = false;
    };
    struct Request {
        Pasid pasid;
        std::uint64_t page = 0;
        bool write = false;
        std::uint16_t group = 0;
        friend bool operator==(const Request&, const Request&) = default;
    };

    bool read(const AccessKind& kind, std::uint64_t from, void* to, std::size_t bytes) override {
        const auto target = resolve(kind, from, false);
        return target && memory_.read({{*target}, kind.snoop}, to, bytes);
    }
    bool write(const AccessKind& kind, std::uint64_t to, const void* from, std::size_t bytes) override {
        const auto target = resolve(kind, to, true);
        return target && memory_.write({{*target}, kind.snoop}, from, bytes);
    }

    Translated translate(const PageWish& wish) override {
        ++translations;
        last_wish = wish;
        if (refuses) return {.refused = true};
        const Page* page = find(wish.context.pasid, wish.address.value);
        if (page == nullptr) return {};
        const std::uint64_t within = wish.address.value & (page->granule - 1);
        return {.readable = page->readable,
                .writable = page->writable,
                .untranslated_only = page->untranslated_only,
                .snooped = page->snooped,
                .address = page->target + within,
                .granule = page->granule};
    }

    void request_page(const PageWish& wish, std::uint16_t group) override {
        requests.push_back({wish.context.pasid, wish.address.value & ~std::uint64_t{0xfff}, wish.write, group});
        if (on_request) on_request(requests.back());
    }
    void invalidated(std::uint64_t tag) override { answered.push_back(tag); }

    void map(Pasid pasid, std::uint64_t address, const Page& page) { pages_[{pasid, address & -page.granule}] = page; }
    void unmap(Pasid pasid, std::uint64_t address) { pages_.erase({pasid, address}); }

    bool refuses = false;
    unsigned translations = 0;
    unsigned translated = 0;    // accesses that came so
    unsigned untranslated = 0;  // with or without a PASID
    std::optional<PageWish> last_wish;
    AccessKind last_kind;
    std::vector<Request> requests;
    std::vector<std::uint64_t> answered;
    std::function<void(const Request&)> on_request;

private:
    const Page* find(Pasid pasid, std::uint64_t address) const {
        for (const std::uint64_t granule : {0x1000ull, 0x200000ull, 0x40000000ull}) {
            const auto found = pages_.find({pasid, address & -granule});
            if (found != pages_.end() && found->second.granule == granule) return &found->second;
        }
        return nullptr;
    }

    std::optional<std::uint64_t> resolve(const AccessKind& kind, std::uint64_t address, bool write) {
        last_kind = kind;
        ++(kind.translated ? translated : untranslated);
        if (kind.translated) return address;
        const Page* page = find(kind.context.pasid, address);
        if (page == nullptr || !(write ? page->writable : page->readable)) return std::nullopt;
        return page->target + (address & (page->granule - 1));
    }

    FakeBus& memory_;
    std::map<std::pair<Pasid, std::uint64_t>, Page> pages_;
};

// Memory of 4 MiB at memory_base; the ring lies in memory of its own and is mapped where it is.
class TranslationBench : public testing::Test {
protected:
    TranslationBench() : complex(bus), gpu({}, vram, bus, host, &complex) {
        bus.add_window(ring_base, 0x10000);
        bus.add_window(memory_base, memory_bytes);
        for (std::uint64_t at = ring_base; at < ring_base + 0x10000; at += 0x1000) complex.map({}, at, {.target = at});
    }

    static constexpr TranslationServices all{
        .cache = true, .page_requests = true, .pasid = true, .privileged = true, .most_page_requests = 4};

    void start(const TranslationServices& services) {
        gpu.set_translation_services(services);
        tail = 0;
        gpu.write(0x40, ring_base, 8);
        gpu.write(0x48, 10, 4);
        gpu.write(0x20, 1, 4);
    }

    std::uint32_t read32(std::uint64_t offset) { return static_cast<std::uint32_t>(gpu.read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) { return gpu.read(offset, 8); }

    void submit(std::initializer_list<spec::Packet> packets) {
        for (const spec::Packet& packet : packets) std::memcpy(bus.at(ring_base + 64 * tail++, 64), &packet, 64);
        gpu.write(0x50, tail, 4);
        run();
    }
    void run() {
        for (int i = 0; i < 1000; ++i) {
            if (!gpu.run()) return;
        }
        ADD_FAILURE() << "the engine does not come to rest";
    }
    void clear_fault() {
        gpu.write(0x80, 1, 4);
        gpu.write(0x20, 5, 4);
        run();
    }

    std::uint64_t word(std::uint64_t address) {
        std::uint64_t value = 0;
        std::memcpy(&value, bus.at(address, 8), 8);
        return value;
    }
    void set_word(std::uint64_t address, std::uint64_t value) { std::memcpy(bus.at(address, 8), &value, 8); }
    std::uint64_t vram_word(std::uint64_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, &vram[offset], 8);
        return value;
    }

    std::uint64_t hits() { return read64(0xc8); }
    std::uint64_t translation_requests() { return read64(0xd0); }
    bool waits() { return (read32(0x24) & 0xb) == 0xa; }  // busy, and waits for a page
    unsigned fault() { return read32(0x80) >> 8 & 0xff; }

    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    FakeHost host;
    RootComplex complex;
    Gpu gpu;
    std::uint32_t tail = 0;
};

}  // namespace remap::gpu
