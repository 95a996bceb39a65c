// SPDX-License-Identifier: MIT
// A unit in scalable mode, driven by numbers from the manual (VT-d sections 9.2 to 9.8 and 6.5.2).
#pragma once

#include "iommu/tests/fake_machine.h"

#include <cstdint>
#include <optional>

namespace remap::test {

// Bus 0 device 2 function 0 (source 0x10) has four PASIDs, of which requests without one use PASID 0:
//
// PASID  domain  type          input address -> output
//   0      7     second stage  0 -> 0x155000, 0x1000 -> 0x156000 read only, 0x2000 -> 0x157000 write only,
//                              2 MiB -> 0x600000 (2 MiB), 1 GiB -> 0x40000000 (1 GiB)
//   1      8     first stage   0 -> 0x255000, 0x1000 -> 0x256000 read only, 0x2000 -> 0x257000 supervisor,
//                              0x3000 -> 0x258000 supervisor read only, 2 MiB -> 0x600000, 1 GiB -> 0x40000000;
//                              the same again from 0xffffff8000000000 on
//   2      9     nested        0 -> 0x355000, 0x1000 -> 0x356000 read only by the second stage, 0x2000 -> 0x357000
//   write
//                              only by it, 0x3000 -> 0x355000 read only by the first, 0x4000 -> 0x355000 supervisor,
//                              2 MiB -> 2 MiB guest-physical -> 0x800000
//   3     10     pass-through
struct ScalableMachine : Machine {
    explicit ScalableMachine(const iommu::Options& options = {}, iommu::ClockPort* clock = nullptr)
        : Machine(with_scalable(options), clock) {
        start_scalable();
    }

    static constexpr std::uint64_t queue = 0x60000;   // 128 descriptors of 256 bits
    static constexpr std::uint64_t status = 0x6f000;  // where a wait writes

    void write_scalable_tables() {
        ram.set(0x10000, 0x11001);  // root entry of bus 0: devices 0 to 15
        ram.set(0x10008, 0x12001);  // devices 16 to 31
        ram.set(0x11200, 0x20009);  // context entry of devfn 0x10: directory 0x20000 (128 entries), PASIDE, P
        ram.set(0x11208, 0x0);      // RID_PASID
        ram.set(0x20000, 0x21001);  // directory entry 0: PASIDs 0 to 63

        set_pasid(0, 0x30089, 0x800007, 0x1);     // SSPTPTR 0x30000, PGTT 2, AW 2 (48 bits); PWSNP; SRE
        set_pasid(1, 0x41, 0x800008, 0x40001);    // PGTT 1; FSPTPTR 0x40000
        set_pasid(2, 0x500c9, 0x800009, 0x2001);  // SSPTPTR 0x50000, PGTT 3, AW 2; FSPTPTR 0x2000, guest-physical
        set_pasid(3, 0x101, 0x80000a, 0x1);       // PGTT 4
        write_second_stage();
        write_first_stage();
        write_nested_stages();
    }

    void set_pasid(unsigned pasid, std::uint64_t word0, std::uint64_t word1, std::uint64_t word2) {
        ram.set(0x21000 + 0x40 * pasid, word0);
        ram.set(0x21008 + 0x40 * pasid, word1);
        ram.set(0x21010 + 0x40 * pasid, word2);
    }

    // Eight pages of tables for tests that change them at random: a second stage of levels 4 to 1, then a first stage
    // of as many. The pool lies at its own address for the first stage too, and its last pages at guest-physical 0
    // to 2.
    void link_pool(std::uint64_t pool) {
        ram.set(pool, (pool + 0x1000) | 3);
        ram.set(pool + 0x1000, (pool + 0x2000) | 3);
        ram.set(pool + 0x2000, (pool + 0x3000) | 3);
        ram.set(pool + 0x2008, pool | 0x83);
        for (unsigned i = 0; i < 3; ++i) ram.set(pool + 0x3000 + 8 * i, (pool + 0x5000 + 0x1000 * i) | 3);
        for (unsigned i = 4; i < 7; ++i) ram.set(pool + 0x1000 * i, (pool + 0x1000 * (i + 1)) | 7);
    }

    // One descriptor, and what became of it: 0, or IQEI with FSTS.IQE.
    std::uint64_t command(std::uint64_t low, std::uint64_t high = 0) {
        put(low, high);
        write64(0x88, tail);
        return read32(0x34) & 0x10 ? 0x100 | read64(0xb0) : 0;
    }
    void put(std::uint64_t low, std::uint64_t high = 0, std::uint64_t third = 0, std::uint64_t fourth = 0) {
        const std::uint64_t words[] = {low, high, third, fourth};
        for (unsigned i = 0; i < 4; ++i) ram.set(queue + tail + 8 * i, words[i]);
        tail = (tail + 0x20) & 0xfff;
    }
    void forget_everything() {
        command(0x11);  // context cache: global
        command(0x37);  // PASID cache: global
        command(0x12);  // IOTLB: global
    }

    iommu::Translation ask(std::optional<std::uint32_t> pasid, std::uint64_t address,
                           iommu::Access access = iommu::Access::Read, bool privileged = false) {
        iommu::Request request{.source = {0x10}, .address = {address}, .access = access};
        if (pasid) request.pasid = iommu::Pasid{*pasid};
        request.privileged = privileged;
        return unit.translate(request);
    }
    // An address, or the reason of a fault with the top bit set.
    std::uint64_t at(std::optional<std::uint32_t> pasid, std::uint64_t address,
                     iommu::Access access = iommu::Access::Read, bool privileged = false) {
        const iommu::Translation result = ask(pasid, address, access, privileged);
        return result.allowed ? result.address.value : 1ull << 63 | result.fault_reason;
    }

    std::uint64_t tail = 0;

private:
    static iommu::Options with_scalable(iommu::Options options) {
        options.scalable = true;
        return options;
    }

    void start_scalable() {
        write_scalable_tables();
        set_root(0x10400);          // TTM 1
        write64(0x90, 0x60800);     // the queue, with descriptors of 256 bits
        write32(0x18, 0x04000000);  // QIE
        write32(0x18, 0x84000000);  // TE
    }

    void write_second_stage() {
        ram.set(0x30000, 0x31003);
        ram.set(0x31000, 0x32003);
        ram.set(0x31008, 0x40000083);
        ram.set(0x32000, 0x33003);
        ram.set(0x32008, 0x600083);
        ram.set(0x33000, 0x155003);
        ram.set(0x33008, 0x156001);
        ram.set(0x33010, 0x157002);
    }

    void write_first_stage() {
        ram.set(0x40000, 0x41007);
        ram.set(0x40ff8, 0x41007);
        ram.set(0x41000, 0x42007);
        ram.set(0x41008, 0x40000087);
        ram.set(0x42000, 0x43007);
        ram.set(0x42008, 0x600087);
        ram.set(0x43000, 0x255007);
        ram.set(0x43008, 0x256005);
        ram.set(0x43010, 0x257003);
        ram.set(0x43018, 0x258001);
    }

    void write_nested_stages() {
        ram.set(0x50000, 0x51003);
        ram.set(0x51000, 0x52003);
        ram.set(0x52000, 0x53003);
        ram.set(0x52008, 0x800083);
        ram.set(0x53010, 0x70003);  // the first stage's tables: guest-physical pages 2 to 5
        ram.set(0x53018, 0x71003);
        ram.set(0x53020, 0x72003);
        ram.set(0x53028, 0x73003);
        ram.set(0x53080, 0x355003);  // data: guest-physical pages 0x10 to 0x12
        ram.set(0x53088, 0x356001);
        ram.set(0x53090, 0x357002);
        ram.set(0x70000, 0x3007);
        ram.set(0x71000, 0x4007);
        ram.set(0x72000, 0x5007);
        ram.set(0x72008, 0x200087);
        ram.set(0x73000, 0x10007);
        ram.set(0x73008, 0x11007);
        ram.set(0x73010, 0x12007);
        ram.set(0x73018, 0x10005);
        ram.set(0x73020, 0x10003);
    }
};

}  // namespace remap::test
