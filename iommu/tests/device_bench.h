// SPDX-License-Identifier: MIT
// A unit in scalable mode with devices that keep translations and ask for pages. Tables, descriptors and registers are
// hex words of the manual, on purpose: a mistake in the shared definitions must not hide itself here.
#pragma once

#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <vector>

namespace remap::test {

// Keeps what the unit sends; the test answers in the device's stead.
class Devices final : public iommu::DevicePort {
public:
    void invalidate(const iommu::DeviceInvalidation& invalidation) override { invalidations.push_back(invalidation); }
    void answer(const iommu::PageAnswer& answer) override { answers.push_back(answer); }
    void start_timer() override { ++timers; }

    std::vector<iommu::DeviceInvalidation> invalidations;
    std::vector<iommu::PageAnswer> answers;
    unsigned timers = 0;
};

class DeviceBench : public testing::Test {
protected:
    static constexpr std::uint64_t queue = 0x20000;     // one page of 128 descriptors
    static constexpr std::uint64_t status = 0x30000;    // where waits write
    static constexpr std::uint64_t requests = 0x40000;  // one page of 128 page requests
    static constexpr std::uint16_t device = 0x10;       // bus 0, device 2, function 0

    explicit DeviceBench(const iommu::Options& options = {.scalable = true, .device_tlb = true, .page_requests = true})
        : unit(options,
               {.memory = ram, .interrupts = interrupts, .work = nullptr, .clock = nullptr, .devices = &devices}) {
        write_tables();
        write64(0x90, queue | 0x800);    // IQA: 256-bit descriptors
        write32(0x18, 0x04000000);       // QIE
        write64(0x20, 0x10000 | 0x400);  // RTADDR: scalable
        write32(0x18, 0x44000000);       // SRTP
        write64(0xd0, requests);         // PQA
        write32(0x18, 0x84000000);       // TE
    }

    // Source 0x10 has DTE, PASIDE and PRE. Without a PASID it has the second stage of domain 7:
    //   0 is page 0x55000, 0x1000 is 0x56000 read only, 0x2000 is 0x57000 write only, 0x3000 leads to interrupts,
    //   0x4000 has a reserved bit, 2 MiB is a leaf of 2 MiB at 0x600000, nothing else is there.
    // PASID 5 is the first stage of domain 9: 0 is page 0x65000, 0x1000 is 0x66000 read only, 0x2000 is 0x67000 for
    // supervisors, 2 MiB is a leaf of 2 MiB at 0x800000. PASID 6 passes through. PASID 7 is not present.
    // Source 0x18 has the same tables, but none of the three; source 0x20 has DTE alone.
    void write_tables() {
        ram.set(0x10000, 0x11001);   // root entry of bus 0, lower half
        ram.set(0x11200, 0x1201d);   // context entry of devfn 0x10: P, DTE, PASIDE, PRE
        ram.set(0x11300, 0x12001);   // of devfn 0x18: P
        ram.set(0x11400, 0x12005);   // of devfn 0x20: P, DTE
        ram.set(0x12000, 0x13001);   // PASID directory
        ram.set(0x13000, 0x14085);   // PASID 0: second stage, 39 bits
        ram.set(0x13008, 7);         //   domain 7
        ram.set(0x13140, 0x41);      // PASID 5: first stage
        ram.set(0x13148, 0x800009);  //   domain 9, walks snoop
        ram.set(0x13150, 0x18001);   //   4 levels, SRE
        ram.set(0x13180, 0x105);     // PASID 6: pass-through
        ram.set(0x13188, 11);        //   domain 11
        ram.set(0x14000, 0x15003);
        ram.set(0x15000, 0x16003);
        ram.set(0x15008, 0x600083);
        ram.set(0x16000, 0x55003);
        ram.set(0x16008, 0x56001);
        ram.set(0x16010, 0x57002);
        ram.set(0x16018, 0xfee00003);
        ram.set(0x16020, 0x1000000055003);  // bit 48 is beyond the host's 46 bits
        ram.set(0x18000, 0x19007);
        ram.set(0x19000, 0x1a007);
        ram.set(0x1a000, 0x1b007);
        ram.set(0x1a008, 0x800087);
        ram.set(0x1b000, 0x65007);
        ram.set(0x1b008, 0x66005);
        ram.set(0x1b010, 0x67003);
    }

    std::uint64_t read32(std::uint64_t offset) { return unit.read(offset, 4); }
    std::uint64_t read64(std::uint64_t offset) { return unit.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 8); }

    void put(std::uint64_t low, std::uint64_t high) {
        const std::uint64_t words[] = {low, high, 0, 0};
        for (unsigned i = 0; i < 4; ++i) ram.set(queue + tail + 8 * i, words[i]);
        tail = (tail + 32) % 4096;
    }
    void put_wait(std::uint32_t value) { put(std::uint64_t{value} << 32 | 0x25, status); }
    void submit() { write64(0x88, tail); }
    std::uint32_t waited() { return static_cast<std::uint32_t>(ram.get(status)); }

    iommu::Translation ask(std::uint64_t address, bool write, std::optional<std::uint32_t> pasid = {},
                           bool privileged = false, std::uint16_t source = device) {
        iommu::Request request{.source = {source},
                               .address = {address},
                               .access = write ? iommu::Access::Write : iommu::Access::Read,
                               .type = iommu::RequestType::Translation,
                               .privileged = privileged};
        if (pasid) request.pasid = iommu::Pasid{*pasid};
        return unit.translate(request);
    }

    // The fault reason of record n, 0 when it holds none.
    unsigned recorded(unsigned n = 0) {
        const std::uint64_t high = read64(0x228 + 16 * n);
        return (high >> 63) != 0 ? static_cast<unsigned>(high >> 32 & 0xff) : 0;
    }
    void clear_faults() {
        for (unsigned n = 0; n < 8; ++n) write32(0x22c + 16 * n, 0x80000000);
        write32(0x34, 0x71);
    }

    Ram ram;
    Interrupts interrupts;
    Devices devices;
    iommu::Iommu unit;
    std::uint64_t tail = 0;
};

}  // namespace remap::test
