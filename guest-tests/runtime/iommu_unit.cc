// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/iommu_unit.h"

#include "guest-tests/runtime/acpi.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/tables.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/views.h"
#include "iommu/spec/dmar.h"

#include <cstring>
#include <new>

namespace remap::guest {

namespace {

using vtd_driver::Unit;

constexpr unsigned most_units = 64;
constexpr unsigned most_fault_records = 256;  // as many as CAP.NFR can say

class MappedRegisters final : public vtd_driver::RegisterPort {
public:
    explicit MappedRegisters(volatile void* base) : base_(static_cast<volatile std::uint8_t*>(base)) {}

    volatile std::uint8_t* window() const { return base_; }

    std::uint32_t read32(std::uint64_t offset) override { return *at<std::uint32_t>(offset); }
    std::uint64_t read64(std::uint64_t offset) override { return *at<std::uint64_t>(offset); }
    void write32(std::uint64_t offset, std::uint32_t value) override { *at<std::uint32_t>(offset) = value; }
    void write64(std::uint64_t offset, std::uint64_t value) override { *at<std::uint64_t>(offset) = value; }

private:
    template <typename T>
    volatile T* at(std::uint64_t offset) const {
        return reinterpret_cast<volatile T*>(base_ + offset);
    }

    volatile std::uint8_t* base_;
};

// The unit of segment 0 for all devices, else the first one of that segment.
std::optional<vtd::dmar::Unit> find_unit() {
    const auto table = vtd::dmar::Table::parse(std::as_bytes(acpi::find("DMAR")));
    std::optional<vtd::dmar::Unit> found;
    for (std::size_t i = 0; table && i < most_units; ++i) {
        const auto unit = table->unit(i);
        if (!unit) break;
        if (unit->segment != 0) continue;
        if (unit->include_pci_all) return unit;
        if (!found) found = unit;
    }
    return found;
}

vtd_driver::UnitOptions options() {
    const char* invalidation = option("iommu_invalidation");
    const bool registers = invalidation != nullptr && std::strcmp(invalidation, "registers") == 0;
    if (invalidation != nullptr && !registers && std::strcmp(invalidation, "queue") != 0)
        panic("option iommu_invalidation=%s", invalidation);
    return {.invalidation = registers ? vtd_driver::Invalidation::Registers : vtd_driver::Invalidation::Queue,
            .levels = static_cast<unsigned>(number_option("iommu_levels", 0))};
}

bool looked_for;
Unit* machine_unit;
MappedRegisters* machine_registers;
callbacks::FaultInbox* machine_inbox;

Unit* create(const vtd::dmar::Unit& description) {
    volatile void* window = map_device({description.register_base}, description.window_bytes);
    machine_registers = new (std::nothrow) MappedRegisters(window);
    auto* tables = new (std::nothrow) DeviceTables;
    if (window == nullptr || machine_registers == nullptr || tables == nullptr) panic("no memory for the IOMMU");
    auto* unit = new (std::nothrow) Unit(*machine_registers, *tables);
    if (unit == nullptr) panic("no memory for the IOMMU");
    machine_inbox = new (std::nothrow) callbacks::FaultInbox(*unit);
    if (machine_inbox == nullptr) panic("no memory for the IOMMU");
    return unit;
}

void start(const vtd_driver::UnitOptions& wanted) {
    if (iommu() == nullptr) panic("the machine has no IOMMU");
    if (const vtd_driver::Error error = machine_unit->start(wanted); error != vtd_driver::Error::None)
        panic("starting the IOMMU: %s", vtd_driver::name_of(error));
    machine_inbox->clear();
}

}  // namespace

Unit* iommu() {
    if (looked_for) return machine_unit;
    looked_for = true;
    const auto description = find_unit();
    if (!description) return nullptr;
    machine_unit = create(*description);
    restart_iommu();
    return machine_unit;
}

vtd_driver::RegisterPort& iommu_registers() {
    if (iommu() == nullptr) panic("the machine has no IOMMU");
    return *machine_registers;
}

volatile std::uint8_t* iommu_window() {
    if (iommu() == nullptr) panic("the machine has no IOMMU");
    return machine_registers->window();
}

void restart_iommu() { start(options()); }

void restart_iommu(vtd_driver::Interrupts interrupts) {
    vtd_driver::UnitOptions wanted = options();
    wanted.invalidation = vtd_driver::Invalidation::Queue;
    wanted.interrupts = interrupts;
    start(wanted);
}

callbacks::FaultInbox& fault_inbox() {
    if (iommu() == nullptr) panic("the machine has no IOMMU");
    return *machine_inbox;
}

std::optional<vtd_driver::Fault> wait_for_fault(std::uint64_t milliseconds) {
    std::optional<vtd_driver::Fault> fault;
    if (iommu() != nullptr) wait_until(milliseconds, [&fault] { return (fault = fault_inbox().take()).has_value(); });
    return fault;
}

unsigned drop_faults() {
    unsigned dropped = 0;
    while (iommu() != nullptr && dropped < most_fault_records && fault_inbox().take()) ++dropped;
    return dropped;
}

}  // namespace remap::guest
