// SPDX-License-Identifier: MIT
// What there is, by the documentation alone: plain lists of what one thread has created, opened and mapped, and what
// the rules of callbacks/ddk/ and dxgkrnl.h make of it.
#pragma once

#include "base/address.h"
#include "callbacks/core/dxgkrnl.h"

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace remap::callbacks::tests::reference {

struct Adapter {
    std::vector<HANDLE> handles;  // of the physical adapters
    unsigned slot = 0;
    bool shared = false;  // with other threads: its faults and the room in it are not this thread's alone
    bool iommu = false;
    bool supports_isolation = false;
    DmaMode mode = DmaMode::Physical;
    std::uint64_t highest_page = 0;                  // that it sees
    std::vector<std::uint64_t> save_pages;           // of each physical adapter
    std::map<std::uint64_t, std::uint64_t> reasons;  // isolation: mapped pages, and how often
    std::set<std::uint64_t> logical;                 // remapping: pages in use
    std::set<std::uint64_t> reserved;                // pages of reserved ranges
    std::map<std::uint64_t, std::uint64_t> behind;   // remapping: the frame behind a page in use

    bool has_domain() const { return mode != DmaMode::Physical; }

    // Whether a device reaches a page number, as far as this thread's doing goes.
    bool reaches(std::uint64_t page) const {
        if (mode == DmaMode::Physical) return true;
        return reserved.contains(page) ||
               (mode == DmaMode::Remapping ? logical.contains(page) : reasons.contains(page));
    }

    // Logical pages that can be had: page 0, reserved ones and those of interrupts (0xfeexxxxx) never are.
    bool usable(std::uint64_t page) const {
        return page != 0 && page <= highest_page && !(page >= 0xfee00 && page <= 0xfeeff) && !reserved.contains(page);
    }
    std::uint64_t room() const;          // remapping: free pages; of small adapters only
    std::uint64_t longest_room() const;  // the same, side by side
};

struct AdlOf {
    DXGK_ADL* adl = nullptr;
    std::uint64_t first = 0;  // page of the object
    std::vector<std::uint64_t> pages;
    bool changed = false;  // by the driver
};

struct View {
    void* base = nullptr;
    std::uint64_t first = 0;  // page of the object
    std::uint64_t pages = 0;
    bool user = false;
    std::uint64_t process = 0;
};

struct Object {
    HANDLE handle = nullptr;
    HANDLE opened = nullptr;
    Adapter* adapter = nullptr;
    DXGK_PHYSICAL_MEMORY_TYPE type{};
    DXGK_MEMORY_CACHING_TYPE cache{};
    bool writable = true;
    std::uint64_t context = 0;
    std::vector<std::uint64_t> frames;
    std::vector<std::uint64_t> words;  // the content
    std::list<AdlOf> lists;
    std::list<View> views;
    unsigned mdls = 0;  // MDLs of its frames that are mapped by an older callback

    std::uint64_t pages() const { return frames.size(); }
    bool is_locked(std::uint64_t page) const {
        return std::ranges::any_of(
            lists, [&](const AdlOf& list) { return page >= list.first && page - list.first < list.pages.size(); });
    }
};

struct Tracked {
    enum class Kind : std::uint8_t { Contiguous, Pages, Mdl, SaveArea, SaveAreaView };
    Kind kind{};
    Adapter* adapter = nullptr;
    HANDLE handle = nullptr;            // null for save areas
    unsigned area = 0;                  // physical adapter of a save area
    std::vector<std::uint64_t> frames;  // that the adapter was given
    void* view = nullptr;
    std::unique_ptr<std::uint64_t[]> own_mdl;  // Mdl: the driver's
    Object* object = nullptr;                  // Mdl: whose frames these are
    bool changed = false;                      // Mdl: by the driver
};

// A handle that was live once or is live as something else.
enum class Kind : std::uint8_t { Adapter, Object, Opened, Tracked };

// The longest run of consecutive numbers in [first, last] that `free(number)` holds for and that crosses no multiple of
// `boundary` (0: no such rule).
template <typename Free>
std::uint64_t longest_run(std::uint64_t first, std::uint64_t last, std::uint64_t boundary, Free free) {
    std::uint64_t best = 0;
    std::uint64_t run = 0;
    for (std::uint64_t number = first; number <= last; ++number) {
        if (boundary != 0 && number % boundary == 0) run = 0;
        run = free(number) ? run + 1 : 0;
        best = std::max(best, run);
    }
    return best;
}

inline std::uint64_t Adapter::room() const {
    std::uint64_t pages = 0;
    for (std::uint64_t page = 1; page <= highest_page; ++page) pages += usable(page) && !logical.contains(page);
    return pages;
}

inline std::uint64_t Adapter::longest_room() const {
    return longest_run(1, highest_page, 0,
                       [this](std::uint64_t page) { return usable(page) && !logical.contains(page); });
}

// How an adapter starts, by the text at choose_mode; nothing: it must not.
inline std::optional<DmaMode> mode_of(const AdapterDescription& asked, PhysicalAddress least, PhysicalPage installed) {
    const bool sees_all = least.value >= installed.address().value + (page_size - 1);
    const bool remaps = asked.dma != nullptr && asked.iommu.DmaRemappingSupported && asked.map_aperture2;
    const bool isolates = asked.dma != nullptr && asked.iommu.IommuIsolationSupported;
    if (!sees_all) return remaps ? std::optional(DmaMode::Remapping) : std::nullopt;
    if (asked.preferred == DmaMode::Remapping && remaps) return DmaMode::Remapping;
    if (asked.preferred == DmaMode::Isolation && isolates) return DmaMode::Isolation;
    if (!asked.iommu.IommuIsolationRequired) return DmaMode::Physical;
    if (isolates) return DmaMode::Isolation;
    return remaps ? std::optional(DmaMode::Remapping) : std::nullopt;
}

}  // namespace remap::callbacks::tests::reference
