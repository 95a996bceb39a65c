// SPDX-License-Identifier: MIT
#include "iommu/engine/register_file.h"

#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"

namespace remap::iommu {

namespace {

constexpr std::uint64_t iva_offset = iotlb_registers + vtd::invalidate_address::offset_from_iro;
constexpr std::uint64_t iotlb_offset = iotlb_registers + vtd::iotlb_invalidate::offset_from_iro;
constexpr std::uint64_t fault_registers_end = fault_registers + fault_records * vtd::fault_record::bytes;

bool is_aligned_access(std::uint64_t offset, unsigned bytes) {
    return (bytes == 4 || bytes == 8) && offset % bytes == 0 && offset < register_window;
}

// EIME is a reserved bit where ECAP.EIM is 0: it stays 0, and entries are read as those of xAPICs.
std::uint64_t interrupt_table_bits(const Configuration& unit) {
    namespace irta = vtd::interrupt_table;
    if (!unit.interrupt_remapping) return 0;
    return (irta::address & unit.host_address_mask()) | irta::Size::mask |
           (unit.extended_interrupts ? irta::ExtendedMode::mask : 0);
}

bool is_fault_record(std::uint64_t offset) { return offset >= fault_registers && offset < fault_registers_end; }

}  // namespace

std::uint64_t RegisterFile::read(std::uint64_t offset, unsigned bytes) const {
    if (!is_aligned_access(offset, bytes)) return 0;
    const std::uint64_t both = read_quad(quad_of(offset));
    return bytes == 8 ? both : static_cast<std::uint32_t>(offset % 8 == 0 ? both : both >> 32);
}

void RegisterFile::write(std::uint64_t offset, std::uint64_t value, unsigned bytes, Outbox& outbox) {
    if (!is_aligned_access(offset, bytes)) return;
    const unsigned shift = offset % 8 == 0 ? 0 : 32;
    const QuadWrite write{value << shift, bytes == 8 ? ~std::uint64_t{0} : low_bits(32) << shift};
    write_quad(quad_of(offset), write, outbox);
}

std::uint64_t RegisterFile::read_quad(std::uint64_t offset) const {
    if (is_fault_record(offset)) return read_fault_record(offset);
    if (PageRequests::holds(offset)) return page_requests_.read(offset);
    switch (offset) {
        case vtd::version::offset: return configuration_.version;
        case vtd::capability::offset: return configuration_.capability;
        case vtd::extended_capability::offset: return configuration_.extended_capability;
        case vtd::global_command::offset:  // reads as zero
            return quad(0, global_status());
        case vtd::root_table::offset: return root_table_;
        case vtd::context_command::offset: return context_command_;
        case quad_of(vtd::fault_status::offset): return quad(0, faults_.status());
        case vtd::fault_event.control: return faults_.event.control_quad();
        case vtd::fault_event.address: return faults_.event.address_quad();
        case vtd::queue_head::offset: return queue_.head();
        case vtd::queue_tail::offset: return queue_.tail();
        case vtd::queue_address::offset: return queue_.address();
        case quad_of(vtd::completion_status::offset): return quad(0, queue_.completion_status());
        case vtd::completion_event.control: return queue_.completion.control_quad();
        case vtd::completion_event.address: return queue_.completion.address_quad();
        case vtd::queue_error::offset: return queue_.error();
        case vtd::interrupt_table::offset: return interrupt_table_;
        case iotlb_offset: return iotlb_invalidate_;
        default: return 0;
    }
}

std::uint64_t RegisterFile::read_fault_record(std::uint64_t offset) const {
    const auto index = static_cast<unsigned>((offset - fault_registers) / vtd::fault_record::bytes);
    return offset % vtd::fault_record::bytes == 0 ? faults_.low(index) : faults_.high(index);
}

void RegisterFile::write_quad(std::uint64_t offset, const QuadWrite& write, Outbox& outbox) {
    if (is_fault_record(offset)) return write_fault_record(offset, write);
    if (PageRequests::holds(offset)) return page_requests_.write(offset, write, outbox);
    switch (offset) {
        case vtd::global_command::offset:
            if (write.low()) write_command(write.low_value());
            break;
        case vtd::root_table::offset:
            root_table_ =
                write.merged_into(root_table_) & ((vtd::root_table::address & configuration_.host_address_mask()) |
                                                  vtd::root_table::TranslationMode::mask);
            break;
        case vtd::context_command::offset:
            if (context_pending_) break;
            context_command_ = write.merged_into(context_command_);
            if (write.high()) submit_context_command();
            break;
        case quad_of(vtd::fault_status::offset):
            if (write.high()) faults_.write_status(write.high_value());
            break;
        case vtd::fault_event.control: faults_.event.write_control_quad(write, outbox); break;
        case vtd::fault_event.address: faults_.event.write_address_quad(write); break;
        case vtd::queue_tail::offset: queue_.write_tail(write.merged_into(queue_.tail())); break;
        case vtd::queue_address::offset: queue_.write_address(write.merged_into(queue_.address())); break;
        case quad_of(vtd::completion_status::offset):
            if (write.high()) queue_.write_completion_status(write.high_value());
            break;
        case vtd::completion_event.control: queue_.completion.write_control_quad(write, outbox); break;
        case vtd::completion_event.address: queue_.completion.write_address_quad(write); break;
        case vtd::interrupt_table::offset:
            interrupt_table_ = write.merged_into(interrupt_table_) & interrupt_table_bits(configuration_);
            break;
        case iva_offset:
            if (iotlb_phase_ == Phase::Idle) invalidate_address_ = write.merged_into(invalidate_address_);
            break;
        case iotlb_offset:
            if (iotlb_phase_ != Phase::Idle) break;
            iotlb_invalidate_ = write.merged_into(iotlb_invalidate_);
            if (write.high()) submit_iotlb_invalidate();
            break;
        default: break;
    }
}

void RegisterFile::write_fault_record(std::uint64_t offset, const QuadWrite& write) {
    if (offset % vtd::fault_record::bytes == 0) return;
    const auto index = static_cast<unsigned>((offset - fault_registers) / vtd::fault_record::bytes);
    faults_.write_high(index, write.value & write.mask);
}

std::uint32_t RegisterFile::global_status() const {
    namespace gcmd = vtd::global_command;
    return static_cast<std::uint32_t>(
        gcmd::Translation::of(translation_status_) | gcmd::SetRootTable::of(root_table_set_) |
        gcmd::QueuedInvalidation::of(queue_.enabled()) | gcmd::InterruptRemapping::of(interrupt_state_.enabled()) |
        gcmd::SetInterruptTable::of(interrupt_table_set_) |
        gcmd::CompatibilityInterrupt::of(interrupt_state_.compatibility_passes()));
}

// Neither SRTP nor TE empties a cache: CAP.ESRTPS is 0, so that software has to (section 6.6). Bits of what this unit
// does not have are ignored and their status stays 0.
void RegisterFile::write_command(std::uint32_t value) {
    namespace gcmd = vtd::global_command;
    if (gcmd::SetRootTable::get(value)) {
        state_.set_root(root_table_);
        root_table_set_ = true;
    }
    const bool queue_wanted = gcmd::QueuedInvalidation::get(value);
    if (queue_wanted && !queue_.enabled()) {
        queue_.enable();  // Windows moves the tail first, against section 6.5.2
    } else if (!queue_wanted && queue_.enabled()) {
        queue_.disable();
    }
    // Without a root table pointer there is nothing to translate by: software must set one first (section 6.6).
    const bool translation_wanted = gcmd::Translation::get(value) && root_table_set_;
    if (state_.enabled() != translation_wanted) translation_phase_ = Phase::Asked;
    state_.set_enabled(translation_wanted);
    if (configuration_.interrupt_remapping) write_interrupt_command(value);
    if (!state_.enabled() && !interrupt_state_.enabled()) faults_.rewind();
}

bool RegisterFile::is_possible(const InterruptState& state) const {
    const std::uint64_t possible = interrupt_table_bits(configuration_) | InterruptState::Enabled::mask |
                                   InterruptState::CompatibilityPasses::mask;
    if (!configuration_.interrupt_remapping) return state.word == 0;
    return (state.word & ~possible) == 0 && (!state.enabled() || interrupt_table_set_);
}

// Nor does SIRTP: CAP.ESIRTPS is 0 (section 6.7). Without a table nothing can be remapped.
void RegisterFile::write_interrupt_command(std::uint32_t value) {
    namespace gcmd = vtd::global_command;
    if (gcmd::SetInterruptTable::get(value)) {
        interrupt_state_.set_table(interrupt_table_);
        interrupt_table_set_ = true;
    }
    interrupt_state_.set_compatibility_passes(gcmd::CompatibilityInterrupt::get(value));
    interrupt_state_.set_enabled(gcmd::InterruptRemapping::get(value) && interrupt_table_set_);
}

// Granularity 0 in the answer says that the request was wrong and nothing was done (section 11.4.6.1); so is one that
// comes while the queue is in use (6.5.2).
void RegisterFile::submit_context_command() {
    namespace ccmd = vtd::context_command;
    if (!ccmd::Invalidate::get(context_command_)) return;
    context_pending_ = !queue_.enabled() && ccmd::Requested::get(context_command_) != vtd::ContextGranularity::None;
    if (context_pending_) return;
    context_command_ = ccmd::Invalidate::set(ccmd::Actual::set(context_command_, vtd::ContextGranularity::None), false);
}

// False if it is held.
bool RegisterFile::do_context_command() {
    namespace ccmd = vtd::context_command;
    const vtd::ContextGranularity granularity = ccmd::Requested::get(context_command_);
    const CommandFate fate =
        translator_.invalidate_contexts(granularity, static_cast<std::uint16_t>(ccmd::Domain::get(context_command_)),
                                        {static_cast<std::uint16_t>(ccmd::Source::get(context_command_))},
                                        static_cast<unsigned>(ccmd::FunctionMask::get(context_command_)));
    if (fate == CommandFate::Hold) return false;
    context_command_ = ccmd::Invalidate::set(ccmd::Actual::set(context_command_, granularity), false);
    context_pending_ = false;
    return true;
}

void RegisterFile::submit_iotlb_invalidate() {
    namespace iotlb = vtd::iotlb_invalidate;
    if (!iotlb::Invalidate::get(iotlb_invalidate_)) return;
    const vtd::IotlbGranularity granularity = iotlb::Requested::get(iotlb_invalidate_);
    const bool bad_mask = granularity == vtd::IotlbGranularity::Page &&
                          vtd::invalidate_address::AddressMask::get(invalidate_address_) > maximum_address_mask;
    if (!queue_.enabled() && !bad_mask && granularity != vtd::IotlbGranularity::None) {
        iotlb_phase_ = Phase::Asked;
        return;
    }
    iotlb_invalidate_ =
        iotlb::Invalidate::set(iotlb::Actual::set(iotlb_invalidate_, vtd::IotlbGranularity::None), false);
}

// False if it is held.
bool RegisterFile::do_iotlb_invalidate() {
    namespace iotlb = vtd::iotlb_invalidate;
    namespace iva = vtd::invalidate_address;
    const PageRange range{.domain = static_cast<std::uint16_t>(iotlb::Domain::get(iotlb_invalidate_)),
                          .pasid = {},
                          .address = {invalidate_address_ & iva::address},
                          .mask = static_cast<unsigned>(iva::AddressMask::get(invalidate_address_))};
    CommandFate fate = CommandFate::Execute;
    switch (iotlb::Requested::get(iotlb_invalidate_)) {
        case vtd::IotlbGranularity::Global: fate = translator_.invalidate_iotlb(); break;
        case vtd::IotlbGranularity::Domain: fate = translator_.invalidate_iotlb(range.domain); break;
        case vtd::IotlbGranularity::Page:
            fate = translator_.invalidate_iotlb(range, iva::LeavesOnly::get(invalidate_address_));
            break;
        case vtd::IotlbGranularity::None: break;
    }
    return fate != CommandFate::Hold;
}

Progress RegisterFile::advance(Outbox& outbox) {
    if (context_pending_ && !gate_.is_held() && do_context_command()) return Progress::More;
    if (iotlb_phase_ == Phase::Asked && !gate_.is_held() && do_iotlb_invalidate()) iotlb_phase_ = Phase::Draining;
    // Section 11.4.4.1: a unit that can drain does so before it tells by TES that the command is done.
    if (translation_phase_ == Phase::Asked) translation_phase_ = Phase::Draining;
    const bool draining = iotlb_phase_ == Phase::Draining || translation_phase_ == Phase::Draining;
    return draining ? Progress::MustDrain : queue_.advance(state_, outbox);
}

void RegisterFile::raise_event(InterruptSource source, Outbox& outbox) {
    switch (source) {
        case InterruptSource::FaultEvent: return faults_.event.raise(outbox);
        case InterruptSource::InvalidationCompletion: return queue_.completion.raise(outbox);
        case InterruptSource::PageRequest: return page_requests_.raise_event(outbox);
    }
}

void RegisterFile::drained() {
    namespace iotlb = vtd::iotlb_invalidate;
    if (iotlb_phase_ == Phase::Draining) {
        const vtd::IotlbGranularity granularity = iotlb::Requested::get(iotlb_invalidate_);
        iotlb_invalidate_ = iotlb::Invalidate::set(iotlb::Actual::set(iotlb_invalidate_, granularity), false);
        iotlb_phase_ = Phase::Idle;
    }
    if (translation_phase_ == Phase::Draining) {
        translation_status_ = state_.enabled();
        translation_phase_ = Phase::Idle;
    }
    queue_.drained();
}

}  // namespace remap::iommu
