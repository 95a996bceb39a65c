// SPDX-License-Identifier: MIT
#include "iommu/engine/followed_table.h"

#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"

namespace remap::iommu {

namespace {

using paging::Rights;
using paging::VtdFirstStage;
using paging::VtdSecondStage;

constexpr Rights to_access = paging::right_read | paging::right_write;

// A first stage always lets read, but only who may use the page.
bool lets_through(Stage stage, Rights rights) {
    const bool second = stage == Stage::Second || stage == Stage::NestedSecond;
    return second ? (rights & to_access) != Rights{} : rights.covers(paging::right_user);
}

template <typename Format>
Target target_in(TableKey table, std::uint64_t entry, const typename Format::Limits& limits) {
    const unsigned level = table.level();
    if (!Format::present(entry) || Format::reserved(entry, level, limits) != 0) return {};
    const Rights rights = table.rights() & Format::rights(entry, level);
    if (!lets_through(table.stage(), rights)) return {};
    const std::uint64_t address = Format::address(entry, level);
    if (!Format::leaf(entry, level)) {
        return {.kind = Target::Kind::Table, .table = TableKey::of(address, level - 1, table.stage(), rights)};
    }
    return {.kind = Target::Kind::Leaf,
            .leaf = {PhysicalAddress{address}.page(), paging::pages_per_entry(level)},
            .rights = rights};
}

}  // namespace

Target target_of(const Configuration& configuration, TableKey table, std::uint64_t entry) {
    const Stage stage = table.stage();
    if (stage == Stage::First || stage == Stage::NestedFirst)
        return target_in<VtdFirstStage>(table, entry, configuration.first_stage_limits(stage == Stage::NestedFirst));
    Target target = target_in<VtdSecondStage>(table, entry, configuration.second_stage);
    target.snooped = target.kind == Target::Kind::Leaf && configuration.second_stage.snoop_control &&
                     (entry & vtd::second_stage::snoop) != 0;
    return target;
}

}  // namespace remap::iommu
