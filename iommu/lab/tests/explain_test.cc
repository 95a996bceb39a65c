// SPDX-License-Identifier: MIT
// Explanations as people read them. The texts are whole: who changes a word sees what it does to the rest.
#include "iommu/lab/explain.h"

#include "iommu/lab/advice.h"
#include "iommu/lab/names.h"
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <set>
#include <string>

namespace remap::lab {
namespace {

using iommu::Access;
using iommu::Request;
using test::Machine;
using test::ScalableMachine;

Request request_of(std::optional<std::uint32_t> pasid, std::uint64_t address, Access access = Access::Read) {
    Request request{.source = {0x10}, .address = {address}, .access = access};
    if (pasid) request.pasid = iommu::Pasid{*pasid};
    return request;
}

Explained explained(test::Machine& machine, const Request& request) { return explain(machine.unit.explain(request)); }

TEST(X, Print) {
    Machine machine;
    machine.start();
    puts(text_of(explained(machine, request_of({}, 0x1234, Access::Write))).c_str());
    puts(json_of(explained(machine, request_of({}, 0x1234, Access::Write))).c_str());
    ScalableMachine m;
    puts(text_of(explained(m, request_of(2, 0x3123, Access::Write))).c_str());
    m.ram.set(0x53010, 0x70001);
    puts(text_of(explained(m, request_of(2, 0x123, Access::Write))).c_str());
}

}  // namespace
}  // namespace remap::lab
