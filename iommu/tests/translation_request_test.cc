// SPDX-License-Identifier: MIT
// What devices that keep translations are answered (VT-d sections 4.1.2 and 4.2.3), and what they may do with it.
#include "iommu/tests/device_bench.h"

namespace remap::iommu {
namespace {

using test::DeviceBench;

// Fields of ATS's translation completion, as letters: R, W, U, P (privileged), N (snoop, whatever the device says).
std::string rights_of(const Translation& t) {
    std::string letters;
    if (t.readable) letters += 'R';
    if (t.writable) letters += 'W';
    if (t.untranslated_only) letters += 'U';
    if (t.privileged) letters += 'P';
    if (t.snooped) letters += 'N';
    return letters;
}

class TranslationRequest : public DeviceBench {};

TEST_F(TranslationRequest, IsAnsweredWithAddressSizeAndRights) {
    struct Row {
        const char* what;
        std::optional<std::uint32_t> pasid;
        std::uint64_t address;
        bool write, privileged;
        const char* rights;
        std::uint64_t result, granule;
    };
    const Row rows[] = {
        {"read and write page, No Write clear", {}, 0x0123, true, false, "RW", 0x55123, 0x1000},
        {"read only page, No Write clear: reading is given", {}, 0x1000, true, false, "R", 0x56000, 0x1000},
        {"write only page", {}, 0x2000, true, false, "W", 0x57000, 0x1000},
        {"large leaf", {}, 0x234567, true, false, "RW", 0x634567, 0x200000},
        {"PASID, first stage", 5, 0x0fff, true, false, "RW", 0x65fff, 0x1000},
        {"PASID, read only", 5, 0x1000, true, false, "R", 0x66000, 0x1000},
        {"PASID, supervisor page, privileged", 5, 0x2000, true, true, "RWP", 0x67000, 0x1000},
        {"PASID, read only page, privileged: WPE is clear", 5, 0x1000, true, true, "RWP", 0x66000, 0x1000},
        {"PASID, large leaf", 5, 0x200000, true, false, "RW", 0x800000, 0x200000},
        {"PASID that passes through", 6, 0x123456789, true, false, "RW", 0x123456789, 0x100000},
        {"interrupt range without a PASID", {}, 0xfee00123, true, false, "WU", 0xfee00123, 0x100000},
    };
    for (const Row& row : rows) {
        const Translation t = ask(row.address, row.write, row.pasid, row.privileged);
        EXPECT_TRUE(t.allowed && !t.refused) << row.what;
        EXPECT_EQ(rights_of(t), row.rights) << row.what;
        EXPECT_EQ(t.address.value, row.result) << row.what;
        EXPECT_EQ(t.granule, row.granule) << row.what;
    }
    EXPECT_EQ(recorded(), 0u);
}

// No Write set: the right to write is given only where it takes no dirty bit (ECAP.NWFS).
TEST_F(TranslationRequest, WithNoWriteSetsNoDirtyBit) {
    EXPECT_EQ(rights_of(ask(0, false, 5)), "R");
    EXPECT_EQ(ram.get(0x1b000), 0x65027u) << "accessed alone";
    EXPECT_EQ(rights_of(ask(0, true, 5)), "RW");
    EXPECT_EQ(ram.get(0x1b000), 0x65067u);
    EXPECT_EQ(rights_of(ask(0, false, 5)), "RW");
}

TEST_F(TranslationRequest, ForWhatIsNotThereIsAnsweredWithNothingAndNotRecorded) {
    struct Row {
        const char* what;
        std::optional<std::uint32_t> pasid;
        std::uint64_t address;
        bool write;
    };
    const Row rows[] = {
        {"SSS.2, second stage not present", {}, 0x5000, true},
        {"SGN.7, write only page asked for reading", {}, 0x2000, false},
        {"SGN.5, beyond the second stage's width", {}, std::uint64_t{1} << 39, true},
        {"SFS.2, first stage not present", 5, 0x5000, true},
        {"SGN.2, supervisor page", 5, 0x2000, false},
        {"SGN.1, not canonical", 5, std::uint64_t{1} << 60, false},
    };
    for (const Row& row : rows) {
        const Translation t = ask(row.address, row.write, row.pasid);
        EXPECT_FALSE(t.allowed || t.refused) << row.what;
        EXPECT_EQ(rights_of(t), "") << row.what;
        EXPECT_EQ(t.fault_reason, 0) << row.what;
    }
    EXPECT_EQ(recorded(), 0u);
    EXPECT_TRUE(interrupts.sent.empty());
}

TEST_F(TranslationRequest, ThatTheTablesForbidIsAnErrorAndRecorded) {
    struct Row {
        const char* what;
        std::uint16_t source;
        std::optional<std::uint32_t> pasid;
        std::uint64_t address;
        unsigned reason;
    };
    const Row rows[] = {
        {"SRT.2, root entry not present", 0x110, {}, 0, 0x39},
        {"SCT.2, context entry not present", 0x08, {}, 0, 0x41},
        {"SCT.5, DTE clear", 0x18, {}, 0, 0x44},
        {"SCT.6, PASIDE clear", 0x20, 5, 0, 0x45},
        {"SCT.7, PASID beyond the directory", device, 0x2000, 0, 0x46},
        {"SPD.2, directory entry not present", device, 64, 0, 0x51},
        {"SPT.2, PASID entry not present", device, 7, 0, 0x59},
        {"SSS.3, reserved bit", device, {}, 0x4000, 0x7a},
        {"SGN.8, result in the interrupt range", device, {}, 0x3000, 0x87},
        {"SGN.4, beyond the host's width", device, 6, std::uint64_t{1} << 46, 0x83},
        {"SCT.5 in the interrupt range too", 0x18, {}, 0xfee00000, 0x44},
    };
    for (const Row& row : rows) {
        clear_faults();
        const Translation t = ask(row.address, true, row.pasid, false, row.source);
        EXPECT_TRUE(t.refused && !t.allowed) << row.what;
        unsigned found = 0;
        for (unsigned n = 0; n < 8; ++n) {
            if (recorded(n) == 0) continue;
            found = recorded(n);
            EXPECT_EQ(read64(0x228 + 16 * n) >> 60 & 3, 1u) << row.what << ": AT is a translation request";
        }
        EXPECT_EQ(found, row.reason) << row.what;
    }
}

TEST_F(TranslationRequest, IsRefusedWithoutARecordWhileTranslationIsOff) {
    write32(0x18, 0x04000000);
    EXPECT_TRUE(ask(0, true).refused);
    EXPECT_EQ(recorded(), 0u);
}

TEST_F(TranslationRequest, IsServedFromTheIotlbUntilThatIsInvalidated) {
    EXPECT_EQ(ask(0, true).address.value, 0x55000u);
    ram.set(0x16000, 0x99003);
    EXPECT_EQ(ask(0, true).address.value, 0x55000u);
    put(0x00070022, 0);  // IOTLB of domain 7
    submit();
    EXPECT_EQ(ask(0, true).address.value, 0x99000u);
    EXPECT_EQ(unit.translate({device}, {0}, Access::Read).address.value, 0x99000u)
        << "shared with untranslated requests";
}

// An entry that untranslated requests have cached must not let a device keep it that may not.
TEST_F(TranslationRequest, NeedsTheRightOfTheContextEntryWhateverIsCached) {
    EXPECT_TRUE(unit.translate({0x18}, {0}, Access::Read).allowed);
    EXPECT_TRUE(ask(0, false, {}, false, 0x18).refused);
    EXPECT_EQ(recorded(), 0x44u);
}

TEST_F(TranslationRequest, LeavesNoTraceWhenItIsAProbe) {
    Request request{.source = {device}, .address = {0}, .access = Access::Write, .type = RequestType::Translation};
    request.pasid = Pasid{5};
    EXPECT_TRUE(unit.probe(request).allowed);
    EXPECT_EQ(ram.get(0x1b000), 0x65007u);
}

class TranslatedRequest : public DeviceBench {
protected:
    Translation access(std::uint64_t address, Access how, std::uint16_t source = device) {
        return unit.translate({source}, {address}, how, RequestType::Translated);
    }
};

TEST_F(TranslatedRequest, ReachesTheAddressItNames) {
    for (int turn = 0; turn < 2; ++turn) {  // the second time the context entry is cached
        const Translation t = access(0x55123, Access::Write);
        EXPECT_TRUE(t.allowed && t.readable && t.writable);
        EXPECT_EQ(t.address.value, 0x55123u);
    }
}

TEST_F(TranslatedRequest, IsRefusedAndRecordedWhereItMustNotBe) {
    struct Row {
        const char* what;
        std::uint16_t source;
        std::uint64_t address;
        unsigned reason;
    };
    const Row rows[] = {
        {"SCT.5, DTE clear", 0x18, 0x55000, 0x44},
        {"SCT.2, context entry not present", 0x08, 0x55000, 0x41},
        {"SGN.8, interrupt range", device, 0xfee00000, 0x87},
        {"SGN.4, beyond the host's width", device, std::uint64_t{1} << 46, 0x83},
    };
    unsigned record = 0;
    for (const Row& row : rows) {
        EXPECT_EQ(access(row.address, Access::Write, row.source).fault_reason, row.reason) << row.what;
        EXPECT_EQ(recorded(record), row.reason) << row.what;
        EXPECT_EQ(read64(0x228 + 16 * record) >> 60 & 3, 2u) << row.what << ": AT is a translated request";
        ++record;
    }
}

// The PASID tables have nothing to say about addresses that are translated already.
TEST_F(TranslatedRequest, DoesNotLookAtPasidTables) {
    ram.set(0x12000, 0);
    EXPECT_TRUE(access(0x55000, Access::Read).allowed);
}

TEST_F(TranslatedRequest, EndsWhenSoftwareTakesTheRightBack) {
    EXPECT_TRUE(access(0x55000, Access::Read).allowed);
    ram.set(0x11200, 0x12019);  // DTE clear
    EXPECT_TRUE(access(0x55000, Access::Read).allowed) << "the context entry is cached";
    put(0x0000001000000031, 0);  // context cache, device 0x10
    submit();
    EXPECT_EQ(access(0x55000, Access::Read).fault_reason, 0x44);
}

class LegacyDeviceTlb : public testing::Test {
protected:
    explicit LegacyDeviceTlb(bool offered = true)
        : unit({.device_tlb = true},
               {.memory = ram, .interrupts = interrupts, .devices = offered ? &devices : nullptr}) {
        ram.set(0x10000, 0x11001);
        ram.set(0x11100, 0x12005);  // type 1: translation and translated requests too
        ram.set(0x11108, 0x701);
        ram.set(0x11180, 0x12001);  // devfn 0x18, type 0
        ram.set(0x11188, 0x701);
        ram.set(0x12000, 0x13003);
        ram.set(0x13000, 0x14003);
        ram.set(0x14000, 0x55003);
        ram.set(0x14008, 0x56001);
        unit.write(0x20, 0x10000, 8);
        unit.write(0x18, 0x40000000, 4);
        unit.write(0x18, 0x80000000, 4);
    }

    Translation ask(std::uint16_t source, std::uint64_t address, RequestType type) {
        return unit.translate({source}, {address}, Access::Write, type);
    }

    test::Ram ram;
    test::Interrupts interrupts;
    test::Devices devices;
    Iommu unit;
};

TEST_F(LegacyDeviceTlb, IsATypeOfContextEntry) {
    EXPECT_EQ(ask(0x10, 0x123, RequestType::Translation).address.value, 0x55123u);
    EXPECT_EQ(rights_of(ask(0x10, 0x1000, RequestType::Translation)), "R") << "LGN.2";
    const Translation nothing = ask(0x10, 0x5000, RequestType::Translation);
    EXPECT_FALSE(nothing.allowed || nothing.refused) << "LGN.3";
    EXPECT_EQ(ask(0x10, 0x55000, RequestType::Translated).address.value, 0x55000u);
    EXPECT_EQ(ask(0x18, 0, RequestType::Translation).fault_reason, 0x0d) << "LCT.5";
    EXPECT_EQ(ask(0x18, 0x55000, RequestType::Translated).fault_reason, 0x0d) << "LCT.5";
    EXPECT_TRUE(ask(0x18, 0, RequestType::Untranslated).allowed);
}

struct NoDevicePort : LegacyDeviceTlb {
    NoDevicePort() : LegacyDeviceTlb(false) {}
};

// A machine that cannot tell devices to forget has none that remember.
TEST_F(NoDevicePort, IsNoDeviceTlb) {
    EXPECT_EQ(unit.read(0x10, 8) & 0x4, 0u) << "ECAP.DT";
    EXPECT_EQ(ask(0x10, 0, RequestType::Translation).fault_reason, 0x03) << "LCT.4: the type is not supported";
}

TEST_F(DeviceBench, CapabilitiesSayWhatIsThere) {
    const std::uint64_t bits = 1ull << 2 | 1ull << 29 | 1ull << 33 | 1ull << 41 | 1ull << 42 | 1ull << 58;
    EXPECT_EQ(read64(0x10) & bits, bits) << "DT, PRS, NWFS, DIT, PDS, SMS";
    test::Machine plain;
    EXPECT_EQ(plain.read64(0x10) & bits, 0u);
    Iommu legacy({.device_tlb = true, .page_requests = true},
                 {.memory = ram, .interrupts = interrupts, .devices = &devices});
    EXPECT_EQ(legacy.read(0x10, 8) & bits, 1ull << 2 | 1ull << 33 | 1ull << 41) << "page requests need scalable mode";
}

}  // namespace
}  // namespace remap::iommu
