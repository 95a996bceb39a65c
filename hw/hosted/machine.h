// SPDX-License-Identifier: MIT
// The hosted machine: shared memory as RAM, the IOMMU engine and GPUs, in this process.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "hw/cache/coherency.h"
#include "hw/gpu/gpu.h"
#include "hw/hosted/cached_memory.h"
#include "hw/hosted/memory.h"
#include "hw/hosted/timer.h"
#include "iommu/engine/iommu.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace remap::hosted {

class HostedGpu;
class MachineLab;

// What a laboratory does to devices by itself. False: there is no such device, or no such vector.
class MachineDevices {
public:
    virtual bool raise(std::uint16_t source, unsigned vector) = 0;
    virtual bool unplug(std::uint16_t source) = 0;

protected:
    ~MachineDevices() = default;
};

// Faults on purpose, a trace, and tools that look in (docs/laboratory.md).
struct LaboratoryOptions {
    std::string name = {};   // by which tools attach: 1 to 63 letters, digits, and . _ - but not first; empty:
                             // "hosted-", the process's number, "-" and a number of the machine's own
    std::string file = {};   // what tools attach to lies in this file and outlives the machine; empty: in shared memory
    std::string rules = {};  // a file of rules, or their text, which begins with a brace; empty: none
    std::optional<std::uint64_t> seed = {};  // in place of that of the rules
    bool trace = false;                      // whether it is written; can be switched later
    std::uint64_t trace_bytes = 0;           // of each lane: a power of two, at least 64 KiB; 0: 4 MiB
};

struct MachineOptions {
    std::string memory_name = {};  // for other processes to attach to; empty: none can
    // By default 256 MiB at 0 and 256 MiB from 1 TiB up, as a large machine has some of its memory there.
    std::vector<MemoryRange> memory = {{{0}, 65536}, {{std::uint64_t{1} << 28}, 65536}};
    bool iommu = true;
    iommu::Options iommu_options = {};
    std::chrono::milliseconds device_time{1000};  // that a device has to answer an invalidation of its TLB, at least
    std::optional<LaboratoryOptions> laboratory = {};
    std::optional<cache::Options> cache_model = {};  // with it, the machine can have processors: hosted::Processor
};

struct GpuOptions {
    std::uint64_t vram_bytes = 16 * 1024 * 1024;
    unsigned address_bits = 40;
    std::uint16_t source_id = 0x0010;  // bus 0, device 2, function 0
};

// What a device puts on the bus.
struct DmaRequest {
    iommu::Request request;
    bool snoop = true;  // else it says No Snoop, which the IOMMU's tables may overrule
};

class Machine final : iommu::MemoryPort, iommu::InterruptPort, iommu::DevicePort, MachineDevices {
public:
    // The error is a sentence for people.
    static Result<std::unique_ptr<Machine>, std::string> create(const MachineOptions& options);
    ~Machine();

    Memory& memory() { return *memory_; }

    // Null when the machine has none, of the caches no model.
    iommu::Iommu* iommu() { return iommu_.get(); }
    CachedMemory* caches() { return caches_.get(); }

    // Null when it is in none; see hw/hosted/machine_lab.h.
    MachineLab* laboratory() { return lab_.get(); }

    // Adds a GPU with an engine thread of its own, behind the IOMMU with all that this offers. Null when an option is
    // out of range.
    HostedGpu* add_gpu(const GpuOptions& options);

    // A device's access: translated by the IOMMU page by page, then made. False when some part was refused; earlier
    // pages may have been transferred.
    bool dma_read(std::uint16_t source, LogicalAddress from, void* to, std::size_t bytes);
    bool dma_write(std::uint16_t source, LogicalAddress to, const void* from, std::size_t bytes);

    // The same for any request within one page: with a PASID, of an address that is translated already, without
    // snooping.
    bool dma_read(const DmaRequest& request, void* to, std::size_t bytes);
    bool dma_write(const DmaRequest& request, const void* from, std::size_t bytes);

    // A device's translation request; only where there is an IOMMU.
    iommu::Translation translate(const iommu::Request& request);

    // Called with each interrupt message of the IOMMU, on the thread that caused it. Set before devices work.
    std::function<void(iommu::InterruptSource, iommu::InterruptMessage)> on_iommu_interrupt;

private:
    Machine(std::unique_ptr<Memory> memory, std::unique_ptr<MachineLab> laboratory, const MachineOptions& options);

    bool read(PhysicalAddress from, void* to, std::size_t bytes) override;
    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override;
    iommu::Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) override;
    void send(iommu::InterruptSource source, iommu::InterruptMessage message) override;
    void invalidate(const iommu::DeviceInvalidation& invalidation) override;
    void answer(const iommu::PageAnswer& answer) override;
    void start_timer() override { timer_.start(); }

    bool raise(std::uint16_t source, unsigned vector) override;
    bool unplug(std::uint16_t source) override;

    // Has `move(address, snoop, data)` transfer the data of one access, once it is translated, and where there is a
    // laboratory as that wants it.
    struct Made {
        bool done = false;
        PhysicalAddress at;
        bool untold = false;  // its translation is as it should be, and the laboratory has not been told of it
    };
    template <typename Data, typename Move>
    Made make(const DmaRequest& what, Data* data, Move move);
    template <typename Data, typename Move>
    bool access(const DmaRequest& what, std::size_t bytes, Data* data, Move move);
    template <typename Data, typename Move>
    bool access_in_laboratory(const DmaRequest& what, std::size_t bytes, Data* data, Move move);

    // A device's access to memory, behind every translation.
    bool read_memory(PhysicalAddress from, void* to, const cache::DmaOrigin& origin);
    bool write_memory(PhysicalAddress to, const void* from, const cache::DmaOrigin& origin);

    template <typename Tell>
    bool tell_gpu(iommu::SourceId source, Tell&& tell);

    std::unique_ptr<Memory> memory_;
    std::unique_ptr<CachedMemory> caches_;
    std::unique_ptr<iommu::Iommu> iommu_;
    std::mutex gpus_lock_;
    std::vector<std::unique_ptr<HostedGpu>> gpus_;
    std::unique_ptr<MachineLab> lab_;  // its threads call the IOMMU
    Timer timer_;                      // last: it calls the IOMMU
};

}  // namespace remap::hosted
