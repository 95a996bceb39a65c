// SPDX-License-Identifier: MIT
// Two ways to make the unit forget, behind one face (VT-d section 6.5).
#pragma once

#include "iommu/driver/capabilities.h"
#include "iommu/driver/descriptor_ring.h"
#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>
#include <span>

namespace remap::vtd_driver {

// One thing to forget: something of the context cache, of the IOTLB, or of the interrupt entry cache.
struct Forget {
    enum class Interrupts : std::uint8_t { None, All, Selected };

    vtd::ContextGranularity contexts = vtd::ContextGranularity::None;
    vtd::IotlbGranularity translations = vtd::IotlbGranularity::None;
    Interrupts interrupts = Interrupts::None;  // these only by the queue
    std::uint16_t domain = 0;
    std::uint16_t source = 0;   // with contexts of one device
    LogicalPage page = {};      // with translations of pages
    unsigned address_mask = 0;  // with translations of pages: how many are 2^address_mask
    std::uint16_t index = 0;    // with selected interrupts
    unsigned index_mask = 0;    // with selected interrupts: how many are 2^index_mask

    static Forget all_contexts() { return {.contexts = vtd::ContextGranularity::Global}; }
    static Forget all_translations() { return {.translations = vtd::IotlbGranularity::Global}; }
    static Forget contexts_of(std::uint16_t domain) {
        return {.contexts = vtd::ContextGranularity::Domain, .domain = domain};
    }
    static Forget context_of(std::uint16_t domain, std::uint16_t source) {
        return {.contexts = vtd::ContextGranularity::Device, .domain = domain, .source = source};
    }
    static Forget translations_of(std::uint16_t domain) {
        return {.translations = vtd::IotlbGranularity::Domain, .domain = domain};
    }
    static Forget all_interrupts() { return {.interrupts = Interrupts::All}; }
    static Forget interrupts_of(std::uint16_t index, unsigned index_mask) {
        return {.interrupts = Interrupts::Selected, .index = index, .index_mask = index_mask};
    }
    // The range in one command when the unit can, else the whole domain.
    static Forget pages_of(const Capabilities& capabilities, std::uint16_t domain, LogicalPage first, LogicalPage last);
};

class Invalidator {
public:
    virtual ~Invalidator() = default;

    // Does all of it, in order, and returns when the unit has.
    virtual Error run(std::span<const Forget> list) = 0;
};

// CCMD_REG and IOTLB_REG. Only while the queue is off.
class RegisterInvalidator final : public Invalidator {
public:
    RegisterInvalidator(RegisterPort& registers, const Capabilities& capabilities)
        : registers_(registers), capabilities_(capabilities) {}

    Error run(std::span<const Forget> list) override;

private:
    Error forget_contexts(const Forget& one);
    Error forget_translations(const Forget& one);

    RegisterPort& registers_;
    const Capabilities& capabilities_;
};

// The invalidation queue with descriptors of 128 bits.
class QueueInvalidator final : public Invalidator {
public:
    QueueInvalidator(RegisterPort& registers, paging::TablePort& tables, const Capabilities& capabilities)
        : capabilities_(capabilities), ring_(registers, tables, vtd::descriptor_bytes) {}

    Error start() { return ring_.start(); }  // switches the queue on
    Error stop() { return ring_.stop(); }    // switches it off; the pages are freed with the object

    Error run(std::span<const Forget> list) override;

private:
    void recover();

    const Capabilities& capabilities_;
    DescriptorRing ring_;
};

}  // namespace remap::vtd_driver
