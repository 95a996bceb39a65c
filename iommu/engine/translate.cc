// SPDX-License-Identifier: MIT
#include "iommu/engine/translate.h"

#include "iommu/spec/tables.h"

#include <algorithm>

namespace remap::iommu {

using vtd::FaultReason;
using What = Invalidation::What;
using Scope = Invalidation::Scope;

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
                           .snooped = false,
                           .fault_reason = 0};
    return outcome;
}

Outcome interrupt_outcome(const TranslationState& state, const Request& request) {
    if (request.access == Access::Write) return pass(request.address, false);
    return refuse(state.scalable() ? FaultReason::ScalableNoRead : FaultReason::NoRead, false);
}

// A translation request for that range: the device may write there, untranslated.
bool is_question_for_interrupts(const Request& request) {
    return request.type == RequestType::Translation && !request.pasid && vtd::in_interrupt_range(request.address.value);
}

Outcome untranslated_only(LogicalAddress address) {
    Outcome outcome = pass(address, false);
    outcome.translation.untranslated_only = true;
    return outcome;
}

bool mode_is_known(const TranslationState& state, const Configuration& configuration) {
    return state.mode() == vtd::root_table::Mode::Legacy || (state.scalable() && configuration.scalable);
}

bool privileged(const TranslationState& state, const Request& request) {
    return state.scalable() && request.pasid && request.privileged;
}

// What of a cached translation tells how an access goes on.
struct Allowed {
    LogicalAddress first;  // of what the leaf spans
    unsigned shift = 0;
    PhysicalAddress address;  // of the byte that was asked for
    Permits permits;
    bool dirty = false;
    bool snooped = false;
};

inline void allow(Translation& into, const Allowed& what, bool supervisor) {
    const PhysicalAddress leaf{what.address.value & ~low_bits(what.shift)};
    const bool mixed = what.shift > interrupt_shift &&
                       (holds_interrupts(what.first.value, what.shift) || holds_interrupts(leaf.value, what.shift));
    into.allowed = true;
    into.address = what.address;
    into.granule = std::uint64_t{1} << (mixed ? interrupt_shift : what.shift);
    into.readable = what.permits.allows(needed_by(Access::Read, supervisor));
    into.writable = what.dirty && what.permits.allows(needed_by(Access::Write, supervisor));
    into.snooped = what.snooped;
    into.fault_reason = 0;
}

// A line of the IOTLB and a request for which it is: whether it allows it as it is.
inline bool serve(const iotlb_line::Words& words, const Request& request, bool supervisor, Translation& into) {
    const std::uint64_t says = words[2];
    const unsigned shift = iotlb_line::Shift::get(words[0]);
    const Allowed what{.first = iotlb_line::first_of(words),
                       .shift = shift,
                       .address = {(says & iotlb_line::leaf_address) + (request.address.value & low_bits(shift))},
                       .permits = {iotlb_line::Allowed::get(says)},
                       .dirty = iotlb_line::Dirty::get(says),
                       .snooped = iotlb_line::Snooped::get(says)};
    if (iotlb_line::Refusal::get(says) != FaultReason::None) return false;
    const Permits let_through = supervisor ? for_supervisors : Permits{};
    if (!what.permits.allows(needed_by(request.access, supervisor) | let_through)) return false;
    if (request.access == Access::Write && !what.dirty) return false;
    if (vtd::in_interrupt_range(what.address.value)) return false;
    allow(into, what, supervisor);
    return true;
}

// With a PASID only, as privileged requests.
bool is_execution(const Request& request) { return request.pasid && request.execute; }

Served served_by(const Outcome& outcome, const std::optional<CachedTranslation>& line) {
    return {.allowed = outcome.translation.allowed,
            .fault_reason = outcome.translation.fault_reason,
            .domain = line ? line->domain : std::uint16_t{0},
            .address = outcome.translation.address};
}

// Translated requests do not get as far as an entry that says how others are translated, but in legacy mode.
void note_route(const RouteOutcome& found, bool translated, LookupTrace& trace) {
    if (found.reason != FaultReason::None || (translated && found.route.scalable)) return;
    const Route& route = found.route;
    trace.route = RouteFound{route.kind, route.domain, route.pasid, route.privileged};
}

Invalidation invalidation_of(What what, const PageRange& range, bool leaves_only) {
    return {.what = what,
            .scope = Scope::Pages,
            .domain = range.domain,
            .pasid = range.pasid.value_or(Pasid{}),
            .first = range.address.value & ~low_bits(std::min(page_shift + range.mask, 64u)),
            .count = std::uint64_t{1} << range.mask,
            .leaves_only = leaves_only};
}

bool same(const Served& a, const Served& b) {
    return a.allowed == b.allowed && (!a.allowed || (a.address == b.address && a.domain == b.domain));
}

}  // namespace

bool is_interrupt(const Request& request) {
    return request.type == RequestType::Untranslated && !request.pasid &&
           vtd::in_interrupt_range(request.address.value);
}

Translator::Translator(const Configuration& configuration, MemoryPort& memory, StampClock& stamps,
                       const Outside& outside)
    : configuration_(configuration),
      stamps_(stamps),
      outside_(outside),
      devices_(configuration, memory),
      iotlb_(configuration.caches.iotlb, floors_),
      tables_(configuration.caches.tables, floors_),
      stages_(configuration, memory, tables_) {
    stale_uses_.configure(configuration.detect_stale_uses, configuration.stale_grace, outside.observer);
}

// Of a leaf that was never written through, a write has to set the dirty bit first. One that has no right to write is
// refused without a look at the leaf: cached rights are as good as cached addresses. But whether there may be requests
// for supervisors (SRE), or to execute (ERE, which no unit has), is for the PASID table entry to say.
bool Translator::usable(const TranslationState& state, const Request& request, const CachedTranslation& line) const {
    if (is_execution(request) || (privileged(state, request) && !line.permits.allows(for_supervisors))) return false;
    if (line.dirty || request.access == Access::Read || line.refusal != FaultReason::None) return true;
    return !line.permits.allows(needed_by(request.access, privileged(state, request)));
}

// What a leaf, cached or fresh, means for a request.
Outcome Translator::answer(const TranslationState& state, const Request& request, const CachedTranslation& line) const {
    const FaultReason lack = lack_of(request.access, state.scalable());
    if (line.refusal != FaultReason::None) return refuse(line.refusal_lacks_right() ? lack : line.refusal, line.quiet);
    const bool supervisor = privileged(state, request);
    const Permits needed = needed_by(request.access, supervisor);
    if (!line.permits.allows(needed)) {
        const bool wrong_mode = !supervisor && !line.permits.allows(for_users);
        return refuse(wrong_mode ? FaultReason::NotForUser : lack, line.quiet);
    }
    const PhysicalAddress address = line.translate(request.address);
    if (vtd::in_interrupt_range(address.value))
        return refuse(state.scalable() ? FaultReason::ScalableInterruptOutput : FaultReason::InterruptOutput,
                      line.quiet);
    Outcome outcome;
    allow(outcome.translation, {line.first, line.shift, address, line.permits, line.dirty, line.snooped}, supervisor);
    return outcome;
}

Translator::Resolved Translator::pass_through(const TranslationState& state, const Request& request,
                                              const Route& route) const {
    Resolved resolved;
    if (request.address.value >> configuration_.host_address_width != 0) {  // LGN.1.3, SGN.4: only the host's width
        const FaultReason reason =
            state.scalable() ? FaultReason::HostAddressBeyondWidth : FaultReason::AddressBeyondWidth;
        resolved.outcome = refuse(reason, route.quiet);
    } else if (vtd::in_interrupt_range(request.address.value)) {
        const FaultReason reason =
            state.scalable() ? FaultReason::ScalableInterruptOutput : FaultReason::InterruptOutput;
        resolved.outcome = refuse(reason, route.quiet);
    } else {
        resolved.outcome = pass(request.address);
        resolved.outcome.translation.snooped = route.snooped;
    }
    return resolved;
}

Translator::Resolved Translator::walk(const TranslationState& state, const Request& request, const Route& route,
                                      const Manner& manner) {
    const StageResult found = stages_.walk(route, request.address.value, request.access, manner);
    Resolved resolved;
    resolved.entry_at = found.entry_at;
    resolved.entry = found.entry;
    CachedTranslation line{.first = {request.address.value & ~low_bits(found.shift)},
                           .shift = found.shift,
                           .leaf = found.leaf,
                           .source = request.source,
                           .tagged = request.pasid.has_value(),
                           .pasid = route.pasid,
                           .domain = route.domain,
                           .kind = route.kind,
                           .permits = found.permits | (route.supervisor_requests ? for_supervisors : Permits{}),
                           .dirty = found.dirty,
                           .quiet = route.quiet,
                           .snooped = found.snooped,
                           .refusal = FaultReason::None,
                           .stamp = manner.stamp};
    if (!found.found()) {
        resolved.outcome = refuse(found.reason, route.quiet);
        // An access to a page that is there for others leaves nothing behind.
        if (!configuration_.caching_mode || !found.refused_to_all) return resolved;
        line.first = {request.address.value & ~low_bits(page_shift)};
        line.shift = page_shift;
        line.refusal = found.reason;
    } else {
        resolved.outcome = answer(state, request, line);
    }
    resolved.line = line;
    if (manner.fill_caches) iotlb_.insert(line);
    return resolved;
}

Translator::Resolved Translator::resolve(const TranslationState& state, const Request& request, const Manner& manner) {
    Resolved resolved;
    if (manner.trace != nullptr) manner.trace->begin();
    if (!state.enabled()) {
        resolved.outcome = pass(request.address);
    } else if (is_interrupt(request)) {
        resolved.outcome = interrupt_outcome(state, request);
    } else if (!mode_is_known(state, configuration_)) {
        resolved.outcome = refuse(FaultReason::BadRootTableMode, false);
    } else if (request.pasid && !state.scalable()) {
        resolved.outcome = refuse(FaultReason::PasidInLegacyMode, false);
    } else {
        // Whether a device may keep translations its tables say, and not the IOTLB.
        const auto known = [&](RequestType type) {
            return manner.use_caches && request.type == type ? resolve_cached(state, request, manner) : std::nullopt;
        };
        if (const auto untranslated = known(RequestType::Untranslated)) return *untranslated;
        const bool translated = request.type == RequestType::Translated;
        const RouteOutcome found =
            translated ? devices_.find_start(state, request, manner) : devices_.find(state, request, manner);
        if (manner.trace != nullptr) note_route(found, translated, *manner.trace);
        if (found.reason != FaultReason::None) {
            resolved.outcome = refuse(found.reason, found.route.quiet);
        } else if (is_question_for_interrupts(request)) {
            resolved.outcome = untranslated_only(request.address);
        } else if (found.route.kind == TranslationKind::PassThrough || translated) {
            resolved = pass_through(state, request, found.route);
        } else if (const auto asked_for = known(RequestType::Translation)) {
            return *asked_for;
        } else {
            resolved = walk(state, request, found.route, manner);
        }
        if (resolved.entry_at.value == 0) {
            resolved.entry_at = found.entry_at;
            resolved.entry = found.entry;
        }
    }
    return resolved;
}

RouteOutcome Translator::find_route(const TranslationState& state, const Request& request) {
    if (!mode_is_known(state, configuration_)) return {.route = {}, .reason = FaultReason::BadRootTableMode};
    if (request.pasid && !state.scalable()) return {.route = {}, .reason = FaultReason::PasidInLegacyMode};
    return devices_.find(state, request, from_memory_alone);
}

std::optional<Translator::Resolved> Translator::resolve_cached(const TranslationState& state, const Request& request,
                                                               const Manner& manner) const {
    const auto line = iotlb_.find(request);
    if (!line || !usable(state, request, *line)) return std::nullopt;
    manner.used(CacheKind::Iotlb, line->stamp);
    return Resolved{.outcome = answer(state, request, *line), .line = line, .from_iotlb = true};
}

// A translation request asks for the rights there are: where a page may not be written, reading alone is an answer.
Translator::Resolved Translator::resolve_rights(const TranslationState& state, const Request& request,
                                                const Manner& manner) {
    if (request.type != RequestType::Translation) return resolve(state, request, manner);
    Resolved resolved;
    if (state.enabled()) {
        resolved = resolve(state, request, manner);
        const auto lacking = static_cast<std::uint8_t>(lack_of(Access::Write, state.scalable()));
        if (request.access == Access::Write && resolved.outcome.translation.fault_reason == lacking) {
            Request reading = request;
            reading.access = Access::Read;
            resolved = resolve(state, reading, manner);
        }
    }
    resolved.unsaid = static_cast<FaultReason>(resolved.outcome.translation.fault_reason);
    finish_rights(state, request, resolved.outcome.translation);
    return resolved;
}

// What a device is told: it may ask for a page that is not there, and where that would be of no use gets an error.
void Translator::finish_rights(const TranslationState& state, const Request& request, Translation& answer) {
    answer.privileged = answer.allowed && privileged(state, request);
    if (is_recoverable(static_cast<FaultReason>(answer.fault_reason))) {
        answer.fault_reason = 0;
    } else {
        answer.refused = !answer.allowed;
    }
}

Translation Translator::tampered_refusal(const TranslationState& state, const Request& request, FaultReason reason) {
    lookups_.add();
    Translation answer = refuse(reason, false).translation;
    if (request.type == RequestType::Translation) finish_rights(state, request, answer);
    answer.tampered = true;
    return answer;
}

bool Translator::find(const TranslationState& state, const Request& request, Translation& into) {
    if (!peek(state, request, into)) return false;
    lookups_.add();
    return true;
}

bool Translator::peek(const TranslationState& state, const Request& request, Translation& into) {
    if (configuration_.detect_stale_uses || request.type == RequestType::Translation) return false;
    if (state.enabled() && !is_interrupt(request)) {
        if (!mode_is_known(state, configuration_)) return false;
        if (request.type == RequestType::Translated) return find_translated(state, request, into);
        if ((request.pasid && !state.scalable()) || is_execution(request)) return false;
        Iotlb::Hit hit;
        if (iotlb_.find(request, hit)) {
            if (!serve(hit.words, request, privileged(state, request), into)) return false;
        } else {
            const auto known = devices_.find_cached(state, request);
            if (!known || known->reason != FaultReason::None || known->route.kind != TranslationKind::PassThrough)
                return false;
            into = pass_through(state, request, known->route).outcome.translation;
        }
    } else {
        into = (state.enabled() ? interrupt_outcome(state, request) : pass(request.address)).translation;
    }
    return into.allowed;
}

// The context entry alone says whether a device may use what it has translated.
bool Translator::find_translated(const TranslationState& state, const Request& request, Translation& into) {
    const auto known = devices_.find_cached_start(state, request);
    if (!known || known->reason != FaultReason::None) return false;
    into = pass_through(state, request, known->route).outcome.translation;
    return into.allowed;
}

// The tables alone, as they are now, against what the caches had part in.
//
// Software may change a table between the two looks, and need not always invalidate: what was not present and so is not
// cached, for one. So a difference counts only if it is there again, between two looks at memory that agree.
void Translator::look_for_staleness(const TranslationState& state, const Request& request, const Resolved& served,
                                    const CacheParts& parts) {
    const Served got = served_by(served.outcome, served.line);
    const auto memory = [&] { return resolve_rights(state, request, from_memory_alone); };
    const Resolved truth = memory();
    const Served due = served_by(truth.outcome, truth.line);
    if (same(got, due)) return;
    CacheParts held;
    const Manner with_caches{.use_caches = true, .fill_caches = false, .parts = &held};
    const Resolved again = resolve_rights(state, request, with_caches);
    if (held.digest == 0 || same(served_by(again.outcome, again.line), due)) return;
    const Resolved still = memory();
    if (!same(served_by(still.outcome, still.line), due)) return;

    const StaleUse use{.request = request,
                       .served = got,
                       .memory = due,
                       .entry_at = truth.entry_at,
                       .entry = truth.entry,
                       .parts = held.digest,
                       .cached_at = parts.digest != 0 ? parts.oldest : held.oldest};
    stale_uses_.note(use, stamps_.next());
}

Translator::Resolved Translator::resolve_watched(const TranslationState& state, const Request& request,
                                                 const Manner& manner) {
    const Outside::Reading reading(outside_, request);
    return resolve_rights(state, request, manner);
}

Outcome Translator::translate(const TranslationState& state, const Request& request) {
    CacheParts parts;
    const Manner manner{.stamp = stamps_.next(), .parts = configuration_.detect_stale_uses ? &parts : nullptr};
    const Resolved resolved = resolve_watched(state, request, manner);
    lookups_.add();
    if (!resolved.from_iotlb) walks_.add();
    if (outside_.observer != nullptr && resolved.entry_at.value != 0)
        outside_.observer->walked(request, resolved.entry_at, resolved.entry);
    if (configuration_.detect_stale_uses && state.enabled()) {
        last_state_ = state;
        look_for_staleness(state, request, resolved, parts);
    }
    return resolved.outcome;
}

Outcome Translator::probe(const TranslationState& state, const Request& request) {
    return resolve_rights(state, request, {.use_caches = true, .fill_caches = false}).outcome;
}

// Closes the cases for which the caches would not use the same entries any more.
void Translator::close_stale_uses() {
    if (!stale_uses_.any_open()) return;
    stale_uses_.invalidated([this](const StaleUse& use) {
        CacheParts held;
        resolve_rights(last_state_, use.request, {.use_caches = true, .fill_caches = false, .parts = &held});
        return held.digest == use.parts;
    });
}

template <typename Work>
CommandFate Translator::carry_out(const Invalidation& command, Work&& work) {
    const CommandFate fate = outside_.gate.ask(command);
    if (fate != CommandFate::Execute) return fate;
    work();
    close_stale_uses();
    if (outside_.observer != nullptr) outside_.observer->invalidated(command);
    return fate;
}

CommandFate Translator::invalidate_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                                            unsigned masked_functions) {
    static constexpr std::uint16_t ignored_bits[] = {0b000, 0b100, 0b110, 0b111};
    if (granularity == vtd::ContextGranularity::Global)
        return carry_out({.what = What::Contexts, .scope = Scope::All},
                         [&] { devices_.forget_contexts(stamps_.next()); });
    const bool whole_domain = granularity == vtd::ContextGranularity::Domain;
    const Invalidation command{.what = What::Contexts,
                               .scope = whole_domain ? Scope::Domain : Scope::Device,
                               .domain = domain,
                               .source = whole_domain ? SourceId{} : source};
    return carry_out(
        command, [&] { devices_.forget_contexts(granularity, domain, source, ignored_bits[masked_functions & 3]); });
}

CommandFate Translator::invalidate_pasids(std::optional<std::uint16_t> domain, std::optional<Pasid> pasid) {
    if (!domain)
        return carry_out({.what = What::PasidEntries, .scope = Scope::All},
                         [&] { devices_.forget_pasids(stamps_.next()); });
    const Invalidation command{.what = What::PasidEntries,
                               .scope = pasid ? Scope::Pasid : Scope::Domain,
                               .domain = *domain,
                               .pasid = pasid.value_or(Pasid{})};
    return carry_out(command, [&] { devices_.forget_pasids(*domain, pasid); });
}

CommandFate Translator::invalidate_iotlb() {
    return carry_out({.what = What::Translations, .scope = Scope::All}, [&] {
        const std::uint64_t now = stamps_.next();
        iotlb_.forget_all(now);
        tables_.forget_all(now);
    });
}

CommandFate Translator::invalidate_iotlb(std::uint16_t domain) {
    return carry_out({.what = What::Translations, .scope = Scope::Domain, .domain = domain},
                     [&] { floors_.forget(domain, stamps_.next()); });
}

CommandFate Translator::invalidate_iotlb(const PageRange& range, bool leaves_only) {
    PageRange reached = range;
    reached.address.value &= low_bits(configuration_.address_width);
    return carry_out(invalidation_of(What::Translations, reached, leaves_only), [&] {
        iotlb_.forget_second_stage(reached);
        if (!leaves_only) tables_.forget_second_stage(reached);
        // What goes through a first stage of the domain has no place in the second stage's addresses (6.5.2.3).
        floors_.forget_first_stage(range.domain, stamps_.next());
    });
}

CommandFate Translator::invalidate_pasid_iotlb(std::uint16_t domain, Pasid pasid) {
    const Invalidation command{
        .what = What::PasidTranslations, .scope = Scope::Pasid, .domain = domain, .pasid = pasid};
    return carry_out(command, [&] {
        iotlb_.forget_pasid(domain, pasid);
        tables_.forget_pasid(domain, pasid);
    });
}

CommandFate Translator::invalidate_pasid_iotlb(const PageRange& range, bool leaves_only) {
    return carry_out(invalidation_of(What::PasidTranslations, range, leaves_only), [&] {
        iotlb_.forget_first_stage(range);
        if (!leaves_only) tables_.forget_first_stage(range);
    });
}

void Translator::reset() {
    const std::uint64_t now = stamps_.next();
    devices_.forget_contexts(now);
    devices_.forget_pasids(now);
    iotlb_.forget_all(now);
    tables_.forget_all(now);
    stale_uses_.reset();
    lookups_.reset();
    walks_.reset();
}

}  // namespace remap::iommu
