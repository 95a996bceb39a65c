// SPDX-License-Identifier: MIT
// The mode of an adapter, for everything that a driver can report and a machine can have.
#include "callbacks/core/dma_mode.h"

#include <gtest/gtest.h>

namespace remap::callbacks {
namespace {

// Bits of DXGK_IOMMU_CAPS by their place, as the WDK numbers them.
constexpr UINT32 isolation = 1;
constexpr UINT32 isolation_required = 2;
constexpr UINT32 remapping = 4;

struct Machine {
    bool iommu = true;
    bool sees_all = true;
    bool map_aperture2 = true;
    DmaMode preferred = DmaMode::Remapping;
};

Result<DmaMode, NTSTATUS> choose(UINT32 caps, const Machine& machine) {
    ModeChoice choice{.map_aperture2 = machine.map_aperture2,
                      .iommu_present = machine.iommu,
                      .highest_visible = {machine.sees_all ? 0xffff'ffffu : 0xffff'fffeu},  // all but one byte
                      .highest_installed = {0xfffff},
                      .preferred = machine.preferred};
    static_assert(sizeof choice.caps == 4);
    __builtin_memcpy(&choice.caps, &caps, 4);
    return choose_mode(choice);
}

TEST(DmaMode, AnAdapterThatSeesNotAllIsRemappedOrDoesNotStart) {
    EXPECT_EQ(*choose(remapping, {.sees_all = false, .preferred = DmaMode::Physical}), DmaMode::Remapping);
    for (const auto& [caps, machine] : {std::pair{remapping, Machine{.iommu = false, .sees_all = false}},
                                        std::pair{remapping, Machine{.sees_all = false, .map_aperture2 = false}},
                                        std::pair{isolation, Machine{.sees_all = false}}})
        EXPECT_EQ(choose(caps, machine).error(), STATUS_DEVICE_CONFIGURATION_ERROR);
}

TEST(DmaMode, TheSystemsPreferenceIsMetAsFarAsTheDriverGoes) {
    EXPECT_EQ(*choose(isolation | remapping, {.preferred = DmaMode::Physical}), DmaMode::Physical);
    EXPECT_EQ(*choose(isolation | remapping, {.preferred = DmaMode::Isolation}), DmaMode::Isolation);
    EXPECT_EQ(*choose(isolation | remapping, {.preferred = DmaMode::Remapping}), DmaMode::Remapping);
    EXPECT_EQ(*choose(remapping, {.preferred = DmaMode::Isolation}), DmaMode::Physical);
    EXPECT_EQ(*choose(isolation, {.preferred = DmaMode::Remapping}), DmaMode::Physical);
    EXPECT_EQ(*choose(isolation | remapping, {.iommu = false}), DmaMode::Physical);
}

TEST(DmaMode, WhatRequiresAnIommuNeverStartsWithoutOne) {
    constexpr UINT32 required = isolation | isolation_required;
    EXPECT_EQ(*choose(required, {.preferred = DmaMode::Physical}), DmaMode::Isolation);
    EXPECT_EQ(*choose(required | remapping, {.preferred = DmaMode::Physical}), DmaMode::Isolation);
    EXPECT_EQ(*choose(required | remapping, {.preferred = DmaMode::Remapping}), DmaMode::Remapping);
    EXPECT_EQ(choose(required, {.iommu = false}).error(), STATUS_DEVICE_CONFIGURATION_ERROR);
}

TEST(DmaMode, CapabilitiesThatContradictEachOtherAreRefused) {
    EXPECT_EQ(choose(isolation_required, {}).error(), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(choose(remapping | 0x20, {}).error(), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(choose(0x8000'0000, {}).error(), STATUS_INVALID_PARAMETER);
}

// Whatever is asked for: no mode without what it needs.
TEST(DmaMode, NoModeComesWithoutWhatItNeeds) {
    unsigned started = 0;
    for (unsigned bits = 0; bits < 64; ++bits) {
        for (const DmaMode preferred : {DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping}) {
            const UINT32 caps = bits & 7;
            const Machine machine{(bits & 8) != 0, (bits & 16) != 0, (bits & 32) != 0, preferred};
            const auto mode = choose(caps, machine);
            if (!mode.ok()) continue;
            ++started;
            EXPECT_TRUE(machine.sees_all || *mode == DmaMode::Remapping);
            EXPECT_TRUE((caps & isolation_required) == 0 || *mode != DmaMode::Physical);
            EXPECT_TRUE(*mode == DmaMode::Physical || machine.iommu);
            EXPECT_TRUE(*mode != DmaMode::Remapping || ((caps & remapping) != 0 && machine.map_aperture2));
            EXPECT_TRUE(*mode != DmaMode::Isolation || (caps & isolation) != 0);
        }
    }
    EXPECT_GT(started, 60u);
}

}  // namespace
}  // namespace remap::callbacks
