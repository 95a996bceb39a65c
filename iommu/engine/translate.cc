// SPDX-License-Identifier: MIT
#include "iommu/engine/translate.h"

#include "iommu/paging/walker.h"
#include "iommu/spec/tables.h"

#include <algorithm>
#include <optional>

namespace remap::iommu {

using vtd::FaultReason;
namespace root = vtd::root_entry;
namespace ctx = vtd::context_entry;

namespace {

// The interrupt range is this large and aligned to it, so that no block of this size is half interrupts, half memory.
constexpr unsigned interrupt_shift = 20;

bool holds_interrupts(std::uint64_t first, unsigned shift) {
    const std::uint64_t last = first | low_bits(shift);
    return first <= vtd::interrupt_range_last && last >= vtd::interrupt_range_first;
}

Outcome refuse(FaultReason reason, bool quiet) {
    Outcome outcome;
    outcome.translation.fault_reason = static_cast<std::uint8_t>(reason);
    outcome.quiet = quiet && vtd::is_qualified(reason);
    return outcome;
}

Outcome pass(LogicalAddress address, bool readable = true) {
    Outcome outcome;
    outcome.translation = {.allowed = true,
                           .address = {address.value},
                           .granule = std::uint64_t{1} << interrupt_shift,
                           .readable = readable,
                           .writable = true,
                           .fault_reason = 0};
    return outcome;
}

paging::Rights right_for(Access access) { return access == Access::Write ? paging::right_write : paging::right_read; }

FaultReason lack_of(Access access) { return access == Access::Write ? FaultReason::NoWrite : FaultReason::NoRead; }

}  // namespace

// Entries are two little-endian words, read as one access (section 9.1).
bool Translator::read_entry(std::uint64_t address, std::uint64_t (&words)[2]) {
    return memory_.read({address}, words, sizeof words);
}

FaultReason Translator::check_context(std::uint64_t low, std::uint64_t high) const {
    const bool pass_through = ctx::Type::get(low) == ctx::TranslationType::PassThrough;
    std::uint64_t reserved_low = ctx::reserved_low;
    if (!pass_through) reserved_low |= ctx::second_stage & vtd::beyond_host_width(configuration_.host_address_width);
    if ((low & reserved_low) != 0 || (high & ctx::reserved_high) != 0) return FaultReason::ContextReserved;
    if (!pass_through && ctx::Type::get(low) != ctx::TranslationType::SecondStage) return FaultReason::ContextInvalid;
    if (!configuration_.supports_levels(ctx::levels_of(ctx::AddressWidth::get(high))))
        return FaultReason::ContextInvalid;
    return FaultReason::None;
}

Translator::ContextOutcome Translator::read_context(const TranslationState& state, SourceId source) {
    const std::uint64_t host_mask = configuration_.host_address_mask();
    std::uint64_t words[2] = {};
    const std::uint64_t table = state.root_table & vtd::root_table::address & host_mask;
    if (!read_entry(table + std::uint64_t{root::bytes} * (source.value >> 8), words))
        return {{}, FaultReason::RootUnreadable};
    if (!root::Present::get(words[0])) return {{}, FaultReason::RootNotPresent};
    const std::uint64_t reserved = root::reserved_low | (root::context_table & ~host_mask);
    if ((words[0] & reserved) != 0 || (words[1] & root::reserved_high) != 0) return {{}, FaultReason::RootReserved};

    const std::uint64_t contexts_table = words[0] & root::context_table;
    if (!read_entry(contexts_table + std::uint64_t{ctx::bytes} * (source.value & 0xff), words))
        return {{}, FaultReason::ContextUnreadable};
    // FPD counts whether or not the entry is present (section 9.3).
    ContextOutcome outcome{{.domain = static_cast<std::uint16_t>(ctx::Domain::get(words[1])),
                            .pass_through = ctx::Type::get(words[0]) == ctx::TranslationType::PassThrough,
                            .quiet = ctx::FaultProcessingDisable::get(words[0]),
                            .levels = ctx::levels_of(ctx::AddressWidth::get(words[1])),
                            .second_stage = {words[0] & ctx::second_stage}},
                           FaultReason::ContextNotPresent};
    if (ctx::Present::get(words[0])) outcome.reason = check_context(words[0], words[1]);
    return outcome;
}

Translator::ContextOutcome Translator::find_context(const TranslationState& state, SourceId source, bool keep) {
    if (const auto cached = contexts_.find(source)) return {*cached, FaultReason::None};
    const ContextOutcome outcome = read_context(state, source);
    if (outcome.reason == FaultReason::None && keep) contexts_.insert(source, outcome.context);
    return outcome;
}

// What a leaf, cached or fresh, means for a request.
Outcome Translator::answer(const Request& request, const CachedTranslation& cached) const {
    if (!cached.rights.covers(right_for(request.access))) return refuse(lack_of(request.access), cached.quiet);
    const PhysicalAddress address = cached.translate(request.address);
    if (vtd::in_interrupt_range(address.value)) return refuse(FaultReason::InterruptOutput, cached.quiet);

    const bool mixed = cached.shift > interrupt_shift && (holds_interrupts(cached.tag << cached.shift, cached.shift) ||
                                                          holds_interrupts(cached.leaf.value, cached.shift));
    Outcome outcome;
    outcome.translation = {.allowed = true,
                           .address = address,
                           .granule = std::uint64_t{1} << (mixed ? interrupt_shift : cached.shift),
                           .readable = cached.rights.covers(paging::right_read),
                           .writable = cached.rights.covers(paging::right_write),
                           .fault_reason = 0};
    return outcome;
}

Outcome Translator::walk(const Request& request, const Context& context, bool keep) {
    const paging::WalkRequest<paging::VtdSecondStage> walk_request{.root = context.second_stage,
                                                                   .levels = context.levels,
                                                                   .address = request.address.value,
                                                                   .wanted = right_for(request.access),
                                                                   .limits = configuration_.limits};
    const auto found = paging::walk(walk_request, [this](PhysicalAddress from) -> std::optional<std::uint64_t> {
        std::uint64_t entry = 0;
        if (!memory_.read(from, &entry, sizeof entry)) return std::nullopt;
        return entry;
    });
    switch (found.end) {
        case paging::WalkEnd::NotPresent:
        case paging::WalkEnd::NoRight: return refuse(lack_of(request.access), context.quiet);
        case paging::WalkEnd::Reserved: return refuse(FaultReason::PagingReserved, context.quiet);
        case paging::WalkEnd::Unreadable:  // the top entry is the context entry's fault (LCT.4.3)
            return refuse(
                found.level == context.levels ? FaultReason::ContextInvalid : FaultReason::PagingEntryUnreadable,
                context.quiet);
        case paging::WalkEnd::Leaf: break;
    }
    const CachedTranslation cached{.tag = request.address.value >> found.shift,
                                   .leaf = found.leaf,
                                   .source = request.source,
                                   .domain = context.domain,
                                   .shift = static_cast<std::uint8_t>(found.shift),
                                   .rights = found.rights,
                                   .quiet = context.quiet};
    const Outcome outcome = answer(request, cached);
    if (keep && outcome.translation.allowed) iotlb_.insert(cached);
    return outcome;
}

void Translator::invalidate_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                                     unsigned masked_functions) {
    static constexpr std::uint16_t ignored_bits[] = {0b000, 0b100, 0b110, 0b111};
    contexts_.invalidate(granularity, domain, source, ignored_bits[masked_functions & 3]);
}

void Translator::invalidate_iotlb(vtd::IotlbGranularity granularity, std::uint16_t domain, LogicalAddress address,
                                  unsigned address_mask) {
    iotlb_.invalidate(granularity, domain, {address.value & low_bits(configuration_.address_width)}, address_mask);
}

Outcome Translator::translate(const TranslationState& state, const Request& request, bool keep) {
    if (!state.enabled) return pass(request.address);
    const bool untranslated = request.type == RequestType::Untranslated;
    if (untranslated && vtd::in_interrupt_range(request.address.value)) {
        if (request.access == Access::Write) return pass(request.address, false);
        return refuse(FaultReason::NoRead, false);
    }
    if (vtd::root_table::TranslationMode::get(state.root_table) != vtd::root_table::Mode::Legacy)
        return refuse(FaultReason::BadRootTableMode, false);
    if (untranslated) {
        if (const CachedTranslation* cached = iotlb_.find(request.source, request.address))
            return answer(request, *cached);
    }

    const ContextOutcome found = find_context(state, request.source, keep);
    const Context& context = found.context;
    if (found.reason != FaultReason::None) return refuse(found.reason, context.quiet);
    if (!untranslated) return refuse(FaultReason::TypeBlocked, context.quiet);
    if (context.pass_through) {  // LGN.1.3: only the host's width limits it
        if (request.address.value >> configuration_.host_address_width != 0)
            return refuse(FaultReason::AddressBeyondWidth, context.quiet);
        return pass(request.address);
    }
    const unsigned width = std::min(configuration_.address_width, paging::shift_of(context.levels + 1));
    if (request.address.value >> width != 0) return refuse(FaultReason::AddressBeyondWidth, context.quiet);
    return walk(request, context, keep);
}

}  // namespace remap::iommu
