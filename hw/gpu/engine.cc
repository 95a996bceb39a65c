// SPDX-License-Identifier: MIT
#include "hw/gpu/engine.h"

#include "hw/gpu/packet_check.h"

#include <algorithm>

namespace remap::gpu {

using namespace spec;

void tell(HostPort& host, const Actions& actions) {
    for (unsigned vector = 0; vector < vectors; ++vector)
        if ((actions.messages >> vector & 1) != 0) host.interrupt(vector);
    if (actions.work) host.work_available();
}

bool Engine::has_work() const {
    if (registers_.is_hung()) return false;
    if (is_void() || system_.has_messages()) return true;
    return stage_ == Stage::Idle ? registers_.has_work() : !system_.is_waiting();
}

bool Engine::run() {
    Budget budget;
    while (budget.bytes != 0 && !registers_.is_hung()) {
        system_.serve_messages();
        if (is_void()) abandon();
        if (system_.is_waiting()) break;
        if (stage_ == Stage::Idle) {
            if (budget.packets == 0 || !take_next()) break;
            --budget.packets;
        }
        go_on(budget);
        rest_if_wanted(budget);
    }
    registers_.set_waits_for_page(system_.is_waiting());
    return has_work();
}

// Takes the packet at the head up. False when there is none.
bool Engine::take_next() {
    const auto order = registers_.take();
    if (!order) return false;
    order_ = *order;
    stage_ = Stage::Fetch;
    return true;
}

void Engine::go_on(Budget& budget) {
    if (stage_ == Stage::Fetch) fetch();
    if (registers_.is_hung()) return;
    if (stage_ == Stage::Begin) begin();
    if (stage_ == Stage::Move) transfer(budget);
}

// The ring belongs to the function itself, whatever its packets work on.
void Engine::fetch() {
    system_.enter({});
    const Fault fault = fetcher_.fetch(order_, packet_);
    if (fault.waits) return;
    if (fault) {
        packet_ = {};  // the fault has no opcode
        return halt({FaultCause::RingUnreadable, order_.address.value});
    }
    stage_ = Stage::Begin;
    if (host_.packet_fetched(order_.entry, packet_)) registers_.hang();
}

void Engine::begin() {
    system_.enter(order_.context);
    if (const FaultCause cause = check_form(packet_); cause != FaultCause::None)
        return halt({cause, order_.address.value});
    switch (static_cast<Opcode>(packet_.opcode)) {
        case Opcode::Nop: stage_ = Stage::Idle; return registers_.complete(order_, 0);
        case Opcode::Fence: return execute_fence();
        case Opcode::Context: return execute_context();
        default: return begin_transfer();
    }
}

// Software has disabled or reset the ring.
void Engine::abandon() {
    stage_ = Stage::Idle;
    system_.forget_wish();
    registers_.drop();
}

void Engine::begin_transfer() {
    const auto shape = shape_of(packet_, memory_);
    if (!shape) return halt(shape.error());
    transfer_.start(*shape);
    stage_ = Stage::Move;
}

// The same in the middle. False if no engine can have left off there: a saved state may come from anybody.
bool Engine::take_up_transfer(const Transfer::Progress& progress) {
    if (check_form(packet_) != FaultCause::None) return false;
    const auto shape = shape_of(packet_, memory_);
    if (!shape) return false;
    transfer_.start(*shape);
    return transfer_.skip_to(progress);
}

// Goes on with the transfer until it is done, faults, has to wait, was abandoned by software, a message comes, or the
// budget is used up.
void Engine::transfer(Budget& budget) {
    system_.enter(order_.context);
    std::uint64_t moved = 0;
    Fault fault;
    while (budget.bytes != 0 && !transfer_.done() && !fault && registers_.is_current(order_) &&
           !system_.has_messages()) {
        const Transfer::Piece piece = transfer_.step(memory_);
        moved += piece.bytes;
        fault = piece.fault;
        budget.bytes -= std::min(budget.bytes, piece.bytes + overhead_of_piece);
        if (!transfer_.done()) rest_if_wanted(budget);  // after a packet run() asks
    }
    memory_.report_writes();
    if (transfer_.done()) {
        stage_ = Stage::Idle;
        return registers_.complete(order_, moved);
    }
    registers_.count_bytes(order_, moved);
    if (fault.waits) return;
    if (fault) halt(fault);
}

void Engine::execute_fence() {
    const Place to = destination_of(packet_);
    if (const Fault fault = memory_.check(to, sizeof packet_.value)) return halt(fault);
    if (!registers_.is_current(order_)) return abandon();
    const Fault fault = memory_.write_fence(to, packet_.value);
    if (fault.waits) return;
    if (fault) return halt(fault);
    memory_.report_writes();
    stage_ = Stage::Idle;
    tell(host_, registers_.complete_fence(order_, packet_.value, PacketFlags::Interrupt::get(packet_.flags)));
}

void Engine::execute_context() {
    Context context;
    if (PacketFlags::Pasid::get(packet_.flags)) context.pasid = static_cast<std::uint32_t>(packet_.value);
    context.privileged = PacketFlags::Privileged::get(packet_.flags);
    if (!system_.allows(context)) return halt({FaultCause::ContextRefused, order_.address.value});
    stage_ = Stage::Idle;
    registers_.complete_context(order_, context);
}

void Engine::halt(const Fault& fault) {
    stage_ = Stage::Idle;
    system_.forget_wish();
    fetcher_.forget();  // software may mend what comes next
    if (registers_.is_current(order_)) host_.halted(order_.entry, packet_.opcode, fault.cause, fault.address);
    tell(host_, registers_.halt(order_, packet_.opcode, fault));
}

}  // namespace remap::gpu
