// SPDX-License-Identifier: MIT
// The sample driver of callbacks/tests/driver on the hosted machine: the image that a Windows compiler made of its
// sources and the objects that this one made do the same. SAMPLE_IMAGE and NEEDS_MORE_IMAGE are files; without a
// Windows compiler they are not defined.
#include "callbacks/hosted/driver.h"

#include "callbacks/driver/allocation.h"
#include "callbacks/driver/sample_protocol.h"
#include "callbacks/hosted/kernel_port.h"
#include "callbacks/miniport/paging.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>

extern "C" NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT, PUNICODE_STRING);

namespace remap::hosted {
namespace {

// A machine whose kernel services run.
struct Machine {
    Machine() {
        auto created = System::create({});
        EXPECT_TRUE(created) << created.error();
        system = std::move(*created);
        port.emplace(system->frames(), system->views());
        EXPECT_TRUE(kernel::start(*port));
    }
    ~Machine() { kernel::stop(); }

    std::unique_ptr<System> system;
    std::optional<KernelPort> port;
};

enum class Form { Objects, Image };

Result<std::unique_ptr<Driver>, std::string> load(Form form) {
#ifdef SAMPLE_IMAGE
    if (form == Form::Image) return Driver::load(SAMPLE_IMAGE);
#endif
    EXPECT_EQ(form, Form::Objects);
    return Driver::link(DriverEntry);
}

class SampleDriver : public testing::TestWithParam<Form> {
protected:
    void SetUp() override {
        auto loaded = load(GetParam());
        ASSERT_TRUE(loaded) << loaded.error();
        driver = std::move(*loaded);
    }
    void start(const ChainOptions& options = {}) {
        auto started = driver->start_adapter(*machine.system, options);
        ASSERT_TRUE(started) << started.error();
        adapter = std::move(*started);
    }
    void TearDown() override {
        adapter.reset();
        EXPECT_EQ(driver->unload(), 0u);
        EXPECT_TRUE(machine.system->reports().all().empty());
    }
    SAMPLE_REQUEST ask(unsigned command, std::uint64_t value = 0, unsigned index = 0) {
        SAMPLE_REQUEST request{SAMPLE_MAGIC, command, 0, 0, value};
        const miniport::Outcome outcome = adapter->logical().escape(index, &request, sizeof request);
        EXPECT_TRUE(outcome.ok()) << outcome.why.c_str();
        return request;
    }
    void run_checks(unsigned command, unsigned index = 0) {
        const SAMPLE_REQUEST request = ask(command, 0, index);
        EXPECT_EQ(request.Status, STATUS_SUCCESS) << "line " << request.Line << " of the driver";
    }

    Machine machine;
    std::unique_ptr<Driver> driver;
    std::unique_ptr<DriverAdapter> adapter;
};

#ifdef SAMPLE_IMAGE
INSTANTIATE_TEST_SUITE_P(Binary, SampleDriver, testing::Values(Form::Image));
#endif
INSTANTIATE_TEST_SUITE_P(Source, SampleDriver, testing::Values(Form::Objects));

TEST_P(SampleDriver, SaysWhatItCanDoAndStarts) {
    start();
    const miniport::Caps& caps = adapter->logical().caps();
    EXPECT_EQ(caps.interface_version, 0xF003u);
    EXPECT_EQ(caps.highest_visible[0], 0xffffffffffu);
    EXPECT_EQ(caps.iommu.Value, 5u);
    EXPECT_EQ(caps.frame_buffer_save[0], 0x4000u);
    EXPECT_TRUE(machine.system->dxgkrnl().remaps(adapter->adapter().device));
    EXPECT_TRUE(adapter->stop().ok());
}

TEST_P(SampleDriver, UsesPoolLocksAndMdls) {
    start();
    run_checks(SAMPLE_KERNEL_SERVICES);
}

TEST_P(SampleDriver, UsesTheEightCallbacksWithAFastMutexHeld) {
    start();
    run_checks(SAMPLE_MEMORY_OBJECTS);
    EXPECT_EQ(ask(SAMPLE_REGISTERS).Status, STATUS_NOT_SUPPORTED);
}

TEST_P(SampleDriver, DrivesAChainOfGpus) {
    ChainOptions options;
    options.linked.resize(2);
    options.linked[0].source_id = 0x20;
    options.linked[1].source_id = 0x28;
    start(options);
    for (unsigned i = 0; i < 3; ++i) run_checks(SAMPLE_MEMORY_OBJECTS, i);
}

TEST_P(SampleDriver, MapsPagesOfAListIntoItsApertureFromAnOffsetOn) {
    start();
    driver::Allocation memory;
    ASSERT_EQ(memory.make(adapter->logical().interface(0), {.bytes = 8 * PAGE_SIZE}), STATUS_SUCCESS);
    const miniport::ApertureMapping mapping{
        .segment = SAMPLE_APERTURE_SEGMENT, .offset_pages = 10, .pages = 3, .adl = memory.adl(), .adl_offset = 4};
    miniport::Outcome outcome = miniport::map_aperture(adapter->logical(), 0, mapping);
    ASSERT_TRUE(outcome.ok()) << outcome.why.c_str();
    EXPECT_EQ(ask(SAMPLE_APERTURE_PAGE, 9).Value, 0u);
    for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(ask(SAMPLE_APERTURE_PAGE, 10 + i).Value, memory.page(4 + i).number);
    EXPECT_EQ(ask(SAMPLE_APERTURE_PAGE, 13).Value, 0u);

    const miniport::ApertureRange range{SAMPLE_APERTURE_SEGMENT, 10, 3, {0x7000}};
    ASSERT_TRUE(miniport::unmap_aperture(adapter->logical(), 0, range).ok());
    EXPECT_EQ(ask(SAMPLE_APERTURE_PAGE, 11).Value, 7u);
    const miniport::ApertureRange outside{SAMPLE_APERTURE_SEGMENT, SAMPLE_APERTURE_PAGES, 1, {0x7000}};
    outcome = miniport::unmap_aperture(adapter->logical(), 0, outside);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiBuildPagingBuffer failed: NTSTATUS 0xc000000d");
}

TEST_P(SampleDriver, IsSilentWhileItsDomainIsSwitched) {
    start();
    EXPECT_EQ(machine.system->dxgkrnl().switch_domain(adapter->adapter().device), STATUS_SUCCESS);
    const std::uint64_t counts = ask(SAMPLE_COUNTS).Value;
    EXPECT_EQ(counts & 0xffffffff, counts >> 32);
    EXPECT_NE(counts, 0u);
}

TEST_P(SampleDriver, IsFoundOutWhenItReturnsAtAnotherIrql) {
    start();
    SAMPLE_REQUEST request{SAMPLE_MAGIC, SAMPLE_LEAVE_IRQL, 0, 0, 0};
    const miniport::Outcome outcome = adapter->logical().escape(0, &request, sizeof request);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiEscape returned at IRQL 1, was called at PASSIVE_LEVEL (0)");
    run_checks(SAMPLE_KERNEL_SERVICES);
}

TEST_P(SampleDriver, DoesNotStartWithoutRemappingWhereItCannotReachAllMemory) {
    MachineOptions options;
    options.iommu = false;
    auto without = System::create(options);
    ASSERT_TRUE(without) << without.error();
    const auto refused = driver->start_adapter(**without, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), "the adapter cannot be started with these caps: NTSTATUS 0xc0000182");
}

TEST_P(SampleDriver, StartsAndStopsAgainAndAgain) {
    for (int round = 0; round < 3; ++round) {
        ChainOptions options;
        options.gpu.source_id = static_cast<std::uint16_t>(0x10 + 8 * round);
        start(options);
        run_checks(SAMPLE_MEMORY_OBJECTS);
        EXPECT_TRUE(adapter->stop().ok());
    }
}

TEST_P(SampleDriver, IsFoundOutWhenItKeepsPool) {
    start();
    EXPECT_NE(ask(SAMPLE_LEAK).Value, 0u);
    adapter.reset();
    EXPECT_EQ(driver->unload(), 1u);
    const auto stops = machine.port->stops();
    ASSERT_EQ(stops.size(), 1u);
    EXPECT_EQ(stops[0].code, 0xC4u);
    EXPECT_EQ(stops[0].parameters[0], 0x62u);
    EXPECT_NE(machine.port->console().find("leak: 100 bytes of nonpaged pool"), std::string::npos);
    EXPECT_NE(machine.port->console().find("tag 'Smpl'"), std::string::npos);
}

TEST(HostedDriver, NeedsTheKernelServices) {
    const auto driver = Driver::link(DriverEntry);
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error(), "the kernel services are not started");
}

TEST(HostedDriver, AFileThatIsNoImageIsNamedWithItsProblem) {
    Machine machine;
    EXPECT_EQ(Driver::load("/no/such/file.sys").error(), "/no/such/file.sys: cannot be opened");
    EXPECT_EQ(Driver::load("/proc/self/exe").error(),
              "/proc/self/exe: the file does not begin with MZ: it is no PE image (file offset 0x0, value 0x457f)");
}

#ifdef NEEDS_MORE_IMAGE
TEST(HostedDriver, AllImportsThatTheKitLacksAreNamed) {
    Machine machine;
    const auto driver = Driver::load(NEEDS_MORE_IMAGE);
    ASSERT_FALSE(driver);
    EXPECT_NE(
        driver.error().find("nobody provides some of the routines that the image imports; the first: EtwRegister"),
        std::string::npos)
        << driver.error();
    EXPECT_NE(driver.error().find("\n  ntoskrnl.exe!EtwRegister\n  ntoskrnl.exe!KeQueryUnbiasedInterruptTime"),
              std::string::npos)
        << driver.error();
    EXPECT_EQ(driver.error().find("KeGetCurrentIrql"), std::string::npos);
}
#endif

#ifdef SAMPLE_IMAGE
TEST(HostedDriver, AnImageHasRelocationsAndLiesWhereItIsLoaded) {
    Machine machine;
    auto driver = Driver::load(SAMPLE_IMAGE);
    ASSERT_TRUE(driver) << driver.error();
    const pe::LoadedImage& image = (*driver)->image();
    EXPECT_TRUE(image.loaded());
    EXPECT_NE(image.image().directory(pe::Directory::Relocation).address, 0u);
    EXPECT_NE(reinterpret_cast<std::uint64_t>(image.base()), image.image().preferred_base());
    EXPECT_TRUE(image.contains(reinterpret_cast<const void*>((*driver)->ddis().ddis().DxgkDdiStartDevice)));
}
#endif

}  // namespace
}  // namespace remap::hosted
