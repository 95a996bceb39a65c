// SPDX-License-Identifier: MIT
// Fetches packets from the ring and executes them, a bounded amount of work at a time.
#pragma once

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

    Engine(RegisterFile& registers, Memory& memory, HostPort& host)
        : registers_(registers), memory_(memory), host_(host), fetcher_(memory) {}

    // True if more is waiting.
    bool run();

    void reset() {
        busy_ = false;
        fetcher_.forget();
    }

    bool has_work() const { return busy_ || registers_.has_work(); }  // a void order still has to be given back

    // What is in execution, between two calls of run; see base/archive.h. The registers come first.
    template <typename Archive>
    void state(Archive& archive);

private:
    struct Budget {
        std::uint64_t bytes = bytes_per_run;
        unsigned packets = packets_per_run;
    };

    bool begin_next();
    void begin();
    void begin_transfer();
    bool take_up_transfer(const Transfer::Progress& progress);
    void transfer(Budget& budget);
    void execute_fence();
    void halt(const Fault& fault);

    RegisterFile& registers_;
    Memory& memory_;
    HostPort& host_;
    Fetcher fetcher_;

    // The packet in execution, kept from call to call while `busy_`.
    bool busy_ = false;
    Order order_;
    spec::Packet packet_;
    Transfer transfer_;
};

}  // namespace remap::gpu
