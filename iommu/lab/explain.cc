// SPDX-License-Identifier: MIT
#include "iommu/lab/explain.h"

#include "iommu/lab/advice.h"
#include "iommu/lab/names.h"
#include "iommu/lab/reach_text.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace remap::lab {

namespace {

using iommu::Access;
using iommu::Explanation;
using iommu::InterruptExplanation;
using iommu::LookupEnd;
using iommu::RequestType;
using iommu::TableStep;
using vtd::FaultReason;
using What = TableStep::What;

std::string place_of(const ExplainedStep& one) {
    return fmt::format("the {} at 0x{:x}", one.entry.name, one.step.at.value);
}

std::string question_of(const iommu::Request& request) {
    const bool write = request.access == Access::Write;
    std::string text;
    switch (request.type) {
        case RequestType::Untranslated: text = write ? "write to" : "read of"; break;
        case RequestType::Translated: text = write ? "translated write to" : "translated read of"; break;
        case RequestType::Translation:
            text = write ? "request for a translation to write" : "request for a translation to read";
            break;
    }
    text += fmt::format(" 0x{:x} by {}", request.address.value, text_of_source(request.source.value));
    text += request.pasid ? fmt::format(", PASID {}", request.pasid->value) : std::string(", without PASID");
    return request.pasid && request.privileged ? text + ", privileged" : text;
}

std::string registers_of(const Explanation& told) {
    using Mode = vtd::root_table::Mode;
    if (!told.translates) return "translation is off (GSTS_REG.TES is 0): every address passes as it is";
    const Mode mode = vtd::root_table::TranslationMode::get(told.root_table);
    const char* const name = mode == Mode::Legacy     ? "legacy mode"
                             : mode == Mode::Scalable ? "scalable mode"
                                                      : "a mode that the unit does not have";
    return fmt::format("translation is on (GSTS_REG.TES is 1); RTADDR_REG 0x{:x}: {}, root table at 0x{:x}",
                       told.root_table, name, told.root_table & vtd::root_table::address);
}

// By an entry that can take it away.
bool gives(const EntryText& entry, FaultReason lacking) {
    switch (lacking) {
        case FaultReason::NoWrite:
        case FaultReason::ScalableNoWrite:
        case FaultReason::NestedEntryNotWritable: return entry.writable;
        case FaultReason::NotForUser: return entry.for_users;
        default: return entry.readable;
    }
}

bool is_paging(What what) { return what == What::FirstStageEntry || what == What::SecondStageEntry; }

bool is_about_rights(FaultReason reason) {
    switch (reason) {
        case FaultReason::NoWrite:
        case FaultReason::NoRead:
        case FaultReason::ScalableNoWrite:
        case FaultReason::ScalableNoRead:
        case FaultReason::NotForUser:
        case FaultReason::NestedEntryNotReadable:
        case FaultReason::NestedRootNotReadable:
        case FaultReason::NestedEntryNotWritable: return true;
        default: return false;
    }
}

// The entry for which the request is refused: the last one, but of rights the first that takes them away. Of a nested
// pair that is one of the walk that the request ended in.
const ExplainedStep* deciding(const std::vector<ExplainedStep>& steps, FaultReason reason) {
    if (steps.empty()) return nullptr;
    const ExplainedStep& last = steps.back();
    if (!is_about_rights(reason) || !last.entry.present) return &last;
    const auto found = std::ranges::find_if(steps, [&](const ExplainedStep& one) {
        const bool same_walk = one.step.what == last.step.what && one.step.purpose == last.step.purpose &&
                               one.step.input == last.step.input;
        const bool can =
            is_paging(one.step.what) && (reason != FaultReason::NotForUser || one.step.what == What::FirstStageEntry);
        return can && same_walk && !gives(one.entry, reason);
    });
    return found == steps.end() ? &last : &*found;
}

std::string reserved_text(const EntryText& entry) {
    std::string text;
    for (std::size_t i = 0; i < entry.reserved.size(); ++i) {
        if (entry.reserved[i] == 0) continue;
        text += fmt::format("{}bits 0x{:x}", text.empty() ? "" : " and ", entry.reserved[i]);
        if (entry.reserved.size() > 1) text += fmt::format(" of word {}", i);
    }
    return text;
}

// Untranslated requests without PASID to the interrupt range (VT-d section 3.15): the tables are not asked.
bool is_interrupt(const Explanation& told) {
    return told.translates && told.request.type == RequestType::Untranslated && !told.request.pasid &&
           vtd::in_interrupt_range(told.request.address.value);
}

std::string interrupts_are_written(FaultReason reason) {
    if (reason == FaultReason::None) return "Nothing needs to be done: what is written here is an interrupt request.";
    return "Addresses 0xfee00000 to 0xfeefffff are interrupt requests, which can only be written: do not hand them out "
           "as memory.";
}

// What a driver has to invalidate after it has changed entries of a stage (VT-d sections 6.5.2.3 and 6.5.2.4).
std::string translations_of(const Explanation& told, bool first_stage) {
    if (!told.route) return "the IOTLB";
    if (first_stage && has_first_stage(told.route->kind))
        return fmt::format("the PASID-based IOTLB for domain {}, PASID {}", told.route->domain,
                           told.route->pasid.value);
    return fmt::format("the IOTLB for domain {}", told.route->domain);
}

Circumstances circumstances_of(const std::vector<ExplainedStep>& steps, FaultReason reason, iommu::SourceId source) {
    Circumstances about;
    about.device = "device " + text_of_source(source.value);
    const ExplainedStep* const decided = deciding(steps, reason);
    if (decided == nullptr) return about;
    about.entry = place_of(*decided);
    about.present = !decided->step.answered || decided->entry.present;
    if (decided->entry.any_reserved()) about.reserved = reserved_text(decided->entry);
    return about;
}

std::string rights_text(const iommu::Translation& answer) {
    if (answer.readable) return answer.writable ? "readable and writable" : "readable";
    return answer.writable ? "writable" : "neither readable nor writable";
}

std::string refusal_text(FaultReason reason, bool quiet) {
    return fmt::format("refused: fault 0x{:x}, {}{}", static_cast<unsigned>(reason), vtd::text_of(reason),
                       quiet ? " (not recorded: FPD is set)" : "");
}

std::string end_of(const LookupEnd& end, const iommu::Request& request) {
    const iommu::Translation& answer = end.translation;
    if (end.reason != FaultReason::None) {
        std::string text = refusal_text(end.reason, end.quiet);
        if (request.type == RequestType::Translation && !answer.refused)
            text += "; the device is told that there is no such right, and may ask for the page";
        return text;
    }
    if (!answer.allowed) return "refused";
    const bool interrupt = !request.pasid && vtd::in_interrupt_range(request.address.value);
    if (answer.untranslated_only) return "in the interrupt range: to be written untranslated";
    if (interrupt && request.type == RequestType::Untranslated)
        return "allowed: it is an interrupt request, not an access to memory";
    return fmt::format("allowed: physical address 0x{:x}, {}{}, alike for 0x{:x} bytes around it", answer.address.value,
                       rights_text(answer), answer.snooped ? ", snooped" : "", answer.granule);
}

std::string caches_of(const Explanation& told) {
    std::string names;
    const auto add = [&](bool used, std::string_view name) {
        if (used) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    };
    add(told.used_iotlb, "the IOTLB");
    add(told.used_tables, "the paging-structure cache");
    add(told.used_pasids, "the PASID cache");
    add(told.used_contexts, "the context cache");
    return names;
}

// What has to be invalidated so that the tables count again (VT-d section 6.5): the caches from the top down.
std::string missing_invalidation(const Explanation& told) {
    std::string text;
    const auto add = [&](bool used, const std::string& what) {
        if (used) text += fmt::format("{}{}", text.empty() ? "" : ", then ", what);
    };
    const std::string device = text_of_source(told.request.source.value);
    add(told.used_contexts, "the context cache for device " + device);
    add(told.used_pasids, "the PASID cache for device " + device);
    add(told.used_iotlb || told.used_tables,
        translations_of(told, told.route && told.route->kind == iommu::TranslationKind::FirstStage));
    return text;
}

}  // namespace

Explained explain(const Explanation& told, const Objects* objects) {
    Explained explained;
    explained.question = question_of(told.request);
    explained.registers = registers_of(told);
    const UnitFacts unit{told.capability, told.extended_capability, told.host_address_width, false};
    for (const TableStep& step : told.steps) explained.steps.push_back({text_of(step, unit), step});
    explained.allowed = told.memory.translation.allowed;
    explained.reason = static_cast<std::uint8_t>(told.memory.reason);
    explained.end = end_of(told.memory, told.request);

    Circumstances about = circumstances_of(explained.steps, told.memory.reason, told.request.source);
    const ExplainedStep* const decided = deciding(explained.steps, told.memory.reason);
    about.translations = translations_of(told, decided != nullptr && decided->step.what == What::FirstStageEntry);
    about.caching_mode = vtd::capability::CachingMode::get(told.capability);
    explained.advice = told.steps.empty() && is_interrupt(told) ? interrupts_are_written(told.memory.reason)
                                                                : advice_on(told.memory.reason, about);
    if (explained.allowed && objects != nullptr) {
        if (const auto owner = objects->owner_of(told.memory.translation.address.page()))
            explained.owner = text_of(*owner);
    }
    if (told.stale()) {
        explained.stale =
            fmt::format("{} still say{}: {}", caches_of(told),
                        caches_of(told).find(',') == std::string::npos ? "s" : "", end_of(told.cached, told.request));
        const std::string due =
            "An invalidation is missing, or not done yet: invalidate " + missing_invalidation(told) + ".";
        explained.advice =
            told.memory.reason == FaultReason::None ? due : due + " For the fault that follows: " + explained.advice;
    }
    return explained;
}

Explained explain(const InterruptExplanation& told) {
    namespace table = vtd::interrupt_table;
    Explained explained;
    explained.question = fmt::format("interrupt request 0x{:x}, data 0x{:x}, by {}", told.message.address,
                                     told.message.data, text_of_source(told.source.value));
    explained.registers =
        told.remaps
            ? fmt::format(
                  "interrupt remapping is on (GSTS_REG.IRES is 1); IRTA_REG 0x{:x}: {} entries at "
                  "0x{:x}{}; compatibility-format requests are {}",
                  told.table_register, table::entries(told.table_register), told.table_register & table::address,
                  table::ExtendedMode::get(told.table_register) ? ", x2APIC mode" : "",
                  told.compatibility_passes ? "passed" : "blocked")
            : "interrupt remapping is off (GSTS_REG.IRES is 0): the message passes as it is";
    UnitFacts unit{.host_address_width = told.host_address_width};
    unit.extended_interrupts = table::ExtendedMode::get(told.table_register);
    if (told.step) explained.steps.push_back({text_of(*told.step, unit), *told.step});
    const auto end_text = [](const InterruptExplanation::End& end) {
        if (end.reason != FaultReason::None) return refusal_text(end.reason, end.quiet);
        return fmt::format("allowed: message 0x{:x}, data 0x{:x}{}", end.message.address, end.message.data,
                           end.unverified ? ", although the entry is for another source" : "");
    };
    explained.allowed = told.memory.reason == FaultReason::None;
    explained.reason = static_cast<std::uint8_t>(told.memory.reason);
    explained.end = end_text(told.memory);
    explained.advice =
        advice_on(told.memory.reason, circumstances_of(explained.steps, told.memory.reason, told.source));
    if (told.stale()) {
        explained.stale = "the interrupt entry cache still says: " + end_text(told.cached);
        explained.advice = fmt::format(
            "An invalidation is missing, or not done yet: invalidate the interrupt entry "
            "cache for index {}.",
            told.memory.index);
    }
    return explained;
}

}  // namespace remap::lab
