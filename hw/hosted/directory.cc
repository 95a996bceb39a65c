// SPDX-License-Identifier: MIT
#include "hw/hosted/directory.h"

#include <algorithm>
#include <atomic>

namespace remap::hosted {

namespace {

// Entry i owns a fixed share of the page numbers' area, so that nothing has to be allocated across processes. Larger
// objects take several neighbouring shares.
constexpr std::size_t share_pages = 480;

enum State : std::uint32_t { Free = 0, Taken = 1, Ready = 2, Continuation = 3 };

struct Entry {
    std::atomic<std::uint32_t> state;
    std::uint32_t cache_type;
    std::atomic<std::uint64_t> name;
    std::uint64_t page_count;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

struct Layout {
    Entry entries[Directory::max_objects];
    std::uint64_t pages[Directory::max_objects][share_pages];
};

Layout& layout_of(const Memory& memory) {
    static_assert(sizeof(Layout) <= Memory::directory_bytes);
    return *reinterpret_cast<Layout*>(memory.directory().data());
}

constexpr std::uint64_t max_pages = Directory::max_objects * share_pages;

// For 0 to max_pages pages.
std::size_t shares_for(std::uint64_t pages) { return (pages + share_pages - 1) / share_pages; }

bool claim(Entry& entry, std::uint32_t state) {
    std::uint32_t expected = Free;
    return entry.state.compare_exchange_strong(expected, state, std::memory_order_acq_rel);
}

// The first of `count` neighbouring free entries, all of them taken; nothing if there are none.
std::optional<std::size_t> claim_run(Layout& layout, std::size_t count) {
    for (std::size_t first = 0; first + count <= Directory::max_objects; ++first) {
        std::size_t held = 0;
        while (held < count && claim(layout.entries[first + held], held == 0 ? Taken : Continuation)) ++held;
        if (held == count) return first;
        const std::size_t blocked = first + held;
        while (held > 0) layout.entries[first + --held].state.store(Free, std::memory_order_release);
        first = blocked;
    }
    return std::nullopt;
}

std::optional<std::size_t> index_of(const Layout& layout, std::uint64_t name) {
    for (std::size_t i = 0; i < Directory::max_objects; ++i) {
        const Entry& entry = layout.entries[i];
        if (entry.state.load(std::memory_order_acquire) == Ready && entry.name.load() == name) return i;
    }
    return std::nullopt;
}

}  // namespace

bool Directory::publish(const PublishedObject& object) {
    Layout& layout = layout_of(memory_);
    const auto installed = [this](PhysicalPage page) { return memory_.offset_of(page).has_value(); };
    if (object.name == 0 || object.pages.empty() || object.pages.size() > max_pages ||
        !std::ranges::all_of(object.pages, installed) || index_of(layout, object.name)) {
        return false;
    }
    const auto first = claim_run(layout, shares_for(object.pages.size()));
    if (!first) return false;
    for (std::size_t i = 0; i < object.pages.size(); ++i) {
        layout.pages[*first + i / share_pages][i % share_pages] = object.pages[i].number;
    }
    Entry& entry = layout.entries[*first];
    entry.cache_type = object.cache_type;
    entry.page_count = object.pages.size();
    entry.name.store(object.name);
    entry.state.store(Ready, std::memory_order_release);
    return true;
}

void Directory::withdraw(std::uint64_t name) {
    Layout& layout = layout_of(memory_);
    const auto first = index_of(layout, name);
    if (!first) return;
    const std::uint64_t pages = std::min(layout.entries[*first].page_count, max_pages);
    const std::size_t shares = std::min(shares_for(pages), max_objects - *first);
    for (std::size_t i = 0; i < shares; ++i) layout.entries[*first + i].state.store(Free, std::memory_order_release);
}

std::optional<PublishedObject> Directory::find(std::uint64_t name) const {
    const Layout& layout = layout_of(memory_);
    const auto first = index_of(layout, name);
    if (name == 0 || !first) return std::nullopt;
    const Entry& entry = layout.entries[*first];
    const std::uint64_t count = entry.page_count;
    if (count == 0 || count > max_pages || shares_for(count) > max_objects - *first) return std::nullopt;

    PublishedObject object{.name = name, .cache_type = entry.cache_type, .pages = {}};
    for (std::uint64_t i = 0; i < count; ++i) {
        const PhysicalPage page{layout.pages[*first + i / share_pages][i % share_pages]};
        if (!memory_.offset_of(page)) return std::nullopt;
        object.pages.push_back(page);
    }
    // Withdrawn meanwhile: the pages may be another object's by now.
    if (entry.state.load(std::memory_order_acquire) != Ready || entry.name.load() != name) return std::nullopt;
    return object;
}

}  // namespace remap::hosted
