// SPDX-License-Identifier: MIT
#include "callbacks/miniport/caps.h"

#include "base/address.h"
#include "base/bits.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace remap::miniport {

namespace {

constexpr unsigned char guard_byte = 0xa5;
constexpr std::size_t guard_bytes = 64;

// Layouts of DXGK_DRIVERCAPS end behind the last member that the version has, with the padding of its own alignment
// (callbacks/ddk/d3dkmddi/caps.h).
UINT driver_caps_bytes(ULONG version) {
    if (version >= DXGKDDI_INTERFACE_VERSION_WDDM2_9) return sizeof(DXGK_DRIVERCAPS);
    return static_cast<UINT>(round_up(offsetof(DXGK_DRIVERCAPS, MaxHwQueuedFlips), alignof(DXGK_DRIVERCAPS)));
}

Outcome untrue(const char* words, unsigned adapter) {
    Outcome outcome = failure(STATUS_DEVICE_CONFIGURATION_ERROR, "physical adapter ");
    outcome.why.add_number(adapter).add(": ").add(words);
    return outcome;
}

struct Query {
    DXGK_QUERYADAPTERINFOTYPE type;
    const char* name;  // of the query, for messages
    UINT bytes;        // of the answer
};

class Questions {
public:
    Questions(Calls& calls, const DRIVER_INITIALIZATION_DATA& ddis, std::span<const PVOID> contexts, Caps& caps)
        : calls_(calls), ddis_(ddis), contexts_(contexts), caps_(caps) {}

    Outcome ask_all();

private:
    template <typename Answer>
    Outcome ask(unsigned adapter, const Query& query, Answer& answer);
    Outcome call(unsigned adapter, const Query& query, void* answer);

    Outcome ask_driver_caps(unsigned adapter);
    Outcome ask_memory_caps(unsigned adapter);
    Outcome ask_iommu_caps(unsigned adapter);
    Outcome take_iommu_caps(unsigned adapter, DXGK_IOMMU_CAPS iommu);
    Outcome ask_save_size(unsigned adapter);
    Outcome ask_reserved_ranges();
    Outcome check_reserved_ranges() const;
    Outcome check_promised_ddis() const;

    bool knows_remapping() const { return ddis_.Version >= DXGKDDI_INTERFACE_VERSION_WDDM2_9; }
    bool uses_iommu() const { return caps_.iommu.IommuIsolationSupported || caps_.iommu.DmaRemappingSupported; }

    Calls& calls_;
    const DRIVER_INITIALIZATION_DATA& ddis_;
    std::span<const PVOID> contexts_;
    Caps& caps_;
};

Outcome Questions::call(unsigned adapter, const Query& query, void* answer) {
    UINT index = adapter;
    DXGKARG_QUERYADAPTERINFO arguments{};
    arguments.Type = query.type;
    arguments.pInputData = &index;
    arguments.InputDataSize = sizeof index;
    arguments.pOutputData = answer;
    arguments.OutputDataSize = query.bytes;
    return calls_.call(query.name, ddis_.DxgkDdiQueryAdapterInfo, contexts_[adapter], &arguments);
}

// The answer's buffer has a guard behind it: structures have grown over the versions, and a driver that was compiled
// for a later one than it registered writes too much.
template <typename Answer>
Outcome Questions::ask(unsigned adapter, const Query& query, Answer& answer) {
    alignas(16) unsigned char room[sizeof(Answer) + guard_bytes];
    std::memset(room, guard_byte, sizeof room);
    std::memcpy(room, &answer, query.bytes);
    Outcome outcome = call(adapter, query, room);
    if (!outcome.ok()) return outcome;
    unsigned char* guard = room + query.bytes;
    if (!std::all_of(guard, room + sizeof room, [](unsigned char byte) { return byte == guard_byte; })) {
        outcome = untrue(query.name, adapter);
        outcome.why.add(": the driver wrote more than OutputDataSize");
        return outcome;
    }
    std::memcpy(&answer, room, query.bytes);
    return {};
}

Outcome Questions::ask_driver_caps(unsigned adapter) {
    DXGK_DRIVERCAPS answer{};
    const Query query{DXGKQAITYPE_DRIVERCAPS, "DxgkDdiQueryAdapterInfo(DRIVERCAPS)", driver_caps_bytes(ddis_.Version)};
    if (const Outcome outcome = ask(adapter, query, answer); !outcome.ok()) return outcome;
    if (answer.WDDMVersion < DXGKDDI_WDDMv1 || answer.WDDMVersion > DXGKDDI_WDDMv3_2)
        return untrue("DRIVERCAPS names no WDDMVersion", adapter);
    const bool aperture2 = answer.MemoryManagementCaps.MapAperture2Supported;
    if (adapter == 0) {
        caps_.wddm_version = answer.WDDMVersion;
        caps_.map_aperture2 = aperture2;
    } else if (caps_.wddm_version != answer.WDDMVersion || caps_.map_aperture2 != aperture2) {
        return untrue("DRIVERCAPS differs from the lead adapter's", adapter);
    }
    if (knows_remapping()) return {};

    // Before WDDM 2.9 there was one number and one bit.
    caps_.highest_visible[adapter] = static_cast<std::uint64_t>(answer.HighestAcceptableAddress.QuadPart);
    DXGK_IOMMU_CAPS iommu{};
    iommu.IommuIsolationSupported = answer.MemoryManagementCaps.IoMmuSecureModeSupported;
    iommu.IommuIsolationRequired = answer.MemoryManagementCaps.IoMmuSecureModeRequired;
    return take_iommu_caps(adapter, iommu);
}

Outcome Questions::ask_memory_caps(unsigned adapter) {
    DXGK_PHYSICAL_MEMORY_CAPS answer{};
    const Query query{DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, "DxgkDdiQueryAdapterInfo(PHYSICAL_MEMORY_CAPS)", sizeof answer};
    if (const Outcome outcome = ask(adapter, query, answer); !outcome.ok()) return outcome;
    caps_.highest_visible[adapter] = static_cast<std::uint64_t>(answer.HighestVisibleAddress.QuadPart);
    return {};
}

Outcome Questions::ask_iommu_caps(unsigned adapter) {
    DXGK_IOMMU_CAPS answer{};
    const Query query{DXGKQAITYPE_IOMMU_CAPS, "DxgkDdiQueryAdapterInfo(IOMMU_CAPS)", sizeof answer};
    if (const Outcome outcome = ask(adapter, query, answer); !outcome.ok()) return outcome;
    return take_iommu_caps(adapter, answer);
}

Outcome Questions::take_iommu_caps(unsigned adapter, DXGK_IOMMU_CAPS iommu) {
    if (iommu.Reserved != 0) return untrue("IOMMU_CAPS has reserved bits set", adapter);
    if (iommu.IommuIsolationRequired && !iommu.IommuIsolationSupported)
        return untrue("IOMMU_CAPS requires isolation and does not support it", adapter);
    if (adapter == 0) caps_.iommu = iommu;
    if (caps_.iommu.Value != iommu.Value) return untrue("IOMMU_CAPS differs from the lead adapter's", adapter);
    return {};
}

Outcome Questions::ask_save_size(unsigned adapter) {
    DXGK_FRAMEBUFFERSAVEAREA answer{};
    const Query query{DXGKQAITYPE_FRAMEBUFFERSAVESIZE, "DxgkDdiQueryAdapterInfo(FRAMEBUFFERSAVESIZE)", sizeof answer};
    if (const Outcome outcome = ask(adapter, query, answer); !outcome.ok()) return outcome;
    if (answer.MaximumSize % page_size != 0) return untrue("FRAMEBUFFERSAVESIZE is no multiple of PAGE_SIZE", adapter);
    caps_.frame_buffer_save[adapter] = answer.MaximumSize;
    return {};
}

Outcome Questions::ask_reserved_ranges() {
    DXGK_HARDWARERESERVEDRANGES answer{};
    const Query query{DXGKQAITYPE_HARDWARERESERVEDRANGES, "DxgkDdiQueryAdapterInfo(HARDWARERESERVEDRANGES)",
                      sizeof answer};
    if (const Outcome outcome = ask(0, query, answer); !outcome.ok()) return outcome;
    if (answer.NumRanges > most_reserved_ranges) return untrue("HARDWARERESERVEDRANGES are too many", 0);
    caps_.reserved_count = answer.NumRanges;
    if (caps_.reserved_count == 0) return {};

    // One more, so that a driver that writes more than it announced is found out.
    DXGK_PHYSICAL_MEMORY_RANGE room[most_reserved_ranges + 1] = {};
    answer.pPhysicalRanges = room;
    if (const Outcome outcome = ask(0, query, answer); !outcome.ok()) return outcome;
    if (answer.NumRanges != caps_.reserved_count || answer.pPhysicalRanges != room)
        return untrue("HARDWARERESERVEDRANGES changed between the two calls", 0);
    const DXGK_PHYSICAL_MEMORY_RANGE& behind = room[caps_.reserved_count];
    if (behind.BaseAddress.QuadPart != 0 || behind.NumberOfBytes.QuadPart != 0)
        return untrue("HARDWARERESERVEDRANGES has more ranges than were announced", 0);
    std::copy_n(room, caps_.reserved_count, caps_.reserved);
    return check_reserved_ranges();
}

// That none is memory of the system is for the core to see.
Outcome Questions::check_reserved_ranges() const {
    for (unsigned i = 0; i < caps_.reserved_count; ++i) {
        const auto base = static_cast<std::uint64_t>(caps_.reserved[i].BaseAddress.QuadPart);
        const auto bytes = static_cast<std::uint64_t>(caps_.reserved[i].NumberOfBytes.QuadPart);
        if (bytes == 0 || base % page_size != 0 || bytes % page_size != 0)
            return untrue("a range of HARDWARERESERVEDRANGES is empty or not of whole pages", 0);
        if (base + (bytes - 1) < base) return untrue("a range of HARDWARERESERVEDRANGES wraps around", 0);
        for (unsigned j = 0; j < i; ++j) {
            const auto other = static_cast<std::uint64_t>(caps_.reserved[j].BaseAddress.QuadPart);
            const auto other_bytes = static_cast<std::uint64_t>(caps_.reserved[j].NumberOfBytes.QuadPart);
            if (base <= other + (other_bytes - 1) && other <= base + (bytes - 1))
                return untrue("ranges of HARDWARERESERVEDRANGES overlap", 0);
        }
    }
    return {};
}

// Who says that it supports isolation or remapping says that it has the DDIs which these need.
Outcome Questions::check_promised_ddis() const {
    if (uses_iommu() && ddis_.DxgkDdiBeginExclusiveAccess == nullptr)
        return untrue("IOMMU_CAPS needs DxgkDdiBeginExclusiveAccess, and the driver registered none", 0);
    if (uses_iommu() && ddis_.DxgkDdiEndExclusiveAccess == nullptr)
        return untrue("IOMMU_CAPS needs DxgkDdiEndExclusiveAccess, and the driver registered none", 0);
    if (caps_.map_aperture2 && ddis_.DxgkDdiBuildPagingBuffer == nullptr)
        return untrue("MapAperture2Supported needs DxgkDdiBuildPagingBuffer, and the driver registered none", 0);
    return {};
}

Outcome Questions::ask_all() {
    caps_ = Caps{};
    caps_.interface_version = ddis_.Version;
    caps_.physical_adapters = static_cast<unsigned>(contexts_.size());
    using Question = Outcome (Questions::*)(unsigned);
    const struct {
        Question question;
        bool asked;
    } questions[] = {{&Questions::ask_driver_caps, true},
                     {&Questions::ask_memory_caps, knows_remapping()},
                     {&Questions::ask_iommu_caps, knows_remapping()}};
    for (const auto& [question, asked] : questions)
        for (unsigned adapter = 0; asked && adapter < caps_.physical_adapters; ++adapter)
            if (const Outcome outcome = (this->*question)(adapter); !outcome.ok()) return outcome;
    for (unsigned adapter = 0; adapter < caps_.physical_adapters; ++adapter)
        if (caps_.highest_visible[adapter] == 0) return untrue("the highest visible address is 0", adapter);
    if (const Outcome outcome = check_promised_ddis(); !outcome.ok()) return outcome;
    if (!uses_iommu()) return {};
    for (unsigned adapter = 0; adapter < caps_.physical_adapters; ++adapter)
        if (const Outcome outcome = ask_save_size(adapter); !outcome.ok()) return outcome;
    return ask_reserved_ranges();
}

}  // namespace

Outcome query_caps(Calls& calls, const DRIVER_INITIALIZATION_DATA& ddis, std::span<const PVOID> contexts, Caps& caps) {
    return Questions(calls, ddis, contexts, caps).ask_all();
}

}  // namespace remap::miniport
