// SPDX-License-Identifier: MIT
// What the engine's own words become in the trace, field by field (iommu/lab/event.h).
#include "iommu/lab/engine_events.h"

#include <gtest/gtest.h>

namespace remap::lab {
namespace {

using iommu::Invalidation;
using iommu::Request;
using iommu::RequestType;

TEST(EngineEvents, ARequestWithAllThatItIs) {
    Request request{.source = {0x10},
                    .address = {0x1234},
                    .access = iommu::Access::Write,
                    .pasid = iommu::Pasid{5},
                    .privileged = true};
    EXPECT_EQ(event_of(Kind::Fault, request), (Event{.kind = Kind::Fault,
                                                     .flags = flag::write | flag::privileged,
                                                     .source = 0x10,
                                                     .pasid = 5,
                                                     .address = 0x1234}));
    request = {.source = {0x10}, .address = {}, .type = RequestType::Translated};
    EXPECT_EQ(event_of(Kind::Walk, request), (Event{.kind = Kind::Walk, .flags = flag::translated, .source = 0x10}));
    request.type = RequestType::Translation;
    EXPECT_EQ(event_of(Kind::Walk, request).flags, flag::asks);
}

TEST(EngineEvents, AnAnswerIsAnAddressOrAReason) {
    const Request request{.source = {0x10}, .address = {0x1234}};
    iommu::Translation answer{.allowed = true, .address = {0x55234}, .granule = 4096, .tampered = true};
    EXPECT_EQ(event_of(request, answer), (Event{.kind = Kind::Translation,
                                                .flags = flag::tampered,
                                                .source = 0x10,
                                                .address = 0x1234,
                                                .length = 4096,
                                                .result = 0x55234}));
    answer = {.allowed = false, .address = {0x55234}, .fault_reason = 6};
    const Event refused = event_of(request, answer);
    EXPECT_EQ(refused.flags, flag::refused);
    EXPECT_EQ(refused.result, 0u) << "of no meaning";
    EXPECT_EQ(refused.code, 6u);
}

TEST(EngineEvents, AnInvalidationIsOfWhatItsScopeSays) {
    Invalidation command{.what = Invalidation::What::Contexts,
                         .scope = Invalidation::Scope::Device,
                         .domain = 7,
                         .source = {0x10},
                         .pasid = {5}};
    const Event device = event_of(command);
    EXPECT_EQ(device.source, 0x10);
    EXPECT_EQ(device.pasid, no_pasid);
    EXPECT_EQ(device.detail, 7u);
    EXPECT_EQ(device.code, 2u) << "contexts are 0, devices 2";
    command.what = Invalidation::What::PasidEntries;
    command.scope = Invalidation::Scope::Pasid;
    EXPECT_EQ(event_of(command).source, no_source);
    EXPECT_EQ(event_of(command).pasid, 5u);
    command.what = Invalidation::What::PasidTranslations;
    command.scope = Invalidation::Scope::Pages;
    command.first = 0x8000;
    command.count = 3;
    EXPECT_EQ(
        event_of(command),
        (Event{.kind = Kind::Invalidation, .pasid = 5, .address = 0x8000, .length = 3, .detail = 7, .code = 0x304}));
}

TEST(EngineEvents, AWaitSaysHowItIsDone) {
    EXPECT_EQ(event_of({.writes = true, .address = {0x3000}, .data = 9}),
              (Event{.kind = Kind::Completion, .flags = flag::writes, .address = 0x3000, .detail = 9}));
    EXPECT_EQ(event_of(iommu::WaitDone{.interrupts = true}).flags, flag::interrupts);
}

TEST(EngineEvents, ADevicesRangeHasBothEndsInIt) {
    iommu::DeviceInvalidation invalidation{.source = {0x10}, .first = {0x1000}, .last = {0x2fff}, .tag = {4}};
    EXPECT_EQ(
        event_of(invalidation),
        (Event{.kind = Kind::DeviceInvalidation, .source = 0x10, .address = 0x1000, .length = 0x2000, .detail = 4}));
    invalidation.first = {0};
    invalidation.last = {~std::uint64_t{0}};
    EXPECT_EQ(event_of(invalidation).length, 0u) << "all there are";
}

}  // namespace
}  // namespace remap::lab
