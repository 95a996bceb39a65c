// SPDX-License-Identifier: MIT
// A row of the manual's table of fault conditions (VT-d section 7.1.3) as a test: what brings the condition about, who
// asks, what the fault record says word by word, and whether FPD silences it (column "Qualified").
#pragma once

#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace remap::test {

inline constexpr std::uint64_t hole = 0x3f0000000000;  // below the host address width, and no memory there
inline constexpr auto read = iommu::Access::Read;
inline constexpr auto write = iommu::Access::Write;

template <typename AnyMachine>
struct FaultRow {
    const char* condition;  // the manual's code, and which case of it
    std::function<void(AnyMachine&)> arrange;
    iommu::Request request;
    std::uint64_t low;   // of the fault record
    std::uint64_t high;  // with F, T1, FR, SID and what the request's PASID adds
    bool qualified = true;

    friend void PrintTo(const FaultRow& row, std::ostream* to) { *to << row.condition; }
};

inline iommu::Request from_device(std::uint64_t address, iommu::Access access = read) {
    return {.source = {0x10}, .address = {address}, .access = access};
}
inline iommu::Request with_pasid(std::uint32_t pasid, std::uint64_t address, iommu::Access access = read) {
    return {.source = {0x10}, .address = {address}, .access = access, .pasid = iommu::Pasid{pasid}};
}

template <typename AnyMachine>
std::string name_of_row(const testing::TestParamInfo<FaultRow<AnyMachine>>& info) {
    return info.param.condition;
}

// Each time the machine is asked twice: what the caches have kept of the first time changes nothing.
template <typename AnyMachine>
void expect_fault(AnyMachine& machine, const FaultRow<AnyMachine>& row, bool recorded) {
    for (int time = 0; time < 2; ++time) {
        const iommu::Translation refused = machine.unit.translate(row.request);
        EXPECT_FALSE(refused.allowed);
        EXPECT_EQ(refused.fault_reason, row.high >> 32 & 0xff);
    }
    EXPECT_EQ(machine.read32(0x34), recorded ? 0x2u : 0x0u);
    EXPECT_EQ(machine.read64(0x220), recorded ? row.low : 0u);
    EXPECT_EQ(machine.read64(0x228), recorded ? row.high : 0u);
    EXPECT_EQ(machine.read64(0x238), 0u) << "one record";
}

}  // namespace remap::test
