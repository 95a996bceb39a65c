// SPDX-License-Identifier: MIT
// Context-cache and PASID-cache invalidation: which granularity takes out what, and what it leaves (VT-d sections
// 6.5.1.1, 6.5.2.1 and 6.5.2.2).
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace remap::test {
namespace {

// Three devices in legacy mode: devfn 0x10 and 0x14 in domain 7, 0x20 in domain 8. `gone` are those whose context entry
// the invalidation takes out.
struct ContextRow {
    const char* name;
    std::uint64_t command;     // CCMD_REG
    std::uint64_t descriptor;  // the same as a descriptor's low word
    std::vector<std::uint16_t> gone;
    std::uint64_t done = 0;  // CCMD_REG afterwards

    friend void PrintTo(const ContextRow& row, std::ostream* to) { *to << row.name; }
};

constexpr std::uint16_t devices[] = {0x10, 0x14, 0x20};

void fill(Machine& machine) {
    for (const std::uint16_t device : devices) {
        machine.ram.set(0x11000 + 16 * device, 0x12001);
        machine.ram.set(0x11008 + 16 * device, device == 0x20 ? 0x801 : 0x701);
    }
    machine.set_root();
    machine.enable();
    for (const std::uint16_t device : devices) EXPECT_TRUE(machine.access(device, 0).allowed);
    for (const std::uint16_t device : devices) machine.ram.set(0x11000 + 16 * device, 0);
}
// A page that the IOTLB does not know shows whether the context entry is still there.
std::vector<std::uint16_t> gone(Machine& machine) {
    std::vector<std::uint16_t> found;
    for (const std::uint16_t device : devices) {
        if (machine.reason(device, 0x1000) == 0x2) found.push_back(device);
        EXPECT_TRUE(machine.access(device, 0).allowed) << "the IOTLB is not touched";
    }
    return found;
}

class ContextInvalidation : public testing::TestWithParam<ContextRow> {
protected:
    ContextInvalidation() {
        machine.write_tables();
        fill(machine);
    }
    Machine machine;
};

TEST_P(ContextInvalidation, ByRegister) {
    machine.write64(0x28, GetParam().command);
    EXPECT_EQ(machine.read64(0x28), GetParam().done);
    EXPECT_EQ(gone(machine), GetParam().gone);
}

TEST_P(ContextInvalidation, ByDescriptor) {
    if (GetParam().descriptor == 0) return;  // has no granularity: see the queue's errors
    machine.write64(0x90, 0x20000);
    machine.write32(0x18, 0x84000000);
    machine.ram.set(0x20000, GetParam().descriptor);
    machine.write64(0x88, 0x10);
    EXPECT_EQ(machine.read64(0x80), 0x10u);
    EXPECT_EQ(gone(machine), GetParam().gone);
}

const ContextRow contexts[] = {
    {"Global", 0xa000000000000000, 0x11, {0x10, 0x14, 0x20}, 0x2800000000000000},
    {"Domain", 0xc000000000000007, 0x00070021, {0x10, 0x14}, 0x5000000000000007},
    {"DomainOfOneDevice", 0xc000000000000008, 0x00080021, {0x20}, 0x5000000000000008},
    {"DomainOfNobody", 0xc000000000000009, 0x00090021, {}, 0x5000000000000009},
    {"Device", 0xe000000000100007, 0x0000001000070031, {0x10}, 0x7800000000100007},
    {"DeviceInAnotherDomain", 0xe000000000100008, 0x0000001000080031, {}, 0x7800000000100008},
    {"DeviceThatIsNotCached", 0xe000000000110007, 0x0000001100070031, {}, 0x7800000000110007},
    {"FunctionMask1_IgnoresBit2", 0xe000000100100007, 0x0001001000070031, {0x10, 0x14}, 0x7800000100100007},
    {"FunctionMask1_KeepsBit1", 0xe000000100120007, 0x0001001200070031, {}, 0x7800000100120007},
    {"FunctionMask2_IgnoresBits2And1", 0xe000000200120007, 0x0002001200070031, {0x10, 0x14}, 0x7800000200120007},
    {"FunctionMask2_KeepsBit0", 0xe000000200110007, 0x0002001100070031, {}, 0x7800000200110007},
    {"FunctionMask3_IgnoresAll", 0xe000000300170007, 0x0003001700070031, {0x10, 0x14}, 0x7800000300170007},
    {"FunctionMask3_KeepsTheDevice", 0xe000000300180007, 0x0003001800070031, {}, 0x7800000300180007},
    {"Granularity0", 0x8000000000000007, 0, {}, 0x0000000000000007},
    {"NotSubmitted", 0x2000000000000007, 0, {}, 0x2000000000000007},
};

INSTANTIATE_TEST_SUITE_P(Section6_5_2_1, ContextInvalidation, testing::ValuesIn(contexts),
                         [](const auto& info) { return std::string(info.param.name); });

// Scalable mode: context entries belong to no domain; PASID entries do. Both devices have PASIDs 0 to 3.
struct PasidRow {
    const char* name;
    std::uint64_t descriptor;
    const char* gone;  // of devfn 0x10 and 0x18, the PASIDs that are gone; C where the context entry is

    friend void PrintTo(const PasidRow& row, std::ostream* to) { *to << row.name; }
};

class ScalableInvalidation : public testing::TestWithParam<PasidRow> {};

TEST_P(ScalableInvalidation, TakesOutThisAndLeavesThat) {
    std::string gone;
    // Each is asked for on a machine of its own: a lookup caches again what was gone.
    for (const std::uint16_t device : {0x10, 0x18}) {
        if (device == 0x18) gone += " ";
        for (const char what : std::string("C0123")) {
            ScalableMachine machine;
            machine.ram.set(0x11300, 0x20009);
            machine.set_pasid(4, 0x101, 0x80000b, 0x0);
            const auto reason = [&](std::uint32_t pasid) {
                iommu::Request request{.source = {device}, .address = {0x600000}};
                request.pasid = iommu::Pasid{pasid};
                return machine.unit.translate(request).fault_reason;
            };
            for (std::uint32_t pasid = 0; pasid < 4; ++pasid) reason(pasid);
            if (what == 'C') {
                machine.ram.set(0x11000 + 0x20 * device, 0);
            } else {
                machine.ram.set(0x21000 + 0x40 * (what - '0'), 0);
            }
            EXPECT_EQ(machine.command(GetParam().descriptor), 0u);
            if (what == 'C' ? reason(4) == 0x41 : reason(static_cast<std::uint32_t>(what - '0')) == 0x59) gone += what;
        }
    }
    EXPECT_EQ(gone, GetParam().gone);
}

const PasidRow pasids[] = {
    {"Context_Global", 0x11, "C C"},
    {"Context_DomainMeansAll", 0x00770021, "C C"},
    {"Context_Device", 0x0000001000000031, "C "},
    {"Context_DeviceWithAnyDomain", 0x0000001000770031, "C "},
    {"Context_FunctionMask", 0x0003001700000031, "C "},
    {"Pasid_Global", 0x37, "0123 0123"},
    {"Pasid_Domain", 0x00080007, "1 1"},
    {"Pasid_DomainOfNobody", 0x00110007, " "},
    {"Pasid_Selective", 0x0000000200090017, "2 2"},
    {"Pasid_SelectiveInAnotherDomain", 0x0000000200080017, " "},
    {"Pasid_SelectiveOther", 0x0000000500090017, " "},
    {"Iotlb_GlobalLeavesBoth", 0x12, " "},
    {"Iotlb_DomainLeavesBoth", 0x00080022, " "},
    {"PasidIotlb_LeavesBoth", 0x0000000100080026, " "},
};

INSTANTIATE_TEST_SUITE_P(Section6_5_2_2, ScalableInvalidation, testing::ValuesIn(pasids),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace remap::test
