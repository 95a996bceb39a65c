// SPDX-License-Identifier: MIT
// What tables say of a request, found out the slow way: without caches, without the engine's formats and its walker, by
// the numbers of the manual (VT-d revision 4, chapters 3, 7 and 9). What the engine says must not differ.
#pragma once

#include "iommu/engine/options.h"
#include "iommu/engine/request.h"
#include "iommu/fuzz/rig.h"

#include <cstdint>

namespace remap::fuzz {

struct Verdict {
    unsigned reason = 0;  // 0: allowed
    bool quiet = false;   // the fault is not to be recorded
    std::uint64_t address = 0;
    unsigned shift = 0;  // of what translates alike
    bool readable = false;
    bool writable = false;
};

class Reference {
public:
    Reference(const iommu::Options& options, const Ram& ram, std::uint64_t root_table_register)
        : options_(options), ram_(ram), root_(root_table_register) {}

    // Translation is on. Accessed and dirty bits are as good as set, where they can be.
    Verdict translate(const iommu::Request& request) const;

private:
    // Of a walk: where a stage leads, and which rights it gives.
    struct Stage {
        unsigned reason = 0;
        std::uint64_t address = 0;
        unsigned shift = 0;
        bool read = false;
        bool write = false;
        bool user = false;
    };
    // What the tables of the device say.
    struct Device {
        unsigned reason = 0;
        bool quiet = false;
        unsigned type = 0;  // PGTT: 1 first stage, 2 second, 3 nested, 4 pass-through
        bool scalable = false;
        bool privileged = false;
        std::uint64_t first_root = 0, second_root = 0;
        unsigned first_levels = 4, second_levels = 0;
        bool second_updates = false;  // SSADE
        bool write_protect = false;
        bool extended_accessed = false;
        bool walk_snoop = false;
    };

    bool read(std::uint64_t address, std::uint64_t& word) const;
    bool has(std::uint64_t word, unsigned high, unsigned low) const;
    Device legacy_device(const iommu::Request& request) const;
    Device scalable_device(const iommu::Request& request) const;
    void read_pasid_entry(const iommu::Request& request, std::uint64_t directory, unsigned pasid, Device& device) const;
    // `data`: not of a first-stage table's entry.
    Stage second_stage(const Device& device, std::uint64_t address, bool write, bool data) const;
    Stage first_stage(const Device& device, std::uint64_t address, bool write) const;
    unsigned entry_refused(const Device& device, std::uint64_t at, unsigned level) const;
    unsigned update_refused(const Device& device, std::uint64_t at) const;
    Stage both_stages(const Device& device, std::uint64_t address, bool write) const;
    bool width_is_offered(unsigned width) const;

    iommu::Options options_;
    const Ram& ram_;
    std::uint64_t root_;
};

}  // namespace remap::fuzz
