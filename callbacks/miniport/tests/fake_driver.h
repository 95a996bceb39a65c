// SPDX-License-Identifier: MIT
// A driver that a test can make say anything, and the machine around it. What it is called for is kept in a log. The
// latest one is the driver; when it goes, the one before is again.
#pragma once

#include "callbacks/miniport/adapter.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace remap::miniport {

struct FakeDriver {
    FakeDriver();
    ~FakeDriver();
    FakeDriver(const FakeDriver&) = delete;
    FakeDriver& operator=(const FakeDriver&) = delete;

    Outcome start() { return driver.start({.entry = entry}); }

    // The log since it was last asked for, words apart by spaces.
    std::string take_log();

    // What DriverEntry does; set before start.
    std::function<NTSTATUS(PDRIVER_OBJECT, PUNICODE_STRING)> on_entry;
    // The status of a DDI, by its short name: "add", "start", "stop", "remove", "begin", "end", "escape"; with the
    // index of the device behind it ("start1").
    std::function<NTSTATUS(const std::string&)> status;
    // Answers a query about a physical adapter.
    std::function<NTSTATUS(unsigned, const DXGKARG_QUERYADAPTERINFO&)> on_query;
    std::function<NTSTATUS(DXGKARG_BUILDPAGINGBUFFER&)> on_paging;
    std::function<void(const DXGKRNL_INTERFACE&)> on_start;
    std::function<PVOID(unsigned)> context;  // that AddDevice gives the n-th device

    DRIVER_INITIALIZATION_DATA ddis{};
    Driver driver;
    std::vector<std::string> log;
    unsigned added = 0;
    std::vector<ULONG> luids;  // that StartDevice was told

    static NTSTATUS NTAPI entry(PDRIVER_OBJECT object, PUNICODE_STRING path);

private:
    FakeDriver* previous_;
};

// Answers as a driver without faults does: 40 bits, isolation and remapping, 16 KiB to save, two reserved ranges.
NTSTATUS good_answer(unsigned adapter, const DXGKARG_QUERYADAPTERINFO& query);

template <typename Answer>
Answer& answer(const DXGKARG_QUERYADAPTERINFO& query) {
    return *static_cast<Answer*>(query.pOutputData);
}

class FakeCore final : public CorePort {
public:
    NTSTATUS start(const Caps& caps, callbacks::DriverPort& driver, std::span<DXGKRNL_INTERFACE> interfaces) override;
    void stop() override { ++stops; }

    NTSTATUS status = STATUS_SUCCESS;
    unsigned starts = 0;
    unsigned stops = 0;
    Caps seen;
    callbacks::DriverPort* driver = nullptr;
};

class FakeDevices final : public DevicePort {
public:
    void* map_device_memory(PhysicalAddress first, std::uint64_t bytes, MEMORY_CACHING_TYPE cache) override;
    void unmap_device_memory(void* base, std::uint64_t bytes) override;
    callbacks::ViewAudit& view_audit() override { return audit; }
    void report(const callbacks::Report& report) override { reports.push_back({report.check, report.message}); }
    std::uint64_t installed_bytes() const override { return 0x20000000; }
    PhysicalAddress highest_installed() const override { return {0x1fffffff}; }

    struct View {
        std::uint64_t first;
        std::uint64_t bytes;
        MEMORY_CACHING_TYPE cache;
    };
    std::vector<View> views;
    callbacks::ViewAudit audit;
    std::vector<std::pair<callbacks::Check, std::string>> reports;
};

// A driver, a core, and an adapter that is not added yet.
struct AdapterBench {
    AdapterBench() { status = fake.start().status; }

    // Takes n devices as far as they are to go.
    Outcome add(unsigned n);
    Outcome start(unsigned n);

    FakeDriver fake;
    NTSTATUS status;
    FakeCore core;
    FakeDevices devices;
    LogicalAdapter adapter{fake.driver, core, devices};
};

}  // namespace remap::miniport
