// SPDX-License-Identifier: MIT
// Fetches packets from the ring and executes them, a bounded amount of work at a time.
#pragma once

#include "hw/gpu/address_unit.h"
#include "hw/gpu/fetcher.h"
#include "hw/gpu/memory.h"
#include "hw/gpu/register_file.h"
#include "hw/gpu/transfer.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>

namespace remap::gpu {

// Tells the host what a register access or a report of the engine asks for. No lock of the model may be held.
void tell(HostPort& host, const Actions& actions);

class Engine {
public:
    // Limits of one call of run. A piece costs its bytes and an overhead, so that tiny lines are bounded too.
    static constexpr std::uint64_t bytes_per_run = 1024 * 1024;
    static constexpr std::uint64_t overhead_of_piece = 64;  // bytes
    static constexpr unsigned packets_per_run = 64;

    Engine(RegisterFile& registers, AddressUnit& system, Memory& memory, HostPort& host)
        : registers_(registers), system_(system), memory_(memory), host_(host), fetcher_(memory) {}

    // True if more is waiting.
    bool run();

    void reset() {
        stage_ = Stage::Idle;
        fetcher_.forget();
    }

    // A void order still has to be given back; a packet that waits for a page has nothing to do, and an engine that
    // hangs does nothing.
    bool has_work() const;

    // What is in execution, between two calls of run; see base/archive.h. The registers come first.
    template <typename Archive>
    void state(Archive& archive);

    // The order that is held says the context too, which is loaded later.
    void renew_order() {
        if (const auto order = registers_.held()) order_ = *order;
    }

private:
    struct Budget {
        std::uint64_t bytes = bytes_per_run;
        unsigned packets = packets_per_run;
    };

    // What is next to be done with the packet in execution.
    enum class Stage : std::uint8_t { Idle, Move, Fetch, Begin };

    bool take_next();
    void go_on(Budget& budget);
    void fetch();
    void begin();
    void begin_transfer();
    bool take_up_transfer(const Transfer::Progress& progress);
    void transfer(Budget& budget);
    void execute_fence();
    void execute_context();
    void abandon();
    void halt(const Fault& fault);
    void rest_if_wanted(Budget& budget) {
        if (host_.rest_wanted()) budget.bytes = 0;
    }
    bool is_void() const { return stage_ != Stage::Idle && !registers_.is_current(order_); }

    RegisterFile& registers_;
    AddressUnit& system_;
    Memory& memory_;
    HostPort& host_;
    Fetcher fetcher_;

    // The packet in execution, kept from call to call unless idle.
    Stage stage_ = Stage::Idle;
    Order order_;
    spec::Packet packet_;
    Transfer transfer_;
};

}  // namespace remap::gpu
