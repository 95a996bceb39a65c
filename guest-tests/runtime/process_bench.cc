// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/process_bench.h"

#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"

namespace remap::guest {

using namespace gpu::spec;
using vtd_driver::Error;

namespace {

namespace ext = pci::extended;

PhysicalPage allocate() {
    const auto page = allocate_owned_page();
    REQUIRE(page);
    return *page;
}

unsigned find_extended(const pci::Function& function, std::uint16_t id) {
    const auto at = function.find_extended_capability(id);
    REQUIRE(at.has_value());
    return *at;
}

// Scalable mode has another driver, which takes the unit over from the machine's.
vtd_driver::RegisterPort& registers_of_unit() {
    REQUIRE(iommu() != nullptr);
    return iommu_registers();
}

}  // namespace

ProcessBench::ProcessBench(const ProcessBenchOptions& options)
    : function_(gpu_function()),
      gpu_registers_(function_),
      ring_page_(allocate()),
      vram_(vram_of(function_).address, page_size, CacheType::WriteCombined),
      ats_(find_extended(function_, ext::ats)),
      pri_(find_extended(function_, ext::pri)),
      pasid_(find_extended(function_, ext::pasid)),
      unit_registers(registers_of_unit()),
      registers(gpu_registers_),
      device(gpu_registers_),
      ring(device) {
    REQUIRE(vram_);
    device.reset();
    unit.emplace(unit_registers, tables_);
    REQUIRE_EQ(unit->start(), Error::None);
    REQUIRE_EQ(unit->attach(source(), {.device_tlb = true, .pasids = true, .page_requests = true}), Error::None);
    Error error = Error::None;
    space = unit->create_space(error);
    REQUIRE_EQ(error, Error::None);
    REQUIRE_EQ(unit->bind(source(), pasid, *space), Error::None);

    // PASIDs first: that may not change while translations are kept (PCIe 10.5.1.3).
    function_.write16(pasid_ + ext::pasid_control, 1);
    function_.write32(pri_ + ext::pri_allocation, options.most_page_requests);
    write_pri_control(ext::pri_reset);
    if (options.page_requests) write_pri_control(ext::pri_enable);
    if (options.keeps_translations) function_.write16(ats_ + ext::ats_control, ext::ats_enable);

    const std::uint64_t base = ring_page_.address().value;
    REQUIRE_EQ(ring.start({{reinterpret_cast<Packet*>(base), page_size / packet_size}, {base}}),
               gpu_driver::Error::None);
    submit(context(pasid));
    REQUIRE(rests());
}

ProcessBench::~ProcessBench() {
    registers.write32(TranslationDebug::offset, 0);
    EXPECT_EQ(ring.stop(), gpu_driver::Error::None);
    function_.write16(ats_ + ext::ats_control, 0);
    write_pri_control(0);
    write_pri_control(ext::pri_reset);
    function_.write16(pasid_ + ext::pasid_control, 0);
    EXPECT_EQ(unit->stop(), Error::None);
    unit->destroy_space(space);
    unit.reset();
    restart_iommu();
    function_.set_bus_master(false);
    free_owned_page(ring_page_);
}

void ProcessBench::submit(const Packet& packet) {
    REQUIRE_EQ(ring.submit(packet), gpu_driver::Error::None);
    ring.ring_doorbell();
}

Status::State ProcessBench::state() const { return device.state(); }

bool ProcessBench::waits_for_page() { return Status::WaitsForPage::get(registers.read32(Status::offset)); }

bool ProcessBench::rests(std::uint64_t milliseconds) {
    return wait_until(milliseconds, [&] { return state() == Status::State::Idle || state() == Status::State::Halted; });
}

void ProcessBench::recover() {
    device.clear_fault();
    REQUIRE_EQ(device.resume(), gpu_driver::Error::None);
}

std::uint64_t ProcessBench::read(LogicalPage page) {
    submit(copy(vram(0), system_memory(page.address().value), 8));
    REQUIRE(rests());
    if (state() == Status::State::Idle) return vram_.as<volatile std::uint64_t>()[0];
    recover();
    return refused;
}

std::optional<vtd_driver::PageRequest> ProcessBench::next_request(std::uint64_t milliseconds) {
    std::optional<vtd_driver::PageRequest> request;
    wait_until(milliseconds, [&] { return (request = unit->page_requests().take()).has_value(); });
    return request;
}

void ProcessBench::map(LogicalPage page, const MarkedFrame& to, bool writable) {
    REQUIRE_EQ(unit->map(*space, page, to.page(), 1, writable), Error::None);
}

void ProcessBench::answer(const vtd_driver::PageRequest& request, vtd::PageResponse code) {
    REQUIRE_EQ(unit->answer(request, code), Error::None);
}

std::uint16_t ProcessBench::pri_status() const { return function_.read16(pri_ + ext::pri_status); }
void ProcessBench::write_pri_control(std::uint16_t value) { function_.write16(pri_ + ext::pri_control, value); }
void ProcessBench::write_pri_status(std::uint16_t value) { function_.write16(pri_ + ext::pri_status, value); }

}  // namespace remap::guest
