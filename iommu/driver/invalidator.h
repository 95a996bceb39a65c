// SPDX-License-Identifier: MIT
// Two ways to make the unit forget, behind one face (VT-d section 6.5).
#pragma once

#include "iommu/driver/capabilities.h"
#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>
#include <optional>
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

// The invalidation queue: one page of descriptors, and a word in memory that the unit writes when it is done.
class QueueInvalidator final : public Invalidator {
public:
    QueueInvalidator(RegisterPort& registers, paging::TablePort& tables, const Capabilities& capabilities)
        : registers_(registers), tables_(tables), capabilities_(capabilities) {}
    ~QueueInvalidator() override;

    Error start();  // switches the queue on
    Error stop();   // switches it off; the pages are freed with the object

    Error run(std::span<const Forget> list) override;

private:
    static constexpr unsigned entries = page_size / vtd::descriptor_bytes;

    void put(const vtd::Descriptor& descriptor);
    void write_at(unsigned index, const vtd::Descriptor& descriptor);
    vtd::Descriptor next_wait();
    Error submit_and_wait();
    void recover();
    bool done() const;

    RegisterPort& registers_;
    paging::TablePort& tables_;
    const Capabilities& capabilities_;
    std::optional<PhysicalPage> queue_;
    std::optional<PhysicalPage> status_;  // its first word: the number of the last wait the unit has completed
    unsigned tail_ = 0;                   // index of the next descriptor
    std::uint32_t sequence_ = 0;          // number of the last wait that was written
    bool running_ = false;                // the unit may read the pages
};

}  // namespace remap::vtd_driver
