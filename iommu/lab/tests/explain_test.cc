// SPDX-License-Identifier: MIT
// Explanations as people read them: who changes a word sees what it does to the rest.
#include "iommu/lab/explain.h"

#include "iommu/lab/advice.h"
#include "iommu/lab/look_commands.h"
#include "iommu/lab/names.h"
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <map>
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

std::string told(Machine& machine, const Request& request) { return text_of(explain(machine.unit.explain(request))); }

// From the last entry that is shown on.
std::string tail(const std::string& text) {
    const std::size_t arrow = text.find("\n=> ");
    const std::size_t entry = text.rfind(" at 0x", text.rfind("    -> ", arrow));
    return text.substr(text.rfind('\n', entry) + 1);
}

TEST(Explain, AWriteToAPageThatMayBeReadOnly) {
    Machine machine;
    machine.start();
    EXPECT_EQ(told(machine, request_of({}, 0x1234, Access::Write)),
              R"(write to 0x1234 by 00:02.0, without PASID

translation is on (GSTS_REG.TES is 1); RTADDR_REG 0x10000: legacy mode, root table at 0x10000

root entry (9.1) at 0x10000
    0x0000000000011001 and zeros
    P 1, CTP 0x11000
    -> the context table of the bus at 0x11000
context entry (9.3) at 0x11100
    0x0000000000012001 0x0000000000000701
    P 1, FPD 0, TT 0 (second stage, untranslated requests only), SSPTPTR 0x12000, AW 1 (3 levels, 39 bits), DID 7
    -> second-stage tables at 0x12000
the second stage, for address 0x1234:
second-stage entry of level 3 (9.8) at 0x12000
    0x0000000000013003
    R 1, W 1, PS 0, A 0
    -> the table of level 2 at 0x13000
second-stage entry of level 2 (9.8) at 0x13000
    0x0000000000014003
    R 1, W 1, PS 0, A 0
    -> the table of level 1 at 0x14000
second-stage entry of level 1 (9.8) at 0x14008
    0x0000000000056001
    R 1, W 0, A 0, D 0
    -> a page of 4 KiB at 0x56000

=> refused: fault 0x5, no write permission

The second-stage entry of level 1 at 0x14008 lacks the right to write: map the page with that right, then invalidate the IOTLB for domain 7.
)");
    // The entry that takes the right away need not be the last one.
    machine.ram.set(0x13000, 0x14001);
    EXPECT_EQ(explain(machine.unit.explain(request_of({}, 0, Access::Write))).advice,
              "The second-stage entry of level 2 at 0x13000 lacks the right to write: map the page with that right, "
              "then invalidate the IOTLB for domain 7.");
}

TEST(Explain, AnAccessThatIsAllowed) {
    ScalableMachine machine;
    Objects objects;
    objects.happened({.kind = Kind::Object, .length = 0x10000, .detail = 0x2a, .code = 3});
    objects.happened({.kind = Kind::Frames, .address = 0x600000, .length = 0x10000, .detail = 0x2a});
    EXPECT_EQ(text_of(explain(machine.unit.explain(request_of(0, 0x201000, Access::Write)), &objects)),
              R"(write to 0x201000 by 00:02.0, PASID 0

translation is on (GSTS_REG.TES is 1); RTADDR_REG 0x10400: scalable mode, root table at 0x10000

scalable-mode root entry (devices 0 to 15) (9.2) at 0x10000
    0x0000000000011001
    LP 1, LCTP 0x11000
    -> the context table at 0x11000
scalable-mode context entry (9.4) at 0x11200
    0x0000000000020009 and zeros
    P 1, FPD 0, DTE 0, PASIDE 1, PRE 0, PDTS 0 (PASIDs below 0x2000), PASIDDIRPTR 0x20000, RID_PASID 0
    -> the PASID directory at 0x20000
PASID directory entry (9.5) at 0x20000
    0x0000000000021001
    P 1, FPD 0, SMPTBLPTR 0x21000
    -> the PASID table at 0x21000
PASID table entry (9.6) at 0x21000
    0x0000000000030089 0x0000000000800007 0x0000000000000001 and zeros
    P 1, FPD 0, PGTT 2 (second stage), DID 7, PWSNP 1, PGSNP 0, SRE 1, AW 2 (4 levels, 48 bits), SSADE 0, SSPTPTR 0x30000
    -> second-stage tables at 0x30000
the second stage, for address 0x201000:
second-stage entry of level 4 (9.8) at 0x30000
    0x0000000000031003
    R 1, W 1, A 0
    -> the table of level 3 at 0x31000
second-stage entry of level 3 (9.8) at 0x31000
    0x0000000000032003
    R 1, W 1, PS 0, A 0
    -> the table of level 2 at 0x32000
second-stage entry of level 2 (9.8) at 0x32008
    0x0000000000600083
    R 1, W 1, PS 1, A 0, D 0
    -> a page of 2 MiB at 0x600000

=> allowed: physical address 0x601000, readable and writable, alike for 0x200000 bytes around it
   the memory of object 0x2a (section, 64 KiB)

Nothing needs to be done.
)");
}

TEST(Explain, EntriesThatAreNotPresent) {
    ScalableMachine machine;
    const auto end = [&](std::uint64_t at, std::uint32_t pasid = 1) {
        const std::uint64_t before = machine.ram.get(at);
        machine.ram.set(at, 0);
        const std::string text = tail(told(machine, request_of(pasid, 0x1000)));
        machine.ram.set(at, before);
        return text;
    };
    EXPECT_EQ(end(0x10000), R"(scalable-mode root entry (devices 0 to 15) (9.2) at 0x10000
    0x0000000000000000
    LP 0, LCTP 0x0
    -> not present

=> refused: fault 0x39, scalable root entry not present

The scalable-mode root entry (devices 0 to 15) at 0x10000 is not present: give the bus a context table.
)");
    EXPECT_EQ(end(0x11200), R"(scalable-mode context entry (9.4) at 0x11200
    0x0000000000000000 and zeros
    P 0, FPD 0, DTE 0, PASIDE 0, PRE 0, PDTS 0 (PASIDs below 0x2000), PASIDDIRPTR 0x0, RID_PASID 0
    -> not present

=> refused: fault 0x41, scalable context entry not present

The scalable-mode context entry at 0x11200 is not present: attach device 00:02.0 to a domain.
)");
    EXPECT_EQ(end(0x20000), R"(PASID directory entry (9.5) at 0x20000
    0x0000000000000000
    P 0, FPD 0, SMPTBLPTR 0x0
    -> not present

=> refused: fault 0x51, PASID directory entry not present

The PASID directory entry at 0x20000 is not present: give these 64 PASIDs a PASID table.
)");
    EXPECT_EQ(end(0x21040), R"(PASID table entry (9.6) at 0x21040
    0x0000000000000000 0x0000000000800008 0x0000000000040001 and zeros
    P 0, FPD 0, PGTT 0 (reserved), DID 8, PWSNP 1, PGSNP 0, SRE 1
    -> not present

=> refused: fault 0x59, PASID entry not present

The PASID table entry at 0x21040 is not present: bind the PASID to tables.
)");
    EXPECT_EQ(end(0x42000), R"(first-stage entry of level 2 (9.7) at 0x42000
    0x0000000000000000
    P 0, R/W 0, U/S 0, A 0, PS 0
    -> not present

=> refused: fault 0x71, first-stage entry not present

The first-stage entry of level 2 at 0x42000 is not present: map the page in the first stage.
)");
    EXPECT_EQ(end(0x33008, 0), R"(second-stage entry of level 1 (9.8) at 0x33008
    0x0000000000000000
    R 0, W 0, A 0, D 0
    -> not present

=> refused: fault 0x79, second-stage entry not present

The second-stage entry of level 1 at 0x33008 is not present: map the page in the second stage.
)");
}

// What such a unit may have cached has to go once the page is there (6.1).
TEST(Explain, CachingModeNeedsAnInvalidation) {
    ScalableMachine machine{iommu::Options{.caching_mode = true}};
    machine.ram.set(0x33008, 0);
    EXPECT_EQ(explain(machine.unit.explain(request_of(0, 0x1000))).advice,
              "The second-stage entry of level 1 at 0x33008 is not present: map the page in the second stage, then "
              "invalidate the IOTLB for domain 7, as CAP.CM is 1.");
}

TEST(Explain, AReservedBit) {
    ScalableMachine machine;
    machine.ram.set(0x33008, 0x8000000156001);
    EXPECT_EQ(tail(told(machine, request_of(0, 0x1000))), R"(second-stage entry of level 1 (9.8) at 0x33008
    0x0008000000156001
    R 1, W 0, A 0, D 0
    reserved bits are set in word 0: 0x8000000000000
    -> a page of 4 KiB at 0x8000000156000

=> refused: fault 0x7a, reserved bit set in a second-stage entry

The second-stage entry of level 1 at 0x33008 has bits 0x8000000000000 set, which must be 0: clear them.
)");
    machine.ram.set(0x11208, 0x1000000);
    EXPECT_EQ(explain(machine.unit.explain(request_of(0, 0x1000))).advice,
              "The scalable-mode context entry at 0x11200 has bits 0x1000000 of word 1 set, which must be 0: clear "
              "them.");
}

TEST(Explain, ATypeThatThereIsNot) {
    ScalableMachine machine;
    machine.set_pasid(1, 0x141, 0x800008, 0x40001);  // PGTT 5
    EXPECT_EQ(tail(told(machine, request_of(1, 0))), R"(PASID table entry (9.6) at 0x21040
    0x0000000000000141 0x0000000000800008 0x0000000000040001 and zeros
    P 1, FPD 0, PGTT 5 (reserved), DID 8, PWSNP 1, PGSNP 0, SRE 1
    -> nothing: there is no such type

=> refused: fault 0x5b, PASID entry invalid

The PASID table entry at 0x21040 has a PGTT, AW or FSPM that the unit does not have (CAP, ECAP): correct it.
)");
}

TEST(Explain, MemoryThatDoesNotAnswer) {
    ScalableMachine machine;
    machine.ram.set(0x20000, 0x7000001);
    EXPECT_EQ(tail(told(machine, request_of(1, 0))), R"(PASID table entry (9.6) at 0x7000040
    -> memory does not answer: there is no RAM at this address

=> refused: fault 0x58, PASID entry unreadable

The PASID table entry at 0x7000040 lies where there is no RAM: correct the address in what leads to it.
)");
}

TEST(Explain, WhatTheIotlbStillSays) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(0, 0x1000), 0x156000u);
    machine.ram.set(0x33008, 0);
    EXPECT_EQ(tail(told(machine, request_of(0, 0x1000))), R"(second-stage entry of level 1 (9.8) at 0x33008
    0x0000000000000000
    R 0, W 0, A 0, D 0
    -> not present

=> refused: fault 0x79, second-stage entry not present
!! the IOTLB still says: allowed: physical address 0x156000, readable, alike for 0x1000 bytes around it

An invalidation is missing, or not done yet: invalidate the IOTLB for domain 7. For the fault that follows: The second-stage entry of level 1 at 0x33008 is not present: map the page in the second stage.
)");
    // A page that was moved: the tables are right.
    machine.ram.set(0x33008, 0x199003);
    EXPECT_EQ(explain(machine.unit.explain(request_of(0, 0x1000))).advice,
              "An invalidation is missing, or not done yet: invalidate the IOTLB for domain 7.");
    machine.ram.set(0x21000, 0);
    const Explained gone = explain(machine.unit.explain(request_of(0, 0x2000, Access::Write)));
    EXPECT_EQ(*gone.stale,
              "the paging-structure cache, the PASID cache, the context cache still say: allowed: physical address "
              "0x157000, writable, alike for 0x1000 bytes around it");
}

TEST(Explain, NestedStages) {
    ScalableMachine machine;
    const std::string text = told(machine, request_of(2, 0x1123, Access::Write));
    EXPECT_EQ(tail(text), R"(second-stage entry of level 1 (9.8) at 0x53088
    0x0000000000356001
    R 1, W 0, A 0, D 0
    -> a page of 4 KiB at 0x356000

=> refused: fault 0x85, no write permission (scalable mode)

The second-stage entry of level 1 at 0x53088 lacks the right to write: map the page with that right, then invalidate the IOTLB for domain 9.
)");
    EXPECT_NE(
        text.find(R"(    -> first-stage tables at 0x2000 (guest-physical), on top of second-stage tables at 0x50000
the second stage, to read the first stage's entry at guest-physical 0x2000:
second-stage entry of level 4 (9.8) at 0x50000
)"),
        std::string::npos)
        << text;
    EXPECT_NE(text.find(R"(first-stage entry of level 1 (9.7) at 0x73008, guest-physical 0x5008
    0x0000000000011007
    P 1, R/W 1, U/S 1, A 0, D 0
    -> a page of 4 KiB at 0x11000 (guest-physical)
the second stage, for address 0x11123:
)"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("to set accessed"), std::string::npos) << "of no interest";

    EXPECT_EQ(explain(machine.unit.explain(request_of(2, 0x3000, Access::Write))).advice,
              "The first-stage entry of level 1 at 0x73018 lacks the right to write: map the page with that right, "
              "then invalidate the PASID-based IOTLB for domain 9, PASID 2.");
    machine.ram.set(0x53010, 0x70001);
    const std::string marking = told(machine, request_of(2, 0));
    EXPECT_NE(marking.find("the second stage, to set accessed and dirty bits at guest-physical 0x2000:\n"),
              std::string::npos);
    EXPECT_EQ(explain(machine.unit.explain(request_of(2, 0))).advice,
              "The second stage does not let the unit set accessed and dirty bits in a table of the first stage, by "
              "the second-stage entry of level 1 at 0x53010: map the table's page writable, then invalidate the IOTLB "
              "for domain 9.");
}

TEST(Explain, WhatNoTableIsAskedFor) {
    Machine machine;
    EXPECT_EQ(told(machine, request_of({}, 0x1000)), R"(read of 0x1000 by 00:02.0, without PASID

translation is off (GSTS_REG.TES is 0): every address passes as it is

=> allowed: physical address 0x1000, readable and writable, alike for 0x100000 bytes around it

Nothing needs to be done.
)");
    machine.start();
    EXPECT_EQ(told(machine, request_of({}, 0xfee00000)), R"(read of 0xfee00000 by 00:02.0, without PASID

translation is on (GSTS_REG.TES is 1); RTADDR_REG 0x10000: legacy mode, root table at 0x10000

=> refused: fault 0x6, no read permission

Addresses 0xfee00000 to 0xfeefffff are interrupt requests, which can only be written: do not hand them out as memory.
)");
    EXPECT_EQ(explain(machine.unit.explain(request_of({}, 0xfee00000, Access::Write))).end,
              "allowed: it is an interrupt request, not an access to memory");
}

TEST(Explain, AnInterrupt) {
    Machine machine{iommu::Options{.interrupt_remapping = true}};
    machine.ram.set(0x50010, 0x0000050000310001);
    machine.ram.set(0x50018, 0x40010);
    machine.write64(0xb8, 0x50003);
    machine.write32(0x18, 0x01000000);
    machine.write32(0x18, 0x02000000);
    EXPECT_EQ(text_of(explain(machine.unit.explain_interrupt({0x18}, {0xfee00030, 0}))),
              R"(interrupt request 0xfee00030, data 0x0, by 00:03.0

interrupt remapping is on (GSTS_REG.IRES is 1); IRTA_REG 0x50003: 16 entries at 0x50000; compatibility-format requests are blocked

interrupt remapping table entry (9.9) at 0x50010
    0x0000050000310001 0x0000000000040010
    P 1, FPD 0, DST 5, V 0x31, DLM 0, SVT 1 (the source in SID, as far as SQ compares it), SQ 0, SID 0x10
    -> vector 0x31

=> refused: fault 0x26, interrupt from a source that the entry does not allow

The interrupt remapping table entry at 0x50010 is for another source (SID, SQ, SVT): give it the requester id of device 00:03.0, or the device an entry of its own, then invalidate the interrupt entry cache.
)");
    EXPECT_TRUE(machine.unit.remap_interrupt({0x10}, {0xfee00030, 0}).allowed);
    machine.ram.set(0x50010, 0);
    const Explained stale = explain(machine.unit.explain_interrupt({0x10}, {0xfee00030, 0}));
    EXPECT_EQ(*stale.stale, "the interrupt entry cache still says: allowed: message 0xfee05000, data 0x4031");
    EXPECT_EQ(stale.advice,
              "An invalidation is missing, or not done yet: invalidate the interrupt entry cache for index 1.");
}

// Every reason that a request can end with has a sentence of its own meaning, whatever is known of it.
TEST(Advice, OnEveryReason) {
    EXPECT_EQ(advice_on(vtd::FaultReason::None), "Nothing needs to be done.");
    unsigned reasons = 0;
    for (const std::string_view name : reason_names()) {
        const auto reason = reason_of(name);
        ASSERT_TRUE(reason) << name;
        const std::string text = advice_on(*reason);
        EXPECT_GT(text.size(), 30u) << name;
        EXPECT_TRUE(text[0] >= 'A' && text[0] <= 'Z') << name << ": " << text;
        EXPECT_EQ(text.back(), '.') << name;
        EXPECT_EQ(text.find("none of the specification's"), std::string::npos) << name;
        EXPECT_EQ(text.find("  "), std::string::npos) << name << ": " << text;
        ++reasons;
    }
    EXPECT_GE(reasons, 55u);
    EXPECT_EQ(advice_on(static_cast<vtd::FaultReason>(0xfe)), "Fault 0xfe is none of the specification's.");
}

// What a tool gets. Any request is answered.
class LookCommands : public testing::Test {
protected:
    LookCommands() {
        add_look_commands(commands_, port_, &objects_);
        objects_.happened({.kind = Kind::Frames, .address = 0x156000, .length = 0x1000, .detail = 7});
    }
    rapidjson::Document ask(const std::string& request) {
        rapidjson::Document answer;
        answer.Parse(commands_.answer(request).c_str());
        EXPECT_TRUE(answer.IsObject());
        return answer;
    }
    std::string error(const std::string& request) {
        const rapidjson::Document answer = ask(request);
        return answer["ok"].IsFalse() ? answer["error"].GetString() : "";
    }

    ScalableMachine machine_;
    DirectUnit port_{machine_.unit};
    Objects objects_;
    Commands commands_;
};

TEST_F(LookCommands, Explain) {
    const auto answer =
        ask(R"({"command":"explain","device":"00:02.0","pasid":0,"address":"0x1010","access":"write"})");
    EXPECT_TRUE(answer["ok"].IsTrue());
    EXPECT_TRUE(answer["allowed"].IsFalse());
    EXPECT_EQ(answer["reason"].GetUint(), 0x85u);
    EXPECT_EQ(answer["steps"].Size(), 8u);
    const auto& leaf = answer["steps"][7];
    EXPECT_STREQ(leaf["address"].GetString(), "0x33008");
    EXPECT_STREQ(leaf["words"][0].GetString(), "0x156001");
    EXPECT_STREQ(leaf["fields"]["W"].GetString(), "0x0");
    EXPECT_STREQ(leaf["section"].GetString(), "9.8");
    EXPECT_STREQ(leaf["purpose"].GetString(), "data");
    EXPECT_TRUE(answer["stale"].IsNull());
    EXPECT_EQ(answer["text"].GetString(), told(machine_, request_of(0, 0x1010, Access::Write)));
    EXPECT_STREQ(ask(R"({"command":"explain","device":"00:02.0","address":4096})")["owner"].GetString(), "object 0x7");
    EXPECT_EQ(ask(R"({"command":"explain","device":"00:02.0","address":0,"translated":true})")["reason"].GetUint(),
              0x44u);
    EXPECT_EQ(ask(R"({"command":"explain","device":"00:02.0","pasid":1,"address":"0x2000"})")["reason"].GetUint(),
              0x81u);
    EXPECT_TRUE(
        ask(R"({"command":"explain","device":"00:02.0","pasid":1,"address":"0x2000","privileged":true})")["allowed"]
            .IsTrue());
    EXPECT_STREQ(
        ask(R"({"command":"explain","device":"00:02.0","address":"0xfee00000","data":1})")["registers"].GetString(),
        "interrupt remapping is off (GSTS_REG.IRES is 0): the message passes as it is");
}

TEST_F(LookCommands, Tables) {
    const auto answer = ask(R"({"command":"tables","device":"00:02.0","pasid":0,"from":"0x1000","to":"0x3fffff"})");
    EXPECT_STREQ(answer["text"].GetString(), R"(device 00:02.0, PASID 0: second stage, domain 7
0x000000001000-0x000000001fff      4 KiB  -> 0x000000156000  r-  4 KiB pages  object 0x7
0x000000002000-0x000000002fff      4 KiB  -> 0x000000157000  -w  4 KiB pages
0x000000200000-0x0000003fffff      2 MiB  -> 0x000000600000  rw  2 MiB pages
)");
    EXPECT_STREQ(answer["how"].GetString(), "tables");
    EXPECT_STREQ(answer["runs"][0]["rights"].GetString(), "r-");
    EXPECT_STREQ(answer["runs"][0]["object"].GetString(), "0x7");
    EXPECT_TRUE(answer["runs"][1]["object"].IsNull());
    EXPECT_STREQ(answer["runs"][2]["leaf"].GetString(), "0x200000");
    EXPECT_TRUE(answer["cut_off_at"].IsNull());
    EXPECT_STREQ(ask(R"({"command":"tables","device":"00:02.0","limit":1})")["cut_off_at"].GetString(), "0x1000");
    EXPECT_STREQ(ask(R"({"command":"tables","device":"00:03.0"})")["text"].GetString(),
                 "device 00:03.0, without PASID: every request is refused, scalable context entry not present (fault "
                 "0x41)\n");
    EXPECT_STREQ(ask(R"({"command":"tables","device":"00:02.0","pasid":3})")["how"].GetString(), "pass-through");
}

TEST_F(LookCommands, WrongRequestsAreToldWhatIsWrong) {
    EXPECT_EQ(error(R"({"command":"explain","address":0})"),
              "\"device\" is bus, device and function, as in \"00:02.0\"");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0"})"), "\"address\" is missing");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0","address":"0x"})"),
              "\"address\" is a number up to 0xffffffffffffffff, or a text of one");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0","address":-1})"),
              "\"address\" is a number up to 0xffffffffffffffff, or a text of one");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0","address":0,"pasid":1048576})"),
              "\"pasid\" is a number up to 0xfffff, or a text of one");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0","address":0,"access":"execute"})"),
              "\"access\" is \"read\" or \"write\"");
    EXPECT_EQ(error(R"({"command":"explain","device":"00:02.0","address":0,"privileged":1})"),
              "\"privileged\" is true or false");
    EXPECT_EQ(error(R"({"command":"tables","device":"00:02.0","from":2,"to":1})"), "\"from\" lies behind \"to\"");
    EXPECT_EQ(error(R"({"command":"tables","device":"00:02.0","limit":10001})"),
              "\"limit\" is a number up to 0x2710, or a text of one");
}

}  // namespace
}  // namespace remap::lab
