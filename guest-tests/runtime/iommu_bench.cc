// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/iommu_bench.h"

#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/test.h"
#include "iommu/driver/capabilities.h"
#include "iommu/driver/domain.h"
#include "iommu/spec/tables.h"

namespace remap::guest {

namespace {

namespace ctx = vtd::context_entry;
using vtd_driver::Domain;
using vtd_driver::Error;
using vtd_driver::Unit;

// No domain that the driver makes comes near it.
constexpr std::uint16_t pass_through_id = 0x1234;

Unit& fresh_unit() {
    REQUIRE(iommu() != nullptr);
    restart_iommu();
    return *iommu();
}

}  // namespace

MarkedFrame::MarkedFrame() {
    const auto page = allocate_owned_page();
    REQUIRE(page);
    page_ = *page;
    word(0) = mark();
}

MarkedFrame::~MarkedFrame() { free_owned_page(page_); }

volatile std::uint64_t& MarkedFrame::word(unsigned index) const {
    return reinterpret_cast<volatile std::uint64_t*>(page_.address().value)[index];
}

IommuBench::IommuBench()
    : unit(fresh_unit()), registers(iommu_registers()), domain(create_domain()), other(create_domain()) {
    REQUIRE_EQ(unit.attach(gpu.source(), domain), Error::None);
}

// Attaching after the restart would be wrong: the domains go away.
IommuBench::~IommuBench() {
    forget.end();
    restart_iommu();
    unit.destroy_domain(&other);
    unit.destroy_domain(&domain);
}

Domain& IommuBench::create_domain() const {
    Error error = Error::None;
    Domain* made = unit.create_domain(error);
    REQUIRE_EQ(error, Error::None);
    map(*made, {gpu.command_page().address().value}, gpu.command_page());
    return *made;
}

std::uint16_t IommuBench::id_of(const Domain& of) const { return of.id; }

ContextWords IommuBench::context_of(const Domain& of) const {
    return {
        of.editor.root().address().value | ctx::Present::of(true) | ctx::Type::of(ctx::TranslationType::SecondStage),
        ctx::AddressWidth::of(ctx::width_of(of.editor.levels())) | ctx::Domain::of(of.id)};
}

// The width has to be the largest that the unit has (section 9.3).
ContextWords IommuBench::pass_through_context() const {
    const vtd_driver::Capabilities capabilities(unit.capability(), unit.extended_capability());
    return {ctx::Present::of(true) | ctx::Type::of(ctx::TranslationType::PassThrough),
            ctx::AddressWidth::of(ctx::width_of(capabilities.most_levels())) | ctx::Domain::of(pass_through_id)};
}

void IommuBench::map(Domain& in, LogicalAddress at, PhysicalPage to, std::uint64_t pages, Unit::Rights rights) const {
    REQUIRE_EQ(unit.map(in, at.page(), to, pages, rights), Error::None);
}

void IommuBench::point_leaf(LogicalAddress at, PhysicalPage to) const {
    const EntryWord leaf = leaf_of(gpu.source(), at).word;
    store_entry(leaf, (*leaf & ~vtd::second_stage::address) | to.address().value);
}

void IommuBench::write_context(const ContextWords& words) const {
    const EntryWord entry = context_entry_of(gpu.source());
    store_entry(entry + 1, words.high);
    store_entry(entry, words.low);
}

}  // namespace remap::guest
