// SPDX-License-Identifier: MIT
// Drives one VT-d unit as an operating system does: root and context tables, second-stage domains, invalidation,
// faults. Freestanding; the guest runs it over MMIO, the hosted machine over the engine's register calls. Works with
// any unit that offers legacy mode with second-stage tables: ours and QEMU's intel-iommu.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "iommu/driver/ports.h"
#include "iommu/paging/table_port.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

enum class Error : std::uint8_t {
    None,
    NoUnit,         // the capability registers read all ones or all zeros
    NotOffered,     // the unit lacks what was asked for (table depth, queued invalidation, pass-through), or it
                    // was not started
    NoMemory,       // no page for a table
    Timeout,        // the unit did not acknowledge a command within the bound
    QueueError,     // the unit reported an invalidation queue error (FSTS.IQE, ICE or ITE); the queue goes on
    AlreadyMapped,  // a page of the range is mapped; nothing was changed
    NotMapped,      // a page of the range is not mapped; nothing was changed
    OutOfRange,     // an address is beyond the width of the domain or the unit
};

const char* name_of(Error error);

enum class Invalidation : std::uint8_t { Registers, Queue };

// Whether interrupts are remapped, and how wide their destinations are: 8 bits, or with Extended 32 (x2APIC).
enum class Interrupts : std::uint8_t { Direct, Remapped, Extended };

struct UnitOptions {
    Invalidation invalidation = Invalidation::Queue;
    unsigned levels = 0;  // of second-stage tables: 3 (39 bits) or 4 (48 bits); 0: the most the unit offers
    Interrupts interrupts = Interrupts::Direct;  // others need the queue
};

// One record of the fault recording registers, decoded.
struct Fault {
    std::uint16_t source = 0;
    LogicalAddress page;  // page aligned; nothing in these two when it was an interrupt
    bool write = false;
    std::uint8_t reason = 0;
    std::optional<std::uint16_t> interrupt = {};  // index of the entry
    std::optional<std::uint32_t> pasid = {};      // of a request that had one
};

// A second-stage address space with its domain id. Made by Unit::create_domain; addresses are not moved or copied.
class Domain;

// The entries of a unit that remaps interrupts (interrupts.h).
class InterruptTable;

class Unit {
public:
    Unit(RegisterPort& registers, paging::TablePort& tables);
    ~Unit();
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

    // Checks the capabilities, sets the invalidation queue up, installs an empty root table (no device may do DMA) and
    // enables translation. In this order: queue, interrupt remapping where it is asked for, RTADDR and SRTP, global
    // context and IOTLB invalidation, fault event masked, TE (VT-d section 6.6 and 11.4.4).
    Error start(const UnitOptions& options);

    // Disables translation, interrupt remapping and the queue. Devices then reach memory untranslated. Domains keep
    // their mappings, but nothing is attached to them any more.
    Error stop();

    // A new, empty domain. Null with `error` set when it cannot be made. destroy_domain needs it detached everywhere.
    Domain* create_domain(Error& error);
    void destroy_domain(Domain* domain);

    // Puts a device's requests (source id: bus 15:8, devfn 7:0) into a domain, lets them pass untranslated, or blocks
    // them. Each invalidates what the unit cached for the device before it returns.
    Error attach(std::uint16_t source, Domain& domain);
    Error attach_pass_through(std::uint16_t source);
    Error detach(std::uint16_t source);

    struct Rights {
        bool read = true;
        bool write = true;
    };

    // Maps `pages` pages from `first` to consecutive physical pages, using 2 MiB and 1 GiB leaves where alignment and
    // the unit allow. All or nothing. NotOffered without any right: no such entry exists.
    Error map(Domain& domain, LogicalPage first, PhysicalPage to, std::uint64_t pages, Rights rights);

    // Unmaps, frees tables that became empty, and returns after the unit has dropped everything it cached for the range
    // (an invalidation of the range, page-selective where the unit offers it). Splits larger leaves as needed.
    Error unmap(Domain& domain, LogicalPage first, std::uint64_t pages);

    // The physical address the domain's tables give, by walking them in memory; nothing when not mapped.
    std::optional<PhysicalAddress> lookup(const Domain& domain, LogicalAddress address) const;

    // Null unless the unit was started with interrupts remapped. Lasts until the unit is stopped or started anew, and
    // so do its entries.
    InterruptTable* interrupts();

    // Takes the oldest pending fault record, clears it in the unit, and clears the overflow flag when none is left.
    std::optional<Fault> take_fault();

    // Sets the message the unit sends for a recorded fault and unmasks it (FEDATA, FEADDR, FEUADDR, FECTL).
    void enable_fault_event(std::uint64_t message_address, std::uint32_t message_data);

    // Width in bits of the addresses that domains take.
    unsigned address_width() const;

    std::uint64_t capability() const;           // CAP_REG as read
    std::uint64_t extended_capability() const;  // ECAP_REG as read

private:
    struct Parts;

    Error invalidate_range(Domain& domain, LogicalPage first, std::uint64_t pages);
    Error replace_context(std::uint16_t source, std::optional<std::uint16_t> new_domain, std::uint64_t low,
                          std::uint64_t high);

    RegisterPort& registers_;
    paging::TablePort& tables_;
    Parts* parts_ = nullptr;     // while started
    Domain* domains_ = nullptr;  // a list of all that were not destroyed
    bool runaway_ = false;       // the unit did not stop: it may use its tables for ever, so that nothing is freed
};

}  // namespace remap::vtd_driver
