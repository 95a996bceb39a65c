// SPDX-License-Identifier: MIT
// The DMA of one logical adapter over a VT-d unit: a domain of its own, and all the adapter's devices.
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/ports.h"
#include "callbacks/vtd/fault_inbox.h"
#include "iommu/driver/unit.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace remap::callbacks {

class UnitDma final : public DmaPort {
public:
    // Told of what the unit could not do and a DmaPort cannot report: then a device may still reach what it must not.
    using Alarm = void (*)(const char* what, vtd_driver::Error error);

    UnitDma(vtd_driver::Unit& unit, FaultInbox& inbox, Alarm alarm) : unit_(unit), inbox_(inbox), alarm_(alarm) {}
    ~UnitDma();
    UnitDma(const UnitDma&) = delete;
    UnitDma& operator=(const UnitDma&) = delete;

    // Makes the domain, for devices by source id, 1 to most_physical_adapters of them. Once an object, before all else.
    vtd_driver::Error create(std::span<const std::uint16_t> sources);

    vtd_driver::Domain& domain() { return *domain_; }  // only when created

    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override;
    void unmap(LogicalPage first, std::uint64_t pages) override;
    unsigned address_width() const override { return unit_.address_width(); }
    bool attach(Attachment to) override;
    std::optional<DmaFault> take_fault() override;
    std::span<const std::uint16_t> sources() const override { return {sources_.data(), count_}; }

private:
    vtd_driver::Error attach(std::uint16_t source, Attachment to);

    vtd_driver::Unit& unit_;
    FaultInbox& inbox_;
    const Alarm alarm_;
    vtd_driver::Domain* domain_ = nullptr;
    std::array<std::uint16_t, most_physical_adapters> sources_{};
    std::size_t count_ = 0;
    Attachment attached_ = Attachment::Nothing;
};

}  // namespace remap::callbacks
