// SPDX-License-Identifier: MIT
// The driver of scalable mode against the engine: processes' memory, devices that keep translations, page requests.
#include "iommu/driver/scalable_unit.h"
#include "iommu/tests/device_bench.h"

namespace remap {
namespace {

using iommu::Access;
using iommu::RequestType;
using vtd_driver::Error;

// Devices answer whenever the driver looks at a register, as if they worked beside it.
class Window final : public vtd_driver::RegisterPort {
public:
    Window(iommu::Iommu& unit, test::Devices& devices) : unit_(unit), devices_(devices) {}

    std::uint32_t read32(std::uint64_t offset) override {
        work();
        return static_cast<std::uint32_t>(unit_.read(offset, 4));
    }
    std::uint64_t read64(std::uint64_t offset) override {
        work();
        return unit_.read(offset, 8);
    }
    void write32(std::uint64_t offset, std::uint32_t value) override { unit_.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { unit_.write(offset, value, 8); }

    std::uint16_t dead_device = 0xffff;

private:
    void work() {
        const auto told = std::exchange(devices_.invalidations, {});
        for (const iommu::DeviceInvalidation& one : told) {
            seen.push_back(one);
            if (one.source.value != dead_device) unit_.device_invalidated(one.source, one.tag);
        }
        if (dead_device != 0xffff) unit_.timer_expired();
    }

public:
    std::vector<iommu::DeviceInvalidation> seen;

private:
    iommu::Iommu& unit_;
    test::Devices& devices_;
};

class ScalableDriver : public testing::Test {
protected:
    static constexpr std::uint16_t gpu = 0x10, disk = 0x18;

    ScalableDriver()
        : unit({.scalable = true, .device_tlb = true, .page_requests = true},
               {.memory = ram, .interrupts = interrupts, .devices = &devices}),
          window(unit, devices),
          driver(window, ram) {
        EXPECT_EQ(driver.start(), Error::None);
        EXPECT_EQ(driver.attach(gpu, {.device_tlb = true, .pasids = true, .page_requests = true}), Error::None);
        Error error = Error::None;
        space = driver.create_space(error);
        EXPECT_EQ(error, Error::None);
        EXPECT_EQ(driver.bind(gpu, 77, *space), Error::None);
    }
    ~ScalableDriver() override {
        if (space != nullptr) driver.destroy_space(space);
    }

    iommu::Translation access(std::uint64_t address, Access how = Access::Read, std::uint16_t source = gpu,
                              std::uint32_t pasid = 77, RequestType type = RequestType::Untranslated) {
        iommu::Request request{.source = {source}, .address = {address}, .access = how, .type = type};
        request.pasid = iommu::Pasid{pasid};
        return unit.translate(request);
    }

    test::Ram ram;
    test::Interrupts interrupts;
    test::Devices devices;
    iommu::Iommu unit;
    Window window;
    vtd_driver::ScalableUnit driver;
    vtd_driver::ProcessSpace* space = nullptr;
};

TEST_F(ScalableDriver, NeedsAUnitWithScalableMode) {
    test::Machine legacy;
    test::Window registers(legacy.unit);
    vtd_driver::ScalableUnit other(registers, legacy.ram);
    EXPECT_EQ(other.start(), Error::NotOffered);
}

TEST_F(ScalableDriver, OffersNoMoreThanTheUnit) {
    iommu::Iommu plain({.scalable = true}, {.memory = ram, .interrupts = interrupts});
    test::Window registers(plain);
    vtd_driver::ScalableUnit other(registers, ram);
    EXPECT_EQ(other.start(), Error::None);
    EXPECT_EQ(other.attach(gpu, {.device_tlb = true}), Error::NotOffered);
    EXPECT_EQ(other.attach(gpu, {.pasids = true, .page_requests = true}), Error::NotOffered);
    EXPECT_EQ(other.attach(gpu, {.pasids = true}), Error::None);
    EXPECT_EQ(other.attach(gpu, {.pasids = true}), Error::NotOffered) << "attached already";
}

TEST_F(ScalableDriver, DevicesAreBlockedUntilTheyAreAttached) {
    EXPECT_EQ(unit.translate({disk}, {0x1000}, Access::Read).fault_reason, 0x41);
    EXPECT_EQ(driver.attach(disk, {}), Error::None);
    EXPECT_EQ(unit.translate({disk}, {0x1000}, Access::Read).address.value, 0x1000u);
    EXPECT_EQ(access(0x1000, Access::Read, disk).fault_reason, 0x45) << "without PASIDs";
    EXPECT_EQ(driver.bind(disk, 5, *space), Error::NotOffered);
    EXPECT_EQ(driver.detach(disk), Error::None);
    EXPECT_EQ(unit.translate({disk}, {0x1000}, Access::Read).fault_reason, 0x41);
    EXPECT_EQ(driver.detach(disk), Error::NotOffered);
}

TEST_F(ScalableDriver, AProcessSpaceIsThereForThePasidItIsBoundTo) {
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 3, true), Error::None);
    EXPECT_EQ(driver.map(*space, {0x8000}, {0x200}, 1, false), Error::None);
    EXPECT_EQ(access(0x7001234, Access::Write).address.value, 0x124234u);
    EXPECT_EQ(access(0x8000000).address.value, 0x200000u);
    EXPECT_EQ(access(0x8000000, Access::Write).fault_reason, 0x85);
    EXPECT_EQ(access(0x7003000).fault_reason, 0x71);
    EXPECT_EQ(access(0x7000000, Access::Read, gpu, 78).fault_reason, 0x59);
    EXPECT_EQ(driver.bind(gpu, 77, *space), Error::AlreadyMapped);
    EXPECT_EQ(driver.bind(gpu, 0, *space), Error::OutOfRange);
    EXPECT_EQ(driver.bind(gpu, 1 << 15, *space), Error::OutOfRange);
    EXPECT_EQ(driver.bind(gpu, (1 << 15) - 1, *space), Error::None);
    EXPECT_EQ(access(0x7000000, Access::Read, gpu, (1 << 15) - 1).address.value, 0x123000u);
}

TEST_F(ScalableDriver, UnmappingTellsTheUnitAndThenTheDevices) {
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 16, true), Error::None);
    EXPECT_TRUE(access(0x7005000).allowed);
    EXPECT_EQ(driver.unmap(*space, {0x7004}, 3), Error::None);
    EXPECT_FALSE(access(0x7005000).allowed);
    EXPECT_TRUE(access(0x7003000).allowed);
    ASSERT_EQ(window.seen.size(), 1u);
    EXPECT_EQ(window.seen[0].source.value, gpu);
    EXPECT_EQ(window.seen[0].pasid, iommu::Pasid{77});
    EXPECT_EQ(window.seen[0].first.value, 0x7004000u);
    EXPECT_EQ(window.seen[0].last.value, 0x7007fffu);
    EXPECT_EQ(driver.unmap(*space, {0x7004}, 1), Error::NotMapped);
}

TEST_F(ScalableDriver, EveryDeviceThatKeepsTranslationsIsTold) {
    EXPECT_EQ(driver.attach(disk, {.pasids = true}), Error::None);
    EXPECT_EQ(driver.attach(0x20, {.device_tlb = true, .pasids = true}), Error::None);
    EXPECT_EQ(driver.bind(disk, 5, *space), Error::None);
    EXPECT_EQ(driver.bind(0x20, 6, *space), Error::None);
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 1, true), Error::None);
    for (const auto& [source, pasid] : {std::pair{gpu, 77u}, {disk, 5u}, {std::uint16_t{0x20}, 6u}})
        EXPECT_TRUE(access(0x7000000, Access::Read, source, pasid).allowed);
    EXPECT_EQ(driver.unmap(*space, {0x7000}, 1), Error::None);
    for (const auto& [source, pasid] : {std::pair{gpu, 77u}, {disk, 5u}, {std::uint16_t{0x20}, 6u}})
        EXPECT_FALSE(access(0x7000000, Access::Read, source, pasid).allowed);
    ASSERT_EQ(window.seen.size(), 2u) << "the disk keeps none";
    EXPECT_EQ(window.seen[1].pasid, iommu::Pasid{6});
}

TEST_F(ScalableDriver, ADeviceThatDoesNotAnswerIsNamed) {
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 1, true), Error::None);
    window.dead_device = gpu;
    EXPECT_EQ(driver.unmap(*space, {0x7000}, 1), Error::DeviceTimeout);
    EXPECT_EQ(driver.queue().silent_device(), gpu);
    EXPECT_EQ(unit.read(0x34, 4) & 0x70, 0u);
    window.dead_device = 0xffff;
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 1, true), Error::None);
    EXPECT_EQ(driver.unmap(*space, {0x7000}, 1), Error::None) << "the queue goes on";
}

TEST_F(ScalableDriver, ABadDescriptorIsAnErrorAndTheQueueGoesOn) {
    const vtd::WideDescriptor bad{{0xf, 0, 0, 0}};
    const vtd::WideDescriptor list[] = {vtd::descriptor::make_pasid_iotlb(1, 77), bad, bad};
    EXPECT_EQ(driver.queue().run(list), Error::QueueError);
    EXPECT_EQ(driver.queue().run({}), Error::None);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(driver.queue().run({list, 1}), Error::None);
}

TEST_F(ScalableDriver, UnbindingEndsAllAccessAndAllThatIsKept) {
    EXPECT_EQ(driver.map(*space, {0x7000}, {0x123}, 1, true), Error::None);
    EXPECT_TRUE(access(0x7000000).allowed);
    EXPECT_EQ(driver.unbind(gpu, 77), Error::None);
    EXPECT_EQ(access(0x7000000).fault_reason, 0x59);
    ASSERT_EQ(window.seen.size(), 1u);
    EXPECT_EQ(window.seen[0].last.value, ~std::uint64_t{0});
    EXPECT_EQ(driver.unbind(gpu, 77), Error::NotMapped);
}

TEST_F(ScalableDriver, TakesPageRequestsAndAnswersThem) {
    EXPECT_FALSE(driver.page_requests().take());
    unit.request_page({.source = {gpu}, .address = {0x7000123}, .write = true, .pasid = iommu::Pasid{77}, .group = 9});
    const auto request = driver.page_requests().take();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->source, gpu);
    EXPECT_EQ(request->pasid, 77u);
    EXPECT_EQ(request->page.number, 0x7000u);
    EXPECT_TRUE(request->write && request->last && !request->read);
    EXPECT_EQ(request->group, 9);
    EXPECT_FALSE(driver.page_requests().take());
    EXPECT_EQ(driver.answer(*request, vtd::PageResponse::InvalidRequest), Error::None);
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].group, 9);
    EXPECT_EQ(devices.answers[0].pasid, iommu::Pasid{77});
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest);
}

TEST_F(ScalableDriver, TheRequestQueueWrapsAndOverflows) {
    auto& requests = driver.page_requests();
    const iommu::PageRequest one{.source = {gpu}, .address = {0x7000000}, .read = true, .pasid = iommu::Pasid{77}};
    for (int i = 0; i < 1000; ++i) {
        unit.request_page(one);
        ASSERT_TRUE(requests.take());
    }
    EXPECT_FALSE(requests.take_overflow());
    for (int i = 0; i < 200; ++i) unit.request_page(one);
    EXPECT_TRUE(requests.take_overflow());
    unsigned taken = 0;
    while (requests.take()) ++taken;
    EXPECT_EQ(taken, 127u);
    EXPECT_TRUE(requests.take_overflow()) << "not cleared before the queue was empty";
    EXPECT_FALSE(requests.take_overflow());
    unit.request_page(one);
    EXPECT_TRUE(requests.take());
}

TEST_F(ScalableDriver, SendsTheEventOfPageRequests) {
    driver.page_requests().enable_event(0xfee02000, 0x44);
    unit.request_page({.source = {gpu}, .address = {0x7000000}, .read = true, .pasid = iommu::Pasid{77}});
    ASSERT_EQ(interrupts.sent.size(), 1u);
    EXPECT_EQ(interrupts.sent[0].address, 0xfee02000u);
    EXPECT_EQ(interrupts.sent[0].data, 0x44u);
    driver.page_requests().clear_event();
    unit.request_page({.source = {gpu}, .address = {0x7000000}, .read = true, .pasid = iommu::Pasid{77}});
    EXPECT_EQ(interrupts.sent.size(), 2u);
}

TEST_F(ScalableDriver, GivesAllItsPagesBack) {
    driver.destroy_space(std::exchange(space, nullptr));
    EXPECT_EQ(driver.stop(), Error::None);
    const std::uint64_t before = ram.tables_left;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(driver.start(), Error::None);
        EXPECT_EQ(driver.attach(gpu, {.device_tlb = true, .pasids = true}), Error::None);
        Error error = Error::None;
        auto* one = driver.create_space(error);
        EXPECT_EQ(driver.bind(gpu, 1000, *one), Error::None);
        EXPECT_EQ(driver.map(*one, {0x7000}, {0x123}, 600, true), Error::None);
        EXPECT_EQ(driver.unmap(*one, {0x7000}, 600), Error::None);
        EXPECT_EQ(driver.unbind(gpu, 1000), Error::None);
        driver.destroy_space(one);
        EXPECT_EQ(driver.attach(disk, {}), Error::None);
        EXPECT_EQ(driver.detach(disk), Error::None);
        EXPECT_EQ(driver.stop(), Error::None);
        EXPECT_EQ(ram.tables_left, before);
    }
}

// Whoever drove the unit before, in legacy mode, leaves nothing behind.
TEST_F(ScalableDriver, TakesOverFromALegacyDriverAndBack) {
    driver.destroy_space(std::exchange(space, nullptr));
    EXPECT_EQ(driver.stop(), Error::None);
    test::Window registers(unit);
    vtd_driver::Unit legacy(registers, ram);
    EXPECT_EQ(legacy.start({}), Error::None);
    EXPECT_EQ(legacy.attach_pass_through(disk), Error::None);
    EXPECT_TRUE(unit.translate({disk}, {0x1000}, Access::Read).allowed);
    EXPECT_EQ(driver.start(), Error::None);
    EXPECT_EQ(unit.translate({disk}, {0x1000}, Access::Read).fault_reason, 0x39) << "not even a root entry";
    EXPECT_EQ(driver.stop(), Error::None);
    EXPECT_EQ(legacy.start({}), Error::None);
    EXPECT_EQ(unit.translate({disk}, {0x1000}, Access::Read).fault_reason, 0x01);
}

}  // namespace
}  // namespace remap
