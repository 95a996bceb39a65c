// SPDX-License-Identifier: MIT
// The registers, with the state of the ring and of the engine in them. Software accesses them from any thread while the
// engine takes its orders here and reports back; one lock makes each call atomic, and no call leaves this class.
#pragma once

#include "hw/gpu/fault.h"
#include "hw/gpu/gpu.h"
#include "hw/gpu/interrupts.h"
#include "hw/gpu/scanout.h"
#include "hw/gpu/translation.h"
#include "hw/gpu/translation_registers.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

namespace remap::gpu {

// What the caller has to tell the host, now that the lock is dropped.
struct Actions {
    std::uint32_t messages = 0;  // bit n: send the message of vector n
    bool work = false;           // the ring has become worth a look
};

// A ring entry to execute.
struct Order {
    std::uint64_t generation = 0;
    std::uint32_t entry = 0;
    LogicalAddress address;       // of the entry
    Context context;              // in which its packet works
    std::uint32_t following = 0;  // entries behind it, up to the end of the ring, that have been handed over too
};

class RegisterFile {
public:
    RegisterFile(unsigned address_bits, std::uint64_t vram_bytes, TranslationRegisters& translation);

    // Software's side.
    std::uint64_t read(std::uint64_t offset, unsigned bytes) const;
    Actions write(std::uint64_t offset, std::uint64_t value, unsigned bytes);
    void reset();
    Scanout scanout() const;

    // The engine's side. Takes up the entry at the head, if it is to be executed now. The engine holds an order until
    // it gives it back by complete, complete_fence, halt or drop, and then touches no memory for it any more.
    std::optional<Order> take();
    bool has_work() const;

    // False once the ring was reset or disabled after the order was given: it is void then, and so are reports on it.
    bool is_current(const Order& order) const {
        return generation_.load(std::memory_order_acquire) == order.generation;
    }

    // Bytes that were written for it; it goes on.
    void count_bytes(const Order& order, std::uint64_t bytes);

    // The entry at the head is done; so many bytes were written and not counted yet.
    void complete(const Order& order, std::uint64_t bytes);

    // It is done, and was a fence.
    Actions complete_fence(const Order& order, std::uint64_t value, bool interrupt);

    // It is done, and set the context of those that follow.
    void complete_context(const Order& order, const Context& context);

    void set_waits_for_page(bool waits) { translation_.set_waits_for_page(waits); }

    // It cannot be done; the engine halts.
    Actions halt(const Order& order, std::uint16_t opcode, const Fault& fault);

    // It is void, and the engine has seen it.
    void drop();

    // The engine hangs, with the order it holds, until a reset; disabling the ring is of no use to it. Asked without
    // the lock.
    void hang() { hung_.store(true, std::memory_order_release); }
    bool is_hung() const { return hung_.load(std::memory_order_acquire); }

    // The order that the engine holds, void or not. Of a void one only the generation counts.
    std::optional<Order> held() const;

    // Everything, for a model of the same options; see base/archive.h. The engine is not at work, and takes the order
    // that is held now for the one it had. Version 1 has no context.
    template <typename Archive>
    void state(Archive& archive);
    template <typename Archive>
    void state_of_context(Archive& archive);
    template <typename Archive>
    void state_of_hang(Archive& archive);

private:
    // What a reset by software takes back to power-on.
    struct EngineState {
        bool enabled = false;
        bool halted = false;
        std::uint32_t head = 0;
        std::uint32_t tail = 0;
        std::uint64_t completed_fence = 0;
        std::uint32_t fault_status = 0;
        std::uint32_t fault_entry = 0;
        std::uint64_t fault_address = 0;
        std::uint64_t packets = 0;
        std::uint64_t bytes = 0;
        std::uint32_t context = 0;  // CONTEXT

        template <typename Archive>
        void state(Archive& archive);
        bool fault_is_consistent() const;
    };

    template <typename Archive>
    void state_of_order(Archive& archive);

    std::uint32_t read_half(std::uint64_t offset) const;
    std::uint32_t read_status() const;
    Actions write_half(std::uint64_t offset, std::uint32_t value);
    Actions write_control(std::uint32_t value);
    Actions write_tail(std::uint32_t value);
    void acknowledge_fault(std::uint32_t value);
    void reset_engine();
    bool ring_is_valid() const;
    void enable();
    void disable();
    bool resume();
    void void_orders() { generation_.fetch_add(1, std::memory_order_acq_rel); }
    void advance();
    bool runnable() const;
    bool stopping() const;
    bool give_back(const Order& order);
    Order order_at_head(std::uint64_t generation) const;
    std::uint32_t entries() const { return std::uint32_t{1} << log2_entries_; }

    const std::uint64_t capability_;
    const std::uint64_t vram_bytes_;
    TranslationRegisters& translation_;

    mutable std::mutex lock_;
    std::atomic<std::uint64_t> generation_ = 0;  // changed under the lock, read without it
    std::uint64_t ring_base_ = 0;
    std::uint32_t log2_entries_ = 0;
    EngineState engine_;
    Interrupts interrupts_;
    ScanoutRegisters scanout_;
    std::optional<std::uint64_t> held_;  // generation of the order that the engine holds
    std::atomic<bool> hung_ = false;
};

}  // namespace remap::gpu
