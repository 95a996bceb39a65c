// SPDX-License-Identifier: MIT
// The GPU model: registers, a command ring, a copy engine, fences, faults and a scan-out. It sees a bus, never an
// IOMMU.
#pragma once

#include "base/address.h"
#include "base/archive.h"
#include "hw/gpu/ports.h"
#include "hw/gpu/translation.h"

#include <cstdint>
#include <memory>
#include <span>

namespace remap::gpu {

struct Options {
    unsigned address_bits = 64;  // the highest address the part can put on the bus is 2^address_bits - 1; 32 to 64
};

// What the display shows, read at one instant: a rectangle of 32-bit pixels 0x00RRGGBB in VRAM.
struct Scanout {
    bool enabled = false;
    std::uint64_t offset = 0;  // bytes into VRAM
    std::uint32_t width = 0;   // pixels
    std::uint32_t height = 0;  // lines
    std::uint32_t stride = 0;  // bytes from line to line
    friend bool operator==(const Scanout&, const Scanout&) = default;
};

// Threads: registers may be accessed from any thread; run() from one thread at a time. Ports and VRAM outlive the
// object.
class Gpu {
public:
    static constexpr std::uint64_t register_window = 64 * 1024;  // bytes, the size of the register BAR
    static constexpr unsigned interrupt_vectors = 4;

    // `vram` is the device's own memory, also visible to the CPU through a BAR. `translations` may be null: then the
    // function has neither PASIDs nor a translation cache.
    Gpu(const Options& options, std::span<std::byte> vram, BusPort& bus, HostPort& host,
        TranslationPort* translations = nullptr);
    ~Gpu();
    Gpu(const Gpu&) = delete;
    Gpu& operator=(const Gpu&) = delete;

    // Register access of `bytes` (4 or 8; 8 at an 8-aligned offset). Others read as zero and write nothing.
    std::uint64_t read(std::uint64_t offset, unsigned bytes);
    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes);

    // Executes what the ring holds, up to a bounded amount of work (so that the caller can see to stopping). True if
    // more is waiting. Never blocks on anything but the bus port.
    bool run();

    // The state of power-on. The caller sees to it that run() is not in progress. VRAM keeps its content.
    void reset();

    // The part is pulled out, for good: reads are all ones, nothing is written or executed any more. Any thread; a
    // piece of work that is being done comes to its end.
    void unplug();
    bool is_unplugged() const;

    // The state of the part, a packet in execution included, but without VRAM, which its owner moves. The caller sees
    // to it that run() is not in progress. The bytes it takes; they are written if `to` has room for all of them.
    std::size_t save(std::span<std::byte> to) const;

    // Takes the place of a part that was saved, and goes on where it was; the host is told if that is work. A state
    // that no part with these options can be in is refused, and nothing is changed.
    ArchiveError load(std::span<const std::byte> from);

    // What PCI configuration space says (PASID, ATS, PRI), and messages from the bus. Any thread. Invalidations are
    // obeyed, and answered, on the engine's thread; a machine can have 32 of them waiting for that.
    void set_translation_services(const TranslationServices& services);
    void invalidate(const Invalidation& invalidation);
    void answer_page(const PageAnswer& answer);
    PageRequestStatus page_request_status() const;
    void clear_page_request_status(const PageRequestStatus& which);
    void reset_page_requests();  // answers that are still to come are unexpected then

    // A scan-out that does not lie wholly in VRAM is reported as not enabled.
    Scanout scanout() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace remap::gpu
