// SPDX-License-Identifier: MIT
// Software and devices that do whatever comes: the unit stays sound, and everything it sends is bounded.
#include "iommu/tests/device_bench.h"

#include <random>

namespace remap::iommu {
namespace {

class HostileDevices : public test::DeviceBench {
protected:
    std::uint64_t pick(std::initializer_list<std::uint64_t> values) { return values.begin()[random() % values.size()]; }

    // Mostly descriptors that mean something, with noise in them.
    void put_descriptor() {
        const std::uint64_t type = pick({0x3, 0x8, 0x9, 0x5, 0x25, 0xa5, 0x22, 0x27, 0x6, random()});
        const std::uint64_t source = pick({0x10, 0x18, 0x20, random() & 0xffff});
        const std::uint64_t noise = random() % 8 == 0 ? random() : 0;
        const std::uint64_t where = (type & 0xf) == 5 ? status + 8 * (random() % 64) : random() << 12 | random() % 2;
        put(type | source << (type == 3 ? 32 : 16) | (type == 3 ? 0 : (random() & 0xff) << 32) | noise, where);
    }

    void step() {
        switch (random() % 10) {
            case 0:
            case 1: put_descriptor(); break;
            case 2: submit(); break;
            case 3: unit.timer_expired(); break;
            case 4:
                if (!devices.invalidations.empty()) {
                    const DeviceInvalidation& sent = devices.invalidations[random() % devices.invalidations.size()];
                    unit.device_invalidated(sent.source, sent.tag);
                }
                break;
            case 5: unit.device_invalidated({static_cast<std::uint16_t>(random())}, {random()}); break;
            case 6: {
                PageRequest request{.source = {static_cast<std::uint16_t>(pick({0x10, 0x18, 0x20, random()}))},
                                    .address = {random()},
                                    .read = random() % 2 == 0,
                                    .write = random() % 2 == 0,
                                    .last = random() % 2 == 0,
                                    .group = static_cast<std::uint16_t>(random())};
                if (random() % 2) request.pasid = Pasid{static_cast<std::uint32_t>(random())};
                unit.request_page(request);
                break;
            }
            case 7:
                ask(pick({0, 0x1000, 0x5000, 0x200000, random()}), random() % 2 == 0,
                    static_cast<std::uint32_t>(pick({5, 6, 7, random()})), random() % 2 == 0);
                break;
            case 8:
                unit.write(pick({0xc0, 0xc8, 0xd0, 0xd8, 0xe0, 0xe4, 0xe8, 0x34, 0x88, 0x90, 0x18, 0x20}),
                           pick({0, random(), random() & 0xffff, 0x84000000, 0xc4000000, 0x10400, 0x20800, 0x70}),
                           random() % 2 ? 4 : 8);
                break;
            default: write32(0x34, 0x71);
        }
    }

    std::mt19937_64 random{7};
};

TEST_F(HostileDevices, AnythingGoesAndEnds) {
    for (int turn = 0; turn < 100000; ++turn) {
        step();
        if (devices.invalidations.size() > 64) devices.invalidations.clear();
        if (devices.answers.size() > 64) devices.answers.clear();
        if (turn % 1000 != 999) continue;
        unit.reset();
        write_tables();
        tail = 0;
        write64(0x90, queue | 0x800);
        write32(0x18, 0x04000000);
        write64(0x20, 0x10400);
        write32(0x18, 0x44000000);
        write64(0xd0, requests);
        write32(0x18, 0x84000000);
        ASSERT_EQ(read32(0x34), 0u);
        put_wait(static_cast<std::uint32_t>(turn));
        submit();
        ASSERT_EQ(waited(), static_cast<std::uint32_t>(turn)) << "after a reset the unit works";
    }
}

// A queue full of invalidations for a device that never answers: one time-out for every 32 of them.
TEST_F(HostileDevices, ADeadDeviceCostsTimeOutsAlone) {
    for (int i = 0; i < 127; ++i) put(0x0000001000000003, 0x1000);
    submit();
    unsigned errors = 0;
    for (int period = 0; period < 20; ++period) {
        unit.timer_expired();
        if (read32(0x34) & 0x40) ++errors;
        write32(0x34, 0x40);
    }
    EXPECT_EQ(errors, 4u);
    EXPECT_EQ(devices.invalidations.size(), 127u);
    put_wait(1);
    submit();
    EXPECT_EQ(waited(), 1u);
}

}  // namespace
}  // namespace remap::iommu
