// SPDX-License-Identifier: MIT
// Carries out what rules say, in one machine: it stands between a unit and the ports of its machine, is asked before
// things happen, and writes down and counts what has happened.
//
//     Laboratory laboratory(decisions, recorder, counters, port);
//     Iommu unit(options, laboratory.around(machine));
//     laboratory.attach(unit);
//
// Every deed that is carried out is one record in the trace's lane of injections, with the number of the rule; nothing
// is written there that was not carried out. What acts besides an event (an interrupt, a device's removal) and what was
// delayed is done by timer_expired, a little later.
//
// Threads: any, for everything, once the unit is attached. Nothing waits but what says so.
#pragma once

#include "iommu/engine/injector.h"
#include "iommu/engine/iommu.h"
#include "iommu/engine/observer.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/decisions.h"
#include "iommu/lab/event.h"
#include "iommu/lab/later.h"
#include "iommu/lab/machine_port.h"
#include "iommu/lab/recorder.h"
#include "iommu/lab/rule.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace remap::lab {

// What a machine has to do to a DMA access.
struct DmaOrder {
    bool refuse = false;  // do not make it: the device is told what it is told of an access that meets a fault
    bool flip = false;    // flip_bit in the data, as it arrives: of a read in what the device gets
    Order order;          // for dma_done
};

class Laboratory final : public iommu::Observer, public iommu::Injector {
public:
    // All must outlive the laboratory. The counters may lie in shared memory.
    Laboratory(Decisions& decisions, Recorder& recorder, Counters& counters, MachinePort& machine);
    Laboratory(const Laboratory&) = delete;
    Laboratory& operator=(const Laboratory&) = delete;
    ~Laboratory() = default;

    // The machine for the unit: with the laboratory's ports in front of the real ones, which stay what they are called
    // on. An observer that is there goes on being told everything. Once, before the unit is made.
    iommu::Machine around(const iommu::Machine& real);

    // The unit, once it is made, and before anything happens in it.
    void attach(iommu::Iommu& unit) { unit_ = &unit; }

    // ---- what a machine asks and tells; `time` and `thread` of an event stay empty ----

    // A device's access, before it is made: Kind::Dma. May wait (a delay). Of nothing to do it costs a load.
    DmaOrder dma(const Event& event) { return wants(Kind::Dma) ? decide_dma(event) : DmaOrder{}; }
    // After it, made (result: the physical address) or not (flag::refused).
    // With `passed` the unit has translated it, and nobody has told us so (translated).
    void dma_done(const Event& event, const DmaOrder& order, bool passed = false);
    // Of accesses that were made: what is counted of them.
    struct DmaCount {
        std::uint16_t source = no_source;
        std::uint64_t read_bytes = 0;     // 0: there was no read
        std::uint64_t written_bytes = 0;  // 0: there was no write
        unsigned passed = 0;              // translations that nobody has told of
    };
    void count_dma(const DmaCount& made);

    // After a copy of which both sides were made, and neither was asked about.
    void dma_copied(const Copy& copy, unsigned passed) {
        if (recorder_.on()) recorder_.record_copy(copy);
        count_dma({copy.source, copy.bytes, copy.bytes, passed});
    }

    // The answers that devices got from the unit: translations, interrupts. Of a translation that is as it should be,
    // and whose access dma_done tells of, nobody needs to tell.
    void translated(const iommu::Request& request, const iommu::Translation& answer);
    void interrupted(iommu::SourceId source, const iommu::InterruptMessage& message,
                     const iommu::InterruptOutcome& outcome);

    // A packet that a GPU's engine has fetched: Kind::Packet. True: the engine hangs at it. Written down and counted.
    bool packet(Event event) {  // by value: it stays in registers
        if (wants(Kind::Packet)) return decide_packet(event);
        record_packet(event);
        return false;
    }

    // Any other event of a machine (Halt, Map, Call, ...): written down; what a rule does besides it is done.
    void happened(const Event& event);

    // For deeds that a machine carries out itself, on an event that none of the above is for: what to do, and that it
    // was done. `order` does not write the event down.
    Order order(const Event& event);
    void carried_out(const Event& event, const Order& order);

    // Whether anybody wants to know of such an event: a machine need not describe it otherwise.
    bool watches(Kind kind) const { return recorder_.on() || wants(kind); }
    bool wants(Kind kind) const { return decisions_.wants(kind); }

    // ---- what a machine sees to ----

    // To be called after each change of the rules, and when a saved state was loaded into the unit. A queue that stands
    // still for a rule that is gone goes on.
    void rules_changed();

    // The unit, or with a source a device, was reset.
    void reset(std::uint16_t source = no_source);

    // The time of MachinePort::call_later has come. On a thread of the machine that may call the unit.
    void timer_expired();

    // What is delayed happens now, so that nothing is lost when the machine's state is saved.
    void settle();

    // Bit n of data, from the first byte's lowest; beyond the end it wraps.
    static void flip_bit(void* data, std::size_t bytes, std::uint32_t bit);

    // ---- what the unit asks ----
    iommu::Tampering translating(const iommu::Request& request) override;
    void moved(const iommu::Request& request, const iommu::Tampering& how, const iommu::Translation& answer) override;
    iommu::MessageTampering interrupting(iommu::SourceId source, const iommu::InterruptMessage& message) override;
    iommu::MessageTampering requesting_page(const iommu::PageRequest& request) override;
    void reading_tables_for(const iommu::Request* request) override;
    iommu::CommandFate invalidating(const iommu::Invalidation& command) override;
    iommu::CommandFate completing(const iommu::WaitDone& wait) override;
    bool log_is_full(const iommu::Request& request, vtd::FaultReason reason) override;

    // ---- what the unit tells ----
    void walked(const iommu::Request& request, PhysicalAddress entry_at, std::uint64_t entry) override;
    void faulted(const iommu::Request& request, vtd::FaultReason reason, iommu::FaultFate fate) override;
    void interrupt_faulted(iommu::SourceId source, std::uint16_t index, vtd::FaultReason reason,
                           iommu::FaultFate fate) override;
    void page_request_faulted(const iommu::PageRequest& request, vtd::FaultReason reason,
                              iommu::FaultFate fate) override;
    void invalidated(const iommu::Invalidation& done) override;
    void wait_done(const iommu::WaitDone& wait) override;
    void queue_stopped(vtd::queue_error::Info error, std::uint64_t head) override;
    void stale_use(const iommu::StaleUse& use) override;
    void device_answered(iommu::SourceId source, iommu::InvalidationTag tag) override;
    void page_requested(const iommu::PageRequest& request) override;

private:
    // The ports that the unit gets.
    struct Memory final : iommu::MemoryPort {
        explicit Memory(Laboratory& laboratory) : lab(laboratory) {}
        bool read(PhysicalAddress from, void* to, std::size_t bytes) override;
        bool write(PhysicalAddress to, const void* from, std::size_t bytes) override;
        iommu::Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) override;
        Laboratory& lab;
        iommu::MemoryPort* real = nullptr;
    };
    struct Interrupts final : iommu::InterruptPort {
        explicit Interrupts(Laboratory& laboratory) : lab(laboratory) {}
        void send(iommu::InterruptSource source, iommu::InterruptMessage message) override;
        void remapping_changed() override;
        Laboratory& lab;
        iommu::InterruptPort* real = nullptr;
    };
    struct Devices final : iommu::DevicePort {
        explicit Devices(Laboratory& laboratory) : lab(laboratory) {}
        void invalidate(const iommu::DeviceInvalidation& invalidation) override;
        void answer(const iommu::PageAnswer& answer) override;
        void start_timer() override;
        Laboratory& lab;
        iommu::DevicePort* real = nullptr;
    };

    DmaOrder decide_dma(const Event& event);
    bool decide_packet(Event event);
    // The access that has fetched it, or moved the one before, was just written down.
    void record_packet(Event event) {
        if (recorder_.on()) recorder_.record_next(event);
    }
    Order ask(const Event& event);
    void record(const Event& event, std::uint8_t more_flags = 0);
    void inject(const Event& event, const Order& order);
    iommu::CommandFate decide_command(const Event& event);
    bool keeps_back(const Event& event, const Later::Deed& message);
    void stick(const Order& order);
    void forget_holds();
    bool postpone(const Later::Deed& deed, std::uint64_t nanoseconds);
    void carry_out_until(std::uint64_t time);
    void carry_out(const Later::Deed& deed);
    void carry_out(const Later::Besides& besides);
    void arm();

    Decisions& decisions_;
    Recorder& recorder_;
    Counters& counters_;
    MachinePort& machine_;
    iommu::Iommu* unit_ = nullptr;
    iommu::Observer* next_ = nullptr;
    Memory memory_{*this};
    Interrupts interrupts_{*this};
    Devices devices_{*this};

    bool fault_was_decided_ = false;  // with the engine's lock: log_is_full was asked about the fault that is told of
    std::mutex lock_;                 // of what follows
    Later later_;
    std::optional<std::uint32_t> stuck_for_;  // the number of the rule for which the queue stands still
};

}  // namespace remap::lab
