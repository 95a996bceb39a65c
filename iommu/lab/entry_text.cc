// SPDX-License-Identifier: MIT
#include "iommu/lab/entry_text.h"

#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"
#include "iommu/spec/interrupts.h"
#include "iommu/spec/scalable_tables.h"
#include "iommu/spec/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace remap::lab {

namespace {

using iommu::TableStep;
using What = TableStep::What;
namespace root = vtd::root_entry;
namespace ctx = vtd::context_entry;
namespace sm_root = vtd::scalable_root_entry;
namespace sm_ctx = vtd::scalable_context_entry;
namespace directory = vtd::pasid_directory_entry;
namespace pasid = vtd::pasid_entry;
namespace interrupt = vtd::interrupt_entry;

// Of a description, as it is put together.
class Fields {
public:
    explicit Fields(EntryText& text) : text_(text) {}

    template <typename F>
    Fields& add(std::string_view name, std::uint64_t word, std::string meaning = {}) {
        text_.fields.push_back({name, static_cast<std::uint64_t>(F::get(word)), std::move(meaning), false});
        return *this;
    }
    Fields& add_address(std::string_view name, std::uint64_t address) {
        text_.fields.push_back({name, address, {}, true});
        return *this;
    }

private:
    EntryText& text_;
};

std::string width_text(std::uint64_t address_width) {
    const unsigned levels = ctx::levels_of(address_width);
    return fmt::format("{} levels, {} bits", levels, paging::shift_of(levels + 1));
}

std::string leaf_size(unsigned level) {
    constexpr std::array<const char*, 3> sizes{"4 KiB", "2 MiB", "1 GiB"};
    return level >= 1 && level <= sizes.size() ? sizes[level - 1] : "no size";
}

EntryText describe_root(const TableStep& step) {
    const auto& words = step.words;
    EntryText text{.name = "root entry",
                   .section = "9.1",
                   .reserved = {words[0] & root::reserved_low, words[1] & root::reserved_high}};
    const std::uint64_t table = words[0] & root::context_table;
    Fields(text).add<root::Present>("P", words[0]).add_address("CTP", table);
    text.present = root::Present::get(words[0]);
    text.leads_to = fmt::format("the context table of the bus at 0x{:x}", table);
    return text;
}

EntryText describe_scalable_root(const TableStep& step, const UnitFacts& unit) {
    const std::uint64_t word = step.words[0];
    EntryText text{.name = "scalable-mode root entry",
                   .section = "9.2",
                   .reserved = {word & sm_root::reserved(unit.host_address_width)}};
    const bool upper = step.at.value % sm_root::bytes != 0;
    const std::uint64_t table = word & sm_root::context_table;
    Fields(text).add<sm_root::Present>(upper ? "UP" : "LP", word).add_address(upper ? "UCTP" : "LCTP", table);
    text.name += upper ? " (devices 16 to 31)" : " (devices 0 to 15)";
    text.present = sm_root::Present::get(word);
    text.leads_to = fmt::format("the context table at 0x{:x}", table);
    return text;
}

std::string type_text(ctx::TranslationType type) {
    switch (type) {
        case ctx::TranslationType::SecondStage: return "second stage, untranslated requests only";
        case ctx::TranslationType::DeviceTlb: return "second stage, all requests";
        case ctx::TranslationType::PassThrough: return "pass-through";
        case ctx::TranslationType::Reserved: break;
    }
    return "reserved";
}

EntryText describe_context(const TableStep& step, const UnitFacts& unit) {
    const auto& words = step.words;
    const ctx::TranslationType type = ctx::Type::get(words[0]);
    const bool through = type == ctx::TranslationType::PassThrough;
    const std::uint64_t beyond = through ? 0 : ctx::second_stage & vtd::beyond_host_width(unit.host_address_width);
    EntryText text{.name = "context entry",
                   .section = "9.3",
                   .reserved = {words[0] & (ctx::reserved_low | beyond), words[1] & ctx::reserved_high}};
    const std::uint64_t tables = words[0] & ctx::second_stage;
    Fields(text)
        .add<ctx::Present>("P", words[0])
        .add<ctx::FaultProcessingDisable>("FPD", words[0])
        .add<ctx::Type>("TT", words[0], type_text(type))
        .add_address("SSPTPTR", tables)
        .add<ctx::AddressWidth>("AW", words[1], width_text(ctx::AddressWidth::get(words[1])))
        .add<ctx::Domain>("DID", words[1]);
    text.present = ctx::Present::get(words[0]);
    text.leads_to =
        through ? std::string("addresses pass as they are") : fmt::format("second-stage tables at 0x{:x}", tables);
    return text;
}

EntryText describe_scalable_context(const TableStep& step, const UnitFacts& unit) {
    const auto& words = step.words;
    EntryText text{.name = "scalable-mode context entry", .section = "9.4"};
    const sm_ctx::Words reserved = sm_ctx::reserved(unit.extended_capability, unit.host_address_width);
    for (std::size_t i = 0; i < reserved.size(); ++i) text.reserved.push_back(words[i] & reserved[i]);
    const std::uint64_t table = words[0] & sm_ctx::pasid_directory;
    Fields(text)
        .add<sm_ctx::Present>("P", words[0])
        .add<sm_ctx::FaultProcessingDisable>("FPD", words[0])
        .add<sm_ctx::DeviceTlb>("DTE", words[0])
        .add<sm_ctx::Pasid>("PASIDE", words[0])
        .add<sm_ctx::PageRequest>("PRE", words[0])
        .add<sm_ctx::DirectorySize>("PDTS", words[0], fmt::format("PASIDs below 0x{:x}", sm_ctx::pasid_limit(words[0])))
        .add_address("PASIDDIRPTR", table)
        .add<sm_ctx::RequesterPasid>("RID_PASID", words[1]);
    text.present = sm_ctx::Present::get(words[0]);
    text.leads_to = fmt::format("the PASID directory at 0x{:x}", table);
    return text;
}

EntryText describe_directory(const TableStep& step, const UnitFacts& unit) {
    const std::uint64_t word = step.words[0];
    EntryText text{.name = "PASID directory entry",
                   .section = "9.5",
                   .reserved = {word & directory::reserved(unit.host_address_width)}};
    const std::uint64_t table = word & directory::pasid_table;
    Fields(text)
        .add<directory::Present>("P", word)
        .add<directory::FaultProcessingDisable>("FPD", word)
        .add_address("SMPTBLPTR", table);
    text.present = directory::Present::get(word);
    text.leads_to = fmt::format("the PASID table at 0x{:x}", table);
    return text;
}

std::string type_text(pasid::TranslationType type) {
    switch (type) {
        case pasid::TranslationType::FirstStage: return "first stage";
        case pasid::TranslationType::SecondStage: return "second stage";
        case pasid::TranslationType::Nested: return "nested";
        case pasid::TranslationType::PassThrough: return "pass-through";
    }
    return "reserved";
}

std::string mode_text(pasid::PagingMode mode) {
    switch (mode) {
        case pasid::PagingMode::FourLevels: return "4 levels";
        case pasid::PagingMode::FiveLevels: return "5 levels";
    }
    return "reserved";
}

std::string pasid_leads_to(const std::array<std::uint64_t, TableStep::most_words>& words) {
    const std::string first = fmt::format("first-stage tables at 0x{:x}", words[2] & pasid::first_stage);
    const std::string second = fmt::format("second-stage tables at 0x{:x}", words[0] & pasid::second_stage);
    switch (pasid::Type::get(words[0])) {
        case pasid::TranslationType::FirstStage: return first;
        case pasid::TranslationType::SecondStage: return second;
        case pasid::TranslationType::Nested: return first + " (guest-physical), on top of " + second;
        case pasid::TranslationType::PassThrough: return "addresses pass as they are";
    }
    return "nothing: there is no such type";
}

EntryText describe_pasid(const TableStep& step, const UnitFacts& unit) {
    const auto& words = step.words;
    EntryText text{.name = "PASID table entry", .section = "9.6"};
    const pasid::Words reserved = pasid::reserved(unit.extended_capability, unit.host_address_width);
    for (std::size_t i = 0; i < reserved.size(); ++i) text.reserved.push_back(words[i] & reserved[i]);
    const pasid::TranslationType type = pasid::Type::get(words[0]);
    const bool first = type == pasid::TranslationType::FirstStage || type == pasid::TranslationType::Nested;
    const bool second = type == pasid::TranslationType::SecondStage || type == pasid::TranslationType::Nested;
    Fields fields(text);
    fields.add<pasid::Present>("P", words[0])
        .add<pasid::FaultProcessingDisable>("FPD", words[0])
        .add<pasid::Type>("PGTT", words[0], type_text(type))
        .add<pasid::Domain>("DID", words[1])
        .add<pasid::WalkSnoop>("PWSNP", words[1])
        .add<pasid::PageSnoop>("PGSNP", words[1])
        .add<pasid::SupervisorRequest>("SRE", words[2]);
    if (second) {
        fields.add<pasid::AddressWidth>("AW", words[0], width_text(pasid::AddressWidth::get(words[0])))
            .add<pasid::SecondStageAccessedDirty>("SSADE", words[0])
            .add_address("SSPTPTR", words[0] & pasid::second_stage);
    }
    if (first) {
        fields.add<pasid::FirstStageMode>("FSPM", words[2], mode_text(pasid::FirstStageMode::get(words[2])))
            .add<pasid::WriteProtect>("WPE", words[2])
            .add<pasid::ExtendedAccessed>("EAFE", words[2])
            .add_address("FSPTPTR", words[2] & pasid::first_stage);
    }
    text.present = pasid::Present::get(words[0]);
    text.leads_to = pasid_leads_to(words);
    return text;
}

template <typename Format>
void describe_paging(EntryText& text, const TableStep& step, const typename Format::Limits& limits,
                     std::string_view kind) {
    const std::uint64_t entry = step.words[0];
    const unsigned level = std::max<unsigned>(step.level, 1);
    text.name = fmt::format("{} entry of level {}", kind, level);
    text.present = Format::present(entry);
    text.leaf = Format::leaf(entry, level);
    const paging::Rights rights = Format::rights(entry, level);
    text.readable = rights.covers(paging::right_read);
    text.writable = rights.covers(paging::right_write);
    text.for_users = rights.covers(paging::right_user);
    text.reserved = {text.present ? Format::reserved(entry, level, limits) : 0};
    const std::uint64_t address = Format::address(entry, level);
    text.leads_to = text.leaf ? fmt::format("a page of {} at 0x{:x}", leaf_size(level), address)
                              : fmt::format("the table of level {} at 0x{:x}", level - 1, address);
}

EntryText describe_first_stage(const TableStep& step, const UnitFacts& unit) {
    namespace fs = vtd::first_stage;
    const std::uint64_t entry = step.words[0];
    EntryText text{.section = "9.7"};
    // Of a nested first stage the addresses are guest-physical.
    const paging::VtdFirstStage::Limits limits{
        step.guest_at ? vtd::widest_host_address : unit.host_address_width,
        vtd::capability::FirstStageHugePages::get(unit.capability) ? paging::leaf_1g : paging::leaf_2m};
    describe_paging<paging::VtdFirstStage>(text, step, limits, "first-stage");
    if (step.guest_at && text.present) text.leads_to += " (guest-physical)";
    Fields fields(text);
    fields.add<fs::Present>("P", entry).add<fs::Write>("R/W", entry).add<fs::User>("U/S", entry);
    fields.add<fs::Accessed>("A", entry);
    if (text.leaf) fields.add<fs::Dirty>("D", entry);
    if (step.level == 2 || step.level == 3) fields.add<fs::PageSize>("PS", entry);
    return text;
}

EntryText describe_second_stage(const TableStep& step, const UnitFacts& unit) {
    namespace ss = vtd::second_stage;
    const std::uint64_t entry = step.words[0];
    EntryText text{.section = "9.8"};
    const paging::VtdSecondStage::Limits limits{
        unit.host_address_width,
        vtd::capability::LargePages::get(unit.capability) != 0 ? paging::leaf_1g : paging::leaf_4k,
        vtd::extended_capability::SnoopControl::get(unit.extended_capability)};
    describe_paging<paging::VtdSecondStage>(text, step, limits, "second-stage");
    Fields fields(text);
    fields.add<ss::Read>("R", entry).add<ss::Write>("W", entry);
    if (step.level == 2 || step.level == 3) fields.add<ss::PageSize>("PS", entry);
    fields.add<ss::Accessed>("A", entry);
    if (text.leaf) fields.add<ss::Dirty>("D", entry);
    return text;
}

std::string validation_text(interrupt::Validation validation) {
    switch (validation) {
        case interrupt::Validation::None: return "any source";
        case interrupt::Validation::Source: return "the source in SID, as far as SQ compares it";
        case interrupt::Validation::BusRange: return "sources of the buses that SID has";
        case interrupt::Validation::Reserved: break;
    }
    return "reserved";
}

EntryText describe_interrupt(const TableStep& step, const UnitFacts& unit) {
    const auto& words = step.words;
    EntryText text{.name = "interrupt remapping table entry",
                   .section = "9.9",
                   .reserved = {words[0] & interrupt::reserved_low(unit.extended_interrupts),
                                words[1] & interrupt::reserved_high}};
    Fields fields(text);
    fields.add<interrupt::Present>("P", words[0]).add<interrupt::FaultProcessingDisable>("FPD", words[0]);
    if (unit.extended_interrupts)
        fields.add<interrupt::Destination>("DST", words[0]);
    else
        fields.add<interrupt::ShortDestination>("DST", words[0]);
    fields.add<interrupt::Vector>("V", words[0])
        .add<interrupt::Delivery>("DLM", words[0])
        .add<interrupt::SourceValidation>("SVT", words[1], validation_text(interrupt::SourceValidation::get(words[1])))
        .add<interrupt::Qualifier>("SQ", words[1])
        .add<interrupt::Source>("SID", words[1]);
    text.present = interrupt::Present::get(words[0]);
    text.leads_to = fmt::format("vector 0x{:x}", interrupt::Vector::get(words[0]));
    return text;
}

EntryText describe(const TableStep& step, const UnitFacts& unit) {
    switch (step.what) {
        case What::RootEntry: return describe_root(step);
        case What::ContextEntry: return describe_context(step, unit);
        case What::ScalableRootEntry: return describe_scalable_root(step, unit);
        case What::ScalableContextEntry: return describe_scalable_context(step, unit);
        case What::PasidDirectoryEntry: return describe_directory(step, unit);
        case What::PasidEntry: return describe_pasid(step, unit);
        case What::FirstStageEntry: return describe_first_stage(step, unit);
        case What::SecondStageEntry: return describe_second_stage(step, unit);
        case What::InterruptEntry: return describe_interrupt(step, unit);
    }
    return {};
}

}  // namespace

bool EntryText::any_reserved() const {
    return std::ranges::any_of(reserved, [](std::uint64_t bits) { return bits != 0; });
}

EntryText text_of(const iommu::TableStep& step, const UnitFacts& unit) {
    EntryText text = describe(step, unit);
    if (!step.answered) {
        text = {.name = text.name, .section = text.section};
        text.leads_to = "memory does not answer: there is no RAM at this address";
    } else if (!text.present) {  // then nothing else counts
        text.reserved.clear();
        text.leaf = text.readable = text.writable = text.for_users = false;
        text.leads_to = "not present";
    }
    return text;
}

}  // namespace remap::lab
