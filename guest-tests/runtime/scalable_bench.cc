// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/scalable_bench.h"

#include "guest-tests/runtime/test.h"
#include "iommu/driver/capabilities.h"
#include "iommu/driver/domain.h"
#include "iommu/spec/tables.h"

namespace remap::guest {

namespace {

namespace sm_root = vtd::scalable_root_entry;
namespace sm_ctx = vtd::scalable_context_entry;
namespace directory = vtd::pasid_directory_entry;
namespace entry = vtd::pasid_entry;
namespace descriptor = vtd::descriptor;
using paging::EditError;
using FirstStage = paging::VtdFirstStage;

// No domain that the driver makes comes near it.
constexpr std::uint16_t pass_through_id = 0x1234;

constexpr unsigned first_stage_levels = 4;

EntryWord words_of(PhysicalPage table) { return reinterpret_cast<EntryWord>(table.address().value); }

}  // namespace

void ScalableInvalidations::finish() { REQUIRE(queue_.finish()); }

void ScalableInvalidations::contexts() {
    queue_.put(descriptor::make_context(vtd::ContextGranularity::Global, 0, 0, 0));
    finish();
}

void ScalableInvalidations::pasid_entries(std::uint16_t domain, std::uint32_t pasid) {
    queue_.put(descriptor::make_pasid(descriptor::pasid::Granularity::Pasid, domain, pasid));
    finish();
}

void ScalableInvalidations::translations(std::uint16_t domain) {
    queue_.put(descriptor::make_iotlb(vtd::IotlbGranularity::Domain, domain, 0, 0, 0));
    finish();
}

void ScalableInvalidations::pasid_translations(std::uint16_t domain, std::uint32_t pasid) {
    queue_.put(descriptor::make_pasid_iotlb(domain, pasid));
    finish();
}

void ScalableInvalidations::pasid_page(std::uint16_t domain, std::uint32_t pasid, LogicalAddress page) {
    queue_.put(descriptor::make_pasid_iotlb_pages(domain, pasid, page.value, 0, false));
    finish();
}

// In the order of section 6.6.
void ScalableInvalidations::everything() {
    queue_.put(descriptor::make_context(vtd::ContextGranularity::Global, 0, 0, 0));
    queue_.put(descriptor::make_pasid(descriptor::pasid::Granularity::Global, 0, 0));
    queue_.put(descriptor::make_iotlb(vtd::IotlbGranularity::Global, 0, 0, 0, 0));
    finish();
}

// Translation is off while the root table pointer takes the mode over (section 11.4.5).
ScalableBench::ScalableBench()
    : first_stage_(tables_, first_stage_levels),
      root_(allocate()),
      contexts_(allocate()),
      directory_(allocate()),
      entries_(allocate()) {
    REQUIRE(vtd::extended_capability::ScalableMode::get(unit.extended_capability()));
    REQUIRE_EQ(first_stage_.create(), EditError::None);
    map_first({gpu.command_page().address().value}, gpu.command_page());
    store_entry(directory_word(), entries_.address().value | directory::Present::mask);
    store_entry(context_words(), directory_.address().value | sm_ctx::Present::mask);
    store_entry(root_word(), contexts_.address().value | sm_root::Present::mask);
    invalidations_.emplace();
    switch_translation(false);
    registers.write64(vtd::root_table::offset,
                      root_.address().value | vtd::root_table::TranslationMode::of(vtd::root_table::Mode::Scalable));
    set_root_table_again();
    invalidations_->everything();
    switch_translation(true);
}

ScalableBench::~ScalableBench() {
    invalidations_->everything();
    switch_translation(false);
    invalidations_.reset();
    for (const PhysicalPage table : {root_, contexts_, directory_, entries_}) tables_.free_table(table);
}

PhysicalPage ScalableBench::allocate() {
    const auto page = tables_.allocate_table();
    REQUIRE(page);
    tables_.publish(*page, 0, page_size / sizeof(std::uint64_t));
    return *page;
}

ScalableBench::PasidWords ScalableBench::by_second_stage(const vtd_driver::Domain& of) const {
    return {of.editor.root().address().value | entry::Present::mask |
                entry::Type::of(entry::TranslationType::SecondStage) |
                entry::AddressWidth::of(vtd::context_entry::width_of(of.editor.levels())),
            entry::Domain::of(of.id)};
}

// The width means nothing here; Linux sets it all the same.
ScalableBench::PasidWords ScalableBench::by_first_stage() const {
    return {entry::Present::mask | entry::Type::of(entry::TranslationType::FirstStage) |
                entry::AddressWidth::of(vtd::context_entry::width_of(first_stage_levels)),
            entry::Domain::of(first_stage_id) | entry::WalkSnoop::of(true), first_stage_.root().address().value};
}

// The width has to be one that the unit has (section 9.6).
ScalableBench::PasidWords ScalableBench::pass_through() const {
    const vtd_driver::Capabilities capabilities(unit.capability(), unit.extended_capability());
    return {entry::Present::mask | entry::Type::of(entry::TranslationType::PassThrough) |
                entry::AddressWidth::of(vtd::context_entry::width_of(capabilities.most_levels())),
            entry::Domain::of(pass_through_id)};
}

// The word with the present bit last.
void ScalableBench::write_pasid(const PasidWords& words) const {
    const EntryWord to = pasid_words();
    for (unsigned i = static_cast<unsigned>(words.size()); i-- > 0;) store_entry(to + i, words[i]);
}

EntryWord ScalableBench::root_word() const {
    const auto devfn = static_cast<std::uint8_t>(gpu.source() & 0xff);
    return words_of(root_) + 2 * (gpu.source() >> 8) + sm_root::word_of(devfn);
}

EntryWord ScalableBench::context_words() const {
    const auto devfn = static_cast<std::uint8_t>(gpu.source() & 0xff);
    return words_of(contexts_) + sm_ctx::bytes / 8 * sm_ctx::index_of(devfn);
}

EntryWord ScalableBench::directory_word() const { return words_of(directory_) + directory::index_of(pasid); }

EntryWord ScalableBench::pasid_words() const { return words_of(entries_) + entry::bytes / 8 * entry::index_of(pasid); }

void ScalableBench::map_first(LogicalAddress at, PhysicalPage to, bool writable, std::uint64_t pages) {
    REQUIRE_EQ(first_stage_.map({.first = at.page(),
                                 .to = to,
                                 .pages = pages,
                                 .attributes = FirstStage::user | (writable ? FirstStage::writable : 0)}),
               EditError::None);
}

EntryWord ScalableBench::first_stage_entry(LogicalAddress at, unsigned level) const {
    PhysicalPage table = first_stage_.root();
    for (unsigned above = first_stage_levels; above > level; --above) {
        const std::uint64_t next = words_of(table)[paging::index_of(at.page().number, above)];
        table = PhysicalAddress{next & vtd::first_stage::address}.page();
    }
    return words_of(table) + paging::index_of(at.page().number, level);
}

}  // namespace remap::guest
