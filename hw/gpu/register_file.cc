// SPDX-License-Identifier: MIT
#include "hw/gpu/register_file.h"

#include "hw/gpu/context_register.h"
#include "hw/gpu/halves.h"
#include "hw/gpu/range.h"
#include "hw/spec/gpu_packets.h"

namespace remap::gpu {

using namespace spec;

RegisterFile::RegisterFile(unsigned address_bits, std::uint64_t vram_bytes, TranslationRegisters& translation)
    : capability_(Capability::AddressBits::of(address_bits) | Capability::MaxLog2Entries::of(max_log2_entries) |
                  Capability::Vectors::of(vectors)),
      vram_bytes_(vram_bytes),
      translation_(translation),
      scanout_(vram_bytes) {}

namespace {

bool is_access(std::uint64_t offset, unsigned bytes) {
    return (bytes == 4 || bytes == 8) && offset % bytes == 0 && offset <= Gpu::register_window - bytes;
}

bool is_about_translation(std::uint64_t offset) {
    return offset >= Translation::offset && offset < PageAnswers::offset + 8;
}

}  // namespace

std::uint64_t RegisterFile::read(std::uint64_t offset, unsigned bytes) const {
    if (!is_access(offset, bytes)) return 0;
    const std::lock_guard guard(lock_);
    const std::uint64_t low = read_half(offset);
    return bytes == 4 ? low : low | std::uint64_t{read_half(offset + 4)} << 32;
}

Actions RegisterFile::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    if (!is_access(offset, bytes)) return {};
    const std::lock_guard guard(lock_);
    Actions actions = write_half(offset, static_cast<std::uint32_t>(value));
    if (bytes == 8) actions.work |= write_half(offset + 4, static_cast<std::uint32_t>(value >> 32)).work;
    actions.messages = interrupts_.take_messages();
    return actions;
}

std::uint32_t RegisterFile::read_half(std::uint64_t offset) const {
    switch (offset) {
        case Magic::offset: return Magic::value;
        case Version::offset: return Version::value;
        case VramSize::offset:
        case VramSize::offset + 4: return half_of(vram_bytes_, offset);
        case Capability::offset:
        case Capability::offset + 4: return half_of(capability_, offset);
        case Control::offset: return static_cast<std::uint32_t>(Control::Enable::of(engine_.enabled));
        case Status::offset: return read_status();
        case RingBase::offset:
        case RingBase::offset + 4: return half_of(ring_base_, offset);
        case RingSize::offset: return static_cast<std::uint32_t>(RingSize::Log2Entries::of(log2_entries_));
        case RingTail::offset: return engine_.tail;
        case RingHead::offset: return engine_.head;
        case InterruptStatus::offset: return interrupts_.status();
        case InterruptMask::offset: return interrupts_.mask();
        case CompletedFence::offset:
        case CompletedFence::offset + 4: return half_of(engine_.completed_fence, offset);
        case FaultStatus::offset: return engine_.fault_status;
        case FaultEntry::offset: return engine_.fault_entry;
        case FaultAddress::offset:
        case FaultAddress::offset + 4: return half_of(engine_.fault_address, offset);
        case PacketCount::offset:
        case PacketCount::offset + 4: return half_of(engine_.packets, offset);
        case ByteCount::offset:
        case ByteCount::offset + 4: return half_of(engine_.bytes, offset);
        case ActiveContext::offset: return engine_.context;
        default: return is_about_translation(offset) ? translation_.read(offset) : scanout_.read(offset);
    }
}

std::uint32_t RegisterFile::read_status() const {
    const auto state = !engine_.enabled               ? Status::State::Disabled
                       : engine_.halted               ? Status::State::Halted
                       : engine_.head != engine_.tail ? Status::State::Busy
                                                      : Status::State::Idle;
    const bool waits = state == Status::State::Busy && translation_.waits_for_page();
    return static_cast<std::uint32_t>(Status::EngineState::of(state) | Status::Stopping::of(stopping()) |
                                      Status::WaitsForPage::of(waits));
}

Actions RegisterFile::write_half(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case Control::offset: return write_control(value);
        case RingBase::offset:
        case RingBase::offset + 4:
            if (!engine_.enabled) set_half(ring_base_, offset, value);
            ring_base_ &= RingBase::mask;
            return {};
        case RingSize::offset:
            if (!engine_.enabled) log2_entries_ = static_cast<std::uint32_t>(RingSize::Log2Entries::get(value));
            return {};
        case RingTail::offset: return write_tail(value);
        case InterruptStatus::offset: interrupts_.acknowledge(value); return {};
        case InterruptMask::offset: interrupts_.set_mask(value); return {};
        case InterruptRaise::offset: interrupts_.raise(value); return {};
        case FaultStatus::offset: acknowledge_fault(value); return {};
        case TranslationDebug::offset:
            translation_.write(offset, value);
            return {.work = true};  // what was held may be due
        default: scanout_.write(offset, value); return {};
    }
}

Actions RegisterFile::write_control(std::uint32_t value) {
    // A packet that waits for a page has to be woken to be given back.
    if (Control::Reset::get(value)) {
        reset_engine();
        return {.work = held_.has_value()};
    }
    if (!Control::Enable::get(value)) {
        disable();
        return {.work = held_.has_value()};
    }
    if (!engine_.enabled) enable();
    return {.work = Control::Resume::get(value) && resume() && runnable()};
}

// Ring addresses are checked here once, so that the number of an entry can never carry its address out of reach.
bool RegisterFile::ring_is_valid() const {
    if (log2_entries_ < min_log2_entries || log2_entries_ > max_log2_entries) return false;
    const std::uint64_t highest = low_bits(static_cast<unsigned>(Capability::AddressBits::get(capability_)));
    return in_range(ring_base_, entries() * packet_size, highest);
}

void RegisterFile::enable() {
    if (!ring_is_valid()) {
        interrupts_.raise(InterruptStatus::RingError::mask);
        return;
    }
    engine_.enabled = true;
    engine_.halted = false;
    engine_.head = 0;
    engine_.tail = 0;
    engine_.context = 0;
}

void RegisterFile::disable() {
    void_orders();
    engine_.enabled = false;
    engine_.halted = false;
}

bool RegisterFile::resume() {
    if (!engine_.enabled || !engine_.halted || FaultStatus::Valid::get(engine_.fault_status)) return false;
    engine_.halted = false;
    advance();
    return true;
}

Actions RegisterFile::write_tail(std::uint32_t value) {
    if (!engine_.enabled) return {};
    if (value >= entries()) {
        interrupts_.raise(InterruptStatus::RingError::mask);
        return {};
    }
    engine_.tail = value;
    return {.work = runnable()};
}

void RegisterFile::acknowledge_fault(std::uint32_t value) {
    if (!FaultStatus::Valid::get(value)) return;
    engine_.fault_status = 0;
    engine_.fault_entry = 0;
    engine_.fault_address = 0;
}

void RegisterFile::reset_engine() {
    void_orders();
    engine_ = EngineState{};
    translation_.reset_counters();
    interrupts_.acknowledge(InterruptStatus::all);
    hung_.store(false, std::memory_order_release);
}

void RegisterFile::reset() {
    const std::lock_guard guard(lock_);
    reset_engine();
    ring_base_ = 0;
    log2_entries_ = 0;
    interrupts_ = Interrupts{};
    scanout_ = ScanoutRegisters(vram_bytes_);
    translation_.reset();
    held_.reset();
}

Scanout RegisterFile::scanout() const {
    const std::lock_guard guard(lock_);
    return scanout_.shown();
}

bool RegisterFile::runnable() const { return engine_.enabled && !engine_.halted && engine_.head != engine_.tail; }

void RegisterFile::advance() { engine_.head = (engine_.head + 1) & (entries() - 1); }

bool RegisterFile::stopping() const { return held_ && *held_ != generation_.load(std::memory_order_relaxed); }

bool RegisterFile::has_work() const {
    const std::lock_guard guard(lock_);
    return runnable();
}

std::optional<Order> RegisterFile::take() {
    const std::lock_guard guard(lock_);
    if (!runnable()) return std::nullopt;
    held_ = generation_.load(std::memory_order_relaxed);
    return order_at_head(*held_);
}

std::optional<Order> RegisterFile::held() const {
    const std::lock_guard guard(lock_);
    if (!held_) return std::nullopt;
    return order_at_head(*held_);
}

Order RegisterFile::order_at_head(std::uint64_t generation) const {
    return {.generation = generation,
            .entry = engine_.head,
            .address = {ring_base_ + std::uint64_t{engine_.head} * packet_size},
            .context = context_of(engine_.context),
            .following = (engine_.head < engine_.tail ? engine_.tail : entries()) - engine_.head - 1};
}

void RegisterFile::count_bytes(const Order& order, std::uint64_t bytes) {
    const std::lock_guard guard(lock_);
    if (is_current(order)) engine_.bytes += bytes;
}

void RegisterFile::drop() {
    const std::lock_guard guard(lock_);
    held_.reset();
}

// Whether the order still counts.
bool RegisterFile::give_back(const Order& order) {
    held_.reset();
    return is_current(order);
}

void RegisterFile::complete(const Order& order, std::uint64_t bytes) {
    const std::lock_guard guard(lock_);
    if (!give_back(order)) return;
    engine_.bytes += bytes;
    ++engine_.packets;
    advance();
}

void RegisterFile::complete_context(const Order& order, const Context& context) {
    const std::lock_guard guard(lock_);
    if (!give_back(order)) return;
    engine_.context = word_of(context);
    ++engine_.packets;
    advance();
}

Actions RegisterFile::complete_fence(const Order& order, std::uint64_t value, bool interrupt) {
    const std::lock_guard guard(lock_);
    if (!give_back(order)) return {};
    engine_.completed_fence = value;
    ++engine_.packets;
    advance();
    if (interrupt) interrupts_.raise(InterruptStatus::Fence::mask);
    return {.messages = interrupts_.take_messages()};
}

Actions RegisterFile::halt(const Order& order, std::uint16_t opcode, const Fault& fault) {
    const std::lock_guard guard(lock_);
    if (!give_back(order)) return {};
    engine_.halted = true;
    if (FaultStatus::Valid::get(engine_.fault_status)) {
        engine_.fault_status |= static_cast<std::uint32_t>(FaultStatus::Overflow::mask);
    } else {
        engine_.fault_status = static_cast<std::uint32_t>(
            FaultStatus::Valid::mask | FaultStatus::Cause::of(fault.cause) | FaultStatus::Opcode::of(opcode));
        engine_.fault_entry = order.entry;
        engine_.fault_address = fault.address;
    }
    interrupts_.raise(InterruptStatus::Fault::mask);
    return {.messages = interrupts_.take_messages()};
}

}  // namespace remap::gpu
