// SPDX-License-Identifier: MIT
#include "iommu/driver/fault_reader.h"

#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace record = vtd::fault_record;
namespace fsts = vtd::fault_status;

namespace {

constexpr std::uint64_t high_word = 8;    // bytes into a record
constexpr std::uint64_t last_dword = 12;  // bytes into a record: the one with the fault bit
constexpr std::uint32_t fault_bit = record::Fault::mask >> 32;

}  // namespace

std::uint64_t FaultReader::offset_of(unsigned index) const {
    return capabilities_.fault_registers() + std::uint64_t{index} * record::bytes;
}

bool FaultReader::is_set(unsigned index) { return (registers_.read32(offset_of(index) + last_dword) & fault_bit) != 0; }

// Records are used in a circle, so that the one after the last taken is the oldest. After a start of the unit that this
// reader has not seen, the status register's index tells.
std::optional<unsigned> FaultReader::oldest(unsigned first_index) {
    const unsigned count = capabilities_.fault_records();
    if (is_set(next_)) return next_;
    for (unsigned i = 0; i < count; ++i) {
        const unsigned index = (first_index + i) % count;
        if (is_set(index)) return index;
    }
    return std::nullopt;
}

std::optional<Fault> FaultReader::take() {
    const std::uint32_t status = registers_.read32(fsts::offset);
    const auto index =
        fsts::Pending::get(status) ? oldest(static_cast<unsigned>(fsts::RecordIndex::get(status))) : std::nullopt;
    if (!index) {
        // All records are free: faults may be recorded again.
        if (fsts::Overflow::get(status)) registers_.write32(fsts::offset, fsts::Overflow::mask);
        return std::nullopt;
    }
    const std::uint64_t low = registers_.read64(offset_of(*index));
    const std::uint64_t high = registers_.read64(offset_of(*index) + high_word);
    registers_.write32(offset_of(*index) + last_dword, fault_bit);
    next_ = (*index + 1) % capabilities_.fault_records();
    const std::uint32_t after = registers_.read32(fsts::offset);
    if (fsts::Overflow::get(after) && !fsts::Pending::get(after))
        registers_.write32(fsts::offset, fsts::Overflow::mask);
    Fault fault;
    fault.source = static_cast<std::uint16_t>(record::Source::get(high));
    fault.reason = static_cast<std::uint8_t>(record::Reason::get(high));
    if (vtd::is_interrupt_fault(static_cast<vtd::FaultReason>(fault.reason))) {
        fault.interrupt = static_cast<std::uint16_t>(record::InterruptIndex::get(low));
    } else {
        fault.page = {low & record::address};
        fault.write = !record::Read::get(high);
        if (record::PasidPresent::get(high)) fault.pasid = static_cast<std::uint32_t>(record::Pasid::get(high));
    }
    return fault;
}

void FaultReader::mask_event() { registers_.write32(vtd::fault_event.control, vtd::event_control::Mask::mask); }

void FaultReader::start_empty() {
    mask_event();
    for (unsigned i = 0; i <= capabilities_.fault_records() && take(); ++i) {
    }
}

void FaultReader::enable_event(std::uint64_t message_address, std::uint32_t message_data) {
    mask_event();  // never a message of half old, half new parts
    registers_.write32(vtd::fault_event.data, message_data);
    registers_.write32(vtd::fault_event.address, static_cast<std::uint32_t>(message_address));
    registers_.write32(vtd::fault_event.upper_address, static_cast<std::uint32_t>(message_address >> 32));
    registers_.write32(vtd::fault_event.control, 0);
}

}  // namespace remap::vtd_driver
