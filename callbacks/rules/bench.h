// SPDX-License-Identifier: MIT
// A machine with a driver on it, as a rule's test needs it.
#pragma once

#include "callbacks/rules/gpu.h"
#include "callbacks/rules/machine.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::rules {

// A started adapter, and the GPUs behind it.
class Adapter {
public:
    Adapter(Machine& machine, unsigned first_gpu) : machine_(machine), first_gpu_(first_gpu) {}
    Adapter(const Adapter&) = delete;
    Adapter& operator=(const Adapter&) = delete;

    // What the driver of the chain's n-th GPU has from the system.
    HANDLE handle(unsigned n = 0) const { return handles_[n]; }
    const DXGKRNL_INTERFACE& callbacks(unsigned n = 0) const { return interfaces_[n]; }
    const DXGKRNL_INTERFACE* operator->() const { return &interfaces_[0]; }

    // At work from the first use on.
    Gpu& gpu(unsigned n = 0);
    void stop_gpus();

private:
    friend class Bench;

    Machine& machine_;
    const unsigned first_gpu_;
    std::array<HANDLE, longest_chain> handles_{};
    std::array<DXGKRNL_INTERFACE, longest_chain> interfaces_{};
    std::array<std::optional<Gpu>, longest_chain> gpus_;
};

class Bench {
public:
    Bench(Machine& machine, callbacks::DmaMode mode) : machine_(machine), mode_(mode) {}
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    // Stops the adapters that are left; the case has failed when that brings a bugcheck.
    void finish();

    Machine& machine() { return machine_; }
    callbacks::Dxgkrnl& dxgkrnl() { return machine_.dxgkrnl(); }

    // Of a rule that is the same in each mode; else remapping.
    callbacks::DmaMode mode() const { return mode_; }
    bool remaps() const { return mode_ == callbacks::DmaMode::Remapping; }
    bool guarded() const { return mode_ != callbacks::DmaMode::Physical; }  // the GPU reaches only what is mapped

    // An adapter that starts in a mode, and sees all memory.
    AdapterWish wish(callbacks::DmaMode mode) const;
    AdapterWish wish() const { return wish(mode_); }

    // Starts an adapter with the next GPUs; ends the case when it does not start.
    Adapter& start(const AdapterWish& wish);
    Adapter& start() { return start(wish()); }

    // Starts one and stops it again: how it started, in which mode, and what its driver got.
    NTSTATUS try_start(const AdapterWish& wish, std::optional<callbacks::DmaMode>* mode = nullptr,
                       DXGKRNL_INTERFACE* interface = nullptr);

    // Its GPUs give their memory back first.
    void stop(Adapter& adapter);

    // Runs code until it ends or the machine stops.
    template <typename Body>
    std::optional<Bugcheck> stop_in(Body body) {
        return machine_.catch_bugcheck([](void* context) { (*static_cast<Body*>(context))(); }, &body);
    }

    // What the system finds out about refused accesses of the adapter: a bugcheck, or a warning (see Machine::warning).
    std::optional<Bugcheck> look_at_faults(Adapter& adapter);

    // A GPU's access to this address is refused, and what the system says of it is not looked at.
    bool refuses(Adapter& adapter, LogicalAddress address);

    std::uint64_t free_frames() { return machine_.free_frames(); }
    std::optional<callbacks::Check> warning() { return machine_.warning(); }

private:
    Machine& machine_;
    const callbacks::DmaMode mode_;
    unsigned used_gpus_ = 0;
    std::array<std::optional<Adapter>, gpus> adapters_;
    std::array<bool, gpus> started_{};
};

// The calling thread is at this IRQL until the end of the scope.
class AtIrql {
public:
    AtIrql(Bench& bench, KIRQL irql) : bench_(bench) { bench_.machine().set_irql(irql); }
    ~AtIrql() { bench_.machine().set_irql(PASSIVE_LEVEL); }
    AtIrql(const AtIrql&) = delete;
    AtIrql& operator=(const AtIrql&) = delete;

private:
    Bench& bench_;
};

// The calling thread acts for another process.
class InProcess {
public:
    InProcess(Bench& bench, std::uint64_t number) : bench_(bench) { bench_.machine().set_process(number); }
    ~InProcess() { bench_.machine().set_process(0); }
    InProcess(const InProcess&) = delete;
    InProcess& operator=(const InProcess&) = delete;

private:
    Bench& bench_;
};

// Keeps what is reported, and goes on: for a graphics kernel of a rule's own.
class KeptReports final : public callbacks::ReportPort {
public:
    void report(const callbacks::Report& report) override {
        if (count_ < kept_.size())
            kept_[count_++] = {report.severity, report.check, report.code, report.object, report.context};
    }

    struct Kept {
        callbacks::Severity severity{};
        callbacks::Check check{};
        std::uint32_t code = 0;
        std::uint64_t object = 0;
        std::uint64_t context = 0;
    };
    std::span<const Kept> all() const { return {kept_.data(), count_}; }
    void clear() { count_ = 0; }

private:
    std::array<Kept, 16> kept_{};
    std::size_t count_ = 0;
};

}  // namespace remap::rules
