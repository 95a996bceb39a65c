// SPDX-License-Identifier: MIT
// A process' memory behind the GPU: the unit in scalable mode by its driver, the GPU with translations of its own
// (ATS), page requests (PRI) and a PASID, all switched on in configuration space.
//
// A bench begins and ends with a unit and a GPU started anew. The GPU's ring is reached by the GPU's own requests,
// which pass; its packets work in the process.
#pragma once

#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/tables.h"
#include "hw/driver/ring.h"
#include "iommu/driver/scalable_unit.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

struct ProcessBenchOptions {
    bool keeps_translations = true;  // else the GPU leaves them to the unit, and cannot ask for pages
    bool page_requests = true;
    std::uint32_t most_page_requests = 4;
};

class ProcessBench {
public:
    static constexpr std::uint32_t pasid = 0x1234;

    explicit ProcessBench(const ProcessBenchOptions& options = {});
    ~ProcessBench();
    ProcessBench(const ProcessBench&) = delete;
    ProcessBench& operator=(const ProcessBench&) = delete;

    // Hands a packet to the GPU and does not wait.
    void submit(const gpu::spec::Packet& packet);

    gpu::spec::Status::State state() const;
    bool waits_for_page();
    bool rests(std::uint64_t milliseconds = 2000);  // idle or halted, within that time

    // Reads 8 bytes through the GPU; refused when that halted it, and the GPU goes on behind it.
    static constexpr std::uint64_t refused = ~std::uint64_t{0};
    std::uint64_t read(LogicalPage page);
    void recover();

    // The next page request, for which it waits some time.
    std::optional<vtd_driver::PageRequest> next_request(std::uint64_t milliseconds = 2000);

    // A page of the process. The unit caches nothing of what was not there.
    void map(LogicalPage page, const MarkedFrame& to, bool writable = true);
    void answer(const vtd_driver::PageRequest& request, vtd::PageResponse code = vtd::PageResponse::Success);

    std::uint64_t counter(std::uint64_t offset) { return registers.read64(offset); }
    std::uint16_t source() const { return function_.source(); }
    std::uint16_t pri_status() const;
    void write_pri_control(std::uint16_t value);
    void write_pri_status(std::uint16_t value);

private:
    const pci::Function& function_;
    GpuMmio gpu_registers_;
    PhysicalPage ring_page_;
    PhysicalView vram_;
    DeviceTables tables_;
    unsigned ats_ = 0, pri_ = 0, pasid_ = 0;  // capabilities

public:
    vtd_driver::RegisterPort& unit_registers;
    GpuMmio& registers;
    gpu_driver::Device device;
    gpu_driver::Ring ring;
    std::optional<vtd_driver::ScalableUnit> unit;
    vtd_driver::ProcessSpace* space = nullptr;
};

}  // namespace remap::guest
