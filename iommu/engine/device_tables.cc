// SPDX-License-Identifier: MIT
#include "iommu/engine/device_tables.h"

#include "base/archive.h"
#include "iommu/spec/scalable_tables.h"
#include "iommu/spec/tables.h"

#include <algorithm>
#include <iterator>

namespace remap::iommu {

using vtd::FaultReason;
using What = TableStep::What;
namespace root = vtd::root_entry;
namespace ctx = vtd::context_entry;
namespace sm_root = vtd::scalable_root_entry;
namespace sm_ctx = vtd::scalable_context_entry;
namespace directory = vtd::pasid_directory_entry;
namespace entry = vtd::pasid_entry;

namespace {

// The first two words of a cached context entry.
using ContextSource = Field<15, 0, std::uint16_t>;
using ContextScalable = Flag<16>;
using ContextReason = Field<7, 0, FaultReason>;

// The first two words of a cached PASID table entry.
using PasidSource = Field<15, 0, std::uint16_t>;
using PasidValue = Field<35, 16, std::uint32_t>;
using PasidDomain = Field<15, 0, std::uint16_t>;
using PasidReason = Field<23, 16, FaultReason>;
using PasidQuiet = Flag<24>;

CacheKey context_key(SourceId source, bool scalable) {
    return {ContextSource::of(source.value) | ContextScalable::of(scalable), 0, 0};
}
std::uint64_t context_hash(SourceId source) { return source.value ^ source.value >> 8; }

CacheKey pasid_key(SourceId source, Pasid pasid) {
    return {PasidSource::of(source.value) | PasidValue::of(pasid.value), 0, 0};
}
std::uint64_t pasid_hash(SourceId source, Pasid pasid) { return context_hash(source) ^ pasid.value * 5; }

bool nobody_is_dead(const auto&, std::uint64_t) { return false; }

}  // namespace

DeviceTables::DeviceTables(const Configuration& configuration, MemoryPort& memory)
    : configuration_(configuration),
      memory_(memory),
      contexts_(configuration.caches.contexts),
      pasids_(configuration.caches.pasids) {}

// Words as one access (section 9.1: entries are read whole).
template <std::size_t Count>
bool DeviceTables::read_entry(TableStep::What what, PhysicalAddress from, std::uint64_t (&words)[Count],
                              const Manner& manner) {
    static_assert(Count <= TableStep::most_words);
    const bool answered = memory_.read(from, words, sizeof words);
    if (manner.trace != nullptr) {
        TableStep step{.what = what, .answered = answered, .count = Count, .at = from};
        if (answered) std::copy_n(words, Count, step.words.begin());
        manner.went(step);
    }
    return answered;
}

FaultReason DeviceTables::check_legacy(std::uint64_t low, std::uint64_t high) const {
    if (!ctx::Present::get(low)) return FaultReason::ContextNotPresent;
    const ctx::TranslationType type = ctx::Type::get(low);
    const bool pass_through = type == ctx::TranslationType::PassThrough;
    std::uint64_t reserved_low = ctx::reserved_low;
    if (!pass_through) reserved_low |= ctx::second_stage & vtd::beyond_host_width(configuration_.host_address_width);
    if ((low & reserved_low) != 0 || (high & ctx::reserved_high) != 0) return FaultReason::ContextReserved;
    if (type == ctx::TranslationType::Reserved) return FaultReason::ContextInvalid;
    if (type == ctx::TranslationType::DeviceTlb && !configuration_.device_tlb) return FaultReason::ContextInvalid;
    if (!configuration_.supports_levels(ctx::levels_of(ctx::AddressWidth::get(high))))
        return FaultReason::ContextInvalid;
    return FaultReason::None;
}

DeviceTables::ContextEntry DeviceTables::read_legacy_context(const TranslationState& state, SourceId source,
                                                             const Manner& manner) {
    const std::uint64_t host_mask = configuration_.host_address_mask();
    std::uint64_t words[2] = {};
    ContextEntry found;
    const auto ended = [&](FaultReason reason) {
        found.reason = reason;
        return found;
    };
    found.at = {(state.root_table() & host_mask) + std::uint64_t{root::bytes} * (source.value >> 8)};
    if (!read_entry(What::RootEntry, found.at, words, manner)) return ended(FaultReason::RootUnreadable);
    found.entry = words[0];
    if (!root::Present::get(words[0])) return ended(FaultReason::RootNotPresent);
    const std::uint64_t reserved = root::reserved_low | (root::context_table & ~host_mask);
    if ((words[0] & reserved) != 0 || (words[1] & root::reserved_high) != 0) return ended(FaultReason::RootReserved);

    found.at = {(words[0] & root::context_table) + std::uint64_t{ctx::bytes} * (source.value & 0xff)};
    if (!read_entry(What::ContextEntry, found.at, words, manner)) return ended(FaultReason::ContextUnreadable);
    found.entry = found.low = words[0];
    found.high = words[1];
    return ended(check_legacy(words[0], words[1]));
}

DeviceTables::ContextEntry DeviceTables::read_scalable_context(const TranslationState& state, SourceId source,
                                                               const Manner& manner) {
    const unsigned width = configuration_.host_address_width;
    const auto devfn = static_cast<std::uint8_t>(source.value & 0xff);
    ContextEntry found{.scalable = true};
    const auto ended = [&](FaultReason reason) {
        found.reason = reason;
        return found;
    };
    std::uint64_t half[1] = {};
    const std::uint64_t table = state.root_table() & configuration_.host_address_mask();
    found.at = {table + std::uint64_t{sm_root::bytes} * (source.value >> 8) + 8 * sm_root::word_of(devfn)};
    if (!read_entry(What::ScalableRootEntry, found.at, half, manner)) return ended(FaultReason::ScalableRootUnreadable);
    found.entry = half[0];
    if (!sm_root::Present::get(half[0])) return ended(FaultReason::ScalableRootNotPresent);
    if ((half[0] & sm_root::reserved(width)) != 0) return ended(FaultReason::ScalableRootReserved);

    std::uint64_t words[4] = {};
    found.at = {(half[0] & sm_root::context_table) + std::uint64_t{sm_ctx::bytes} * sm_ctx::index_of(devfn)};
    if (!read_entry(What::ScalableContextEntry, found.at, words, manner))
        return ended(FaultReason::ScalableContextUnreadable);
    found.entry = found.low = words[0];
    found.high = words[1];
    return ended(check_scalable({words[0], words[1], words[2], words[3]}));
}

FaultReason DeviceTables::check_scalable(const vtd::scalable_context_entry::Words& words) const {
    if (!sm_ctx::Present::get(words[0])) return FaultReason::ScalableContextNotPresent;
    const sm_ctx::Words reserved =
        sm_ctx::reserved(configuration_.extended_capability, configuration_.host_address_width);
    for (unsigned i = 0; i < words.size(); ++i) {
        if ((words[i] & reserved[i]) != 0) return FaultReason::ScalableContextReserved;
    }
    return FaultReason::None;
}

std::optional<DeviceTables::ContextEntry> DeviceTables::cached_context(SourceId source, bool scalable) const {
    const auto hit = contexts_.find(context_hash(source), context_key(source, scalable));
    if (!hit) return std::nullopt;
    return ContextEntry{.scalable = scalable,
                        .low = hit->words[2],
                        .high = hit->words[3],
                        .reason = ContextReason::get(hit->words[1]),
                        .stamp = hit->stamp};
}

DeviceTables::ContextEntry DeviceTables::find_context(const TranslationState& state, SourceId source,
                                                      const Manner& manner) {
    const bool scalable = state.scalable();
    if (manner.use_caches) {
        if (const auto cached = cached_context(source, scalable)) {
            manner.used(CacheKind::Context, cached->stamp);
            return *cached;
        }
    }
    const ContextEntry found =
        scalable ? read_scalable_context(state, source, manner) : read_legacy_context(state, source, manner);
    if (manner.fill_caches && (found.reason == FaultReason::None || configuration_.caching_mode)) {
        const CacheKey key = context_key(source, scalable);
        const ContextWords words{key.first, ContextReason::of(found.reason), found.low, found.high};
        contexts_.insert(context_hash(source), key, words, manner.stamp, nobody_is_dead<ContextWords>);
    }
    return found;
}

FaultReason DeviceTables::check_pasid(const std::uint64_t (&words)[8]) const {
    if (!entry::Present::get(words[0])) return FaultReason::PasidNotPresent;
    const entry::Words reserved =
        entry::reserved(configuration_.extended_capability, configuration_.host_address_width);
    for (unsigned i = 0; i < 8; ++i) {
        if ((words[i] & reserved[i]) != 0) return FaultReason::PasidReserved;
    }
    const unsigned levels = ctx::levels_of(entry::AddressWidth::get(words[0]));
    const bool second_stage_fits = configuration_.supports_levels(levels);
    const bool first_stage_fits = entry::FirstStageMode::get(words[2]) == entry::PagingMode::FourLevels ||
                                  (entry::FirstStageMode::get(words[2]) == entry::PagingMode::FiveLevels &&
                                   configuration_.first_stage_levels == 5);
    bool valid = false;
    switch (entry::Type::get(words[0])) {
        case entry::TranslationType::FirstStage: valid = first_stage_fits; break;
        case entry::TranslationType::SecondStage: valid = second_stage_fits; break;
        case entry::TranslationType::Nested: valid = first_stage_fits && second_stage_fits; break;
        case entry::TranslationType::PassThrough: valid = true; break;  // has no use for AW
    }
    return valid ? FaultReason::None : FaultReason::PasidInvalid;
}

DeviceTables::PasidEntry DeviceTables::read_pasid(const ContextEntry& context, Pasid pasid, const Manner& manner) {
    PasidEntry found;
    const auto ended = [&](FaultReason reason) {
        found.reason = reason;
        return found;
    };
    std::uint64_t slot[1] = {};
    found.at = {(context.low & sm_ctx::pasid_directory) +
                std::uint64_t{directory::bytes} * directory::index_of(pasid.value)};
    if (!read_entry(What::PasidDirectoryEntry, found.at, slot, manner))
        return ended(FaultReason::PasidDirectoryUnreadable);
    found.entry = slot[0];
    found.quiet = directory::FaultProcessingDisable::get(slot[0]);
    if (!directory::Present::get(slot[0])) return ended(FaultReason::PasidDirectoryNotPresent);
    if ((slot[0] & directory::reserved(configuration_.host_address_width)) != 0)
        return ended(FaultReason::PasidDirectoryReserved);

    std::uint64_t words[8] = {};
    found.at = {(slot[0] & directory::pasid_table) + std::uint64_t{entry::bytes} * entry::index_of(pasid.value)};
    if (!read_entry(What::PasidEntry, found.at, words, manner)) return ended(FaultReason::PasidUnreadable);
    found.entry = words[0];
    std::copy_n(words, std::size(found.words), found.words);
    found.quiet = found.quiet || entry::FaultProcessingDisable::get(words[0]);
    return ended(check_pasid(words));
}

std::optional<DeviceTables::PasidEntry> DeviceTables::cached_pasid(SourceId source, Pasid pasid) const {
    const auto hit = pasids_.find(pasid_hash(source, pasid), pasid_key(source, pasid));
    if (!hit) return std::nullopt;
    return PasidEntry{.words = {hit->words[2], hit->words[3], hit->words[4]},
                      .reason = PasidReason::get(hit->words[1]),
                      .quiet = PasidQuiet::get(hit->words[1]),
                      .stamp = hit->stamp};
}

DeviceTables::PasidEntry DeviceTables::find_pasid(const ContextEntry& context, SourceId source, Pasid pasid,
                                                  const Manner& manner) {
    if (manner.use_caches) {
        if (const auto cached = cached_pasid(source, pasid)) {
            manner.used(CacheKind::Pasid, cached->stamp);
            return *cached;
        }
    }
    const PasidEntry found = read_pasid(context, pasid, manner);
    const bool good = found.reason == FaultReason::None;
    if (manner.fill_caches && (good || configuration_.caching_mode)) {
        const CacheKey key = pasid_key(source, pasid);
        // What is wrong or absent is cached for domain 0 (section 6.1).
        const auto domain = static_cast<std::uint16_t>(good ? entry::Domain::get(found.words[1]) : 0);
        const std::uint64_t second =
            PasidDomain::of(domain) | PasidReason::of(found.reason) | PasidQuiet::of(found.quiet);
        const PasidWords words{key.first, second, found.words[0], found.words[1], found.words[2]};
        pasids_.insert(pasid_hash(source, pasid), key, words, manner.stamp, nobody_is_dead<PasidWords>);
    }
    return found;
}

RouteOutcome DeviceTables::legacy_route(const ContextEntry& context, const Request& request) const {
    const ctx::TranslationType type = ctx::Type::get(context.low);
    const bool pass_through = type == ctx::TranslationType::PassThrough;
    RouteOutcome outcome{{.kind = pass_through ? TranslationKind::PassThrough : TranslationKind::SecondStage,
                          .domain = static_cast<std::uint16_t>(ctx::Domain::get(context.high)),
                          .quiet = ctx::FaultProcessingDisable::get(context.low),
                          .device_tlb = type == ctx::TranslationType::DeviceTlb,
                          .second_stage = {context.low & ctx::second_stage},
                          .second_levels = ctx::levels_of(ctx::AddressWidth::get(context.high))},
                         context.reason,
                         context.at,
                         context.entry};
    if (outcome.reason == FaultReason::None && request.type != RequestType::Untranslated && !outcome.route.device_tlb)
        outcome.reason = FaultReason::TypeBlocked;
    return outcome;
}

RouteOutcome DeviceTables::scalable_start(const ContextEntry& context, const Request& request) const {
    const auto requester = static_cast<std::uint32_t>(sm_ctx::RequesterPasid::get(context.high));
    RouteOutcome outcome{{.pasid = request.pasid.value_or(Pasid{requester}),
                          .scalable = true,
                          .quiet = sm_ctx::FaultProcessingDisable::get(context.low),
                          .device_tlb = sm_ctx::DeviceTlb::get(context.low),
                          .page_requests = sm_ctx::PageRequest::get(context.low),
                          .privileged = request.pasid.has_value() && request.privileged},
                         context.reason,
                         context.at,
                         context.entry};
    if (outcome.reason != FaultReason::None) return outcome;
    const bool beyond = outcome.route.pasid.value >= sm_ctx::pasid_limit(context.low);
    if (request.type != RequestType::Untranslated && !outcome.route.device_tlb) {
        outcome.reason = FaultReason::DeviceTlbBlocked;
    } else if (request.pasid && !sm_ctx::Pasid::get(context.low)) {
        outcome.reason = FaultReason::PasidBlocked;
    } else if (beyond && request.type != RequestType::Translated) {
        outcome.reason = request.pasid ? FaultReason::PasidBeyondDirectory : FaultReason::ScalableContextInvalid;
    }
    return outcome;
}

RouteOutcome DeviceTables::scalable_route(const RouteOutcome& start, const PasidEntry& found,
                                          const Request& request) const {
    RouteOutcome outcome{start.route, found.reason, found.at, found.entry};
    Route& route = outcome.route;
    route.quiet |= found.quiet;
    if (found.reason != FaultReason::None) return outcome;
    const std::uint64_t(&words)[3] = found.words;
    route.kind = static_cast<TranslationKind>(entry::Type::get(words[0]));
    route.domain = static_cast<std::uint16_t>(entry::Domain::get(words[1]));
    route.second_stage = {words[0] & entry::second_stage};
    route.second_levels = ctx::levels_of(entry::AddressWidth::get(words[0]));
    route.second_accessed_dirty = entry::SecondStageAccessedDirty::get(words[0]);
    route.first_stage = {words[2] & entry::first_stage};
    route.first_levels = entry::FirstStageMode::get(words[2]) == entry::PagingMode::FiveLevels ? 5 : 4;
    route.write_protect = entry::WriteProtect::get(words[2]);
    route.supervisor_execute_prevention = entry::SupervisorExecutePrevention::get(words[2]);
    route.no_execute = entry::NoExecute::get(words[2]);
    route.extended_accessed = entry::ExtendedAccessed::get(words[2]);
    route.snooped = entry::PageSnoop::get(words[1]);
    route.walk_snoop = entry::WalkSnoop::get(words[1]);
    route.supervisor_requests = entry::SupervisorRequest::get(words[2]);
    if (request.pasid && request.execute && !entry::ExecuteRequest::get(words[2])) {
        outcome.reason = FaultReason::ExecuteBlocked;
    } else if (route.privileged && !route.supervisor_requests) {
        outcome.reason = FaultReason::SupervisorBlocked;
    }
    return outcome;
}

RouteOutcome DeviceTables::find(const TranslationState& state, const Request& request, const Manner& manner) {
    const ContextEntry context = find_context(state, request.source, manner);
    if (!context.scalable) return legacy_route(context, request);
    const RouteOutcome start = scalable_start(context, request);
    if (start.reason != FaultReason::None) return start;
    return scalable_route(start, find_pasid(context, request.source, start.route.pasid, manner), request);
}

RouteOutcome DeviceTables::find_start(const TranslationState& state, const Request& request, const Manner& manner) {
    const ContextEntry context = find_context(state, request.source, manner);
    return context.scalable ? scalable_start(context, request) : legacy_route(context, request);
}

std::optional<RouteOutcome> DeviceTables::find_cached_start(const TranslationState& state,
                                                            const Request& request) const {
    const auto context = cached_context(request.source, state.scalable());
    if (!context) return std::nullopt;
    return context->scalable ? scalable_start(*context, request) : legacy_route(*context, request);
}

std::optional<RouteOutcome> DeviceTables::find_cached(const TranslationState& state, const Request& request) const {
    const auto context = cached_context(request.source, state.scalable());
    if (!context) return std::nullopt;
    if (!context->scalable) return legacy_route(*context, request);
    const RouteOutcome start = scalable_start(*context, request);
    if (start.reason != FaultReason::None) return start;
    const auto found = cached_pasid(request.source, start.route.pasid);
    if (!found) return std::nullopt;
    return scalable_route(start, *found, request);
}

void DeviceTables::forget_contexts(std::uint64_t stamp) { contexts_.forget_up_to(stamp); }

void DeviceTables::forget_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                                   std::uint16_t ignored_bits) {
    contexts_.remove_if([&](const ContextWords& words, std::uint64_t) {
        const bool scalable = ContextScalable::get(words[0]);
        // What is wrong or absent is cached for domain 0 (section 6.1).
        const bool good = ContextReason::get(words[1]) == FaultReason::None;
        const bool in_domain = scalable || domain == (good ? ctx::Domain::get(words[3]) : 0);
        const bool is_device = ((ContextSource::get(words[0]) ^ source.value) & ~ignored_bits) == 0;
        return in_domain && (granularity == vtd::ContextGranularity::Domain || is_device);
    });
}

void DeviceTables::forget_pasids(std::uint64_t stamp) { pasids_.forget_up_to(stamp); }

void DeviceTables::forget_pasids(std::uint16_t domain, std::optional<Pasid> pasid) {
    pasids_.remove_if([&](const PasidWords& words, std::uint64_t) {
        return PasidDomain::get(words[1]) == domain && (!pasid || PasidValue::get(words[0]) == pasid->value);
    });
}

// Whether an entry with that verdict can be in a cache: `due` is what its words would get if they were read now.
bool DeviceTables::may_cache(FaultReason kept, FaultReason due) const {
    return kept == FaultReason::None ? due == FaultReason::None : configuration_.caching_mode;
}

template <typename Archive>
void DeviceTables::state(Archive& archive, std::uint64_t newest_stamp) {
    contexts_.state(archive, "context cache", newest_stamp, [this](const ContextWords& words, auto& to) {
        const SourceId source{ContextSource::get(words[0])};
        const bool scalable = ContextScalable::get(words[0]);
        if (scalable && !configuration_.scalable) return false;
        const FaultReason due =
            scalable ? check_scalable({words[2], words[3], 0, 0}) : check_legacy(words[2], words[3]);
        to = {context_hash(source), context_key(source, scalable)};
        return to.key.first == words[0] && may_cache(ContextReason::get(words[1]), due);
    });
    pasids_.state(archive, "PASID cache", newest_stamp, [this](const PasidWords& words, auto& to) {
        const SourceId source{PasidSource::get(words[0])};
        const Pasid pasid{PasidValue::get(words[0])};
        if (!configuration_.scalable || pasid.value >> pasid_width != 0) return false;
        to = {pasid_hash(source, pasid), pasid_key(source, pasid)};
        const std::uint64_t entry_words[8] = {words[2], words[3], words[4]};
        return to.key.first == words[0] && may_cache(PasidReason::get(words[1]), check_pasid(entry_words));
    });
}

template void DeviceTables::state(ArchiveWriter&, std::uint64_t);
template void DeviceTables::state(ArchiveReader&, std::uint64_t);

}  // namespace remap::iommu
