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

bool Engine::run() {
    Budget budget;
    while (budget.bytes != 0) {
        if (!busy_) {
            if (budget.packets == 0 || !begin_next()) break;
            --budget.packets;
        }
        if (busy_) transfer(budget);
    }
    return has_work();
}

// Takes the packet at the head up. False when there is none.
bool Engine::begin_next() {
    const auto order = registers_.take();
    if (!order) return false;
    order_ = *order;
    if (fetcher_.fetch(order_, packet_)) {
        packet_ = {};  // the fault has no opcode
        halt({FaultCause::RingUnreadable, order_.address.value});
    } else {
        host_.packet_fetched(order_.entry, packet_);
        begin();
    }
    return true;
}

void Engine::begin() {
    if (const FaultCause cause = check_form(packet_); cause != FaultCause::None)
        return halt({cause, order_.address.value});
    switch (static_cast<Opcode>(packet_.opcode)) {
        case Opcode::Nop: return registers_.complete(order_, 0);
        case Opcode::Fence: return execute_fence();
        default: return begin_transfer();
    }
}

void Engine::begin_transfer() {
    const auto shape = shape_of(packet_, memory_);
    if (!shape) return halt(shape.error());
    transfer_.start(*shape);
    busy_ = true;
}

// The same in the middle. False if no engine can have left off there: a saved state may come from anybody.
bool Engine::take_up_transfer(const Transfer::Progress& progress) {
    if (check_form(packet_) != FaultCause::None) return false;
    const auto shape = shape_of(packet_, memory_);
    if (!shape) return false;
    transfer_.start(*shape);
    return transfer_.skip_to(progress);
}

// Goes on with the transfer until it is done, faults, was abandoned by software, or the budget is used up.
void Engine::transfer(Budget& budget) {
    std::uint64_t moved = 0;
    Fault fault;
    while (budget.bytes != 0 && !transfer_.done() && !fault && registers_.is_current(order_)) {
        const Transfer::Piece piece = transfer_.step(memory_);
        moved += piece.bytes;
        fault = piece.fault;
        budget.bytes -= std::min(budget.bytes, piece.bytes + overhead_of_piece);
    }
    memory_.report_writes();
    if (transfer_.done()) {
        busy_ = false;
        return registers_.complete(order_, moved);
    }
    registers_.count_bytes(order_, moved);
    const bool abandoned = !registers_.is_current(order_);
    busy_ = !fault && !abandoned;
    if (fault)
        halt(fault);
    else if (abandoned)
        registers_.drop();
}

void Engine::execute_fence() {
    const Place to = destination_of(packet_);
    if (const Fault fault = memory_.check(to, sizeof packet_.value)) return halt(fault);
    if (!registers_.is_current(order_)) return registers_.drop();
    if (const Fault fault = memory_.write_fence(to, packet_.value)) return halt(fault);
    memory_.report_writes();
    tell(host_, registers_.complete_fence(order_, packet_.value, PacketFlags::Interrupt::get(packet_.flags)));
}

void Engine::halt(const Fault& fault) {
    busy_ = false;
    fetcher_.forget();  // software may mend what comes next
    if (registers_.is_current(order_)) host_.halted(order_.entry, packet_.opcode, fault.cause, fault.address);
    tell(host_, registers_.halt(order_, packet_.opcode, fault));
}

}  // namespace remap::gpu
