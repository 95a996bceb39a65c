// SPDX-License-Identifier: MIT
// A machine around the unit: RAM from address 0, a receiver of interrupts, and the driver's ports on top of both.
#pragma once

#include "iommu/driver/unit.h"
#include "iommu/engine/iommu.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace remap::test {

class Ram final : public iommu::MemoryPort, public paging::TablePort {
public:
    explicit Ram(std::uint64_t bytes = 8 << 20) : words_(bytes / 8) {}

    bool read(PhysicalAddress from, void* to, std::size_t bytes) override {
        if (!holds(from, bytes)) return false;
        if (!is_words(from, bytes)) {
            std::memcpy(to, at(from), bytes);
            return true;
        }
        if (before_read) before_read(from.value);
        // The unit reads entries while software changes them: whole words, as on hardware.
        for (std::size_t i = 0; i < bytes; i += 8) {
            const std::uint64_t word = std::atomic_ref(words_[(from.value + i) / 8]).load(std::memory_order_acquire);
            std::memcpy(static_cast<char*>(to) + i, &word, 8);
        }
        return true;
    }

    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override {
        if (!holds(to, bytes) || is_read_only(to)) return false;
        if (bytes == 4 && to.value % 4 == 0) {  // software polls what a wait writes
            std::uint32_t word = 0;
            std::memcpy(&word, from, 4);
            std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at(to))).store(word, std::memory_order_release);
        } else {
            std::memcpy(at(to), from, bytes);
        }
        return true;
    }

    iommu::Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) override {
        if (before_exchange) before_exchange(at.value);
        if (!holds(at, 8) || is_read_only(at)) return iommu::Exchange::Unanswered;
        const bool done = std::atomic_ref(words_[at.value / 8]).compare_exchange_strong(expected, desired);
        return done ? iommu::Exchange::Done : iommu::Exchange::Changed;
    }

    void set(std::uint64_t address, std::uint64_t word) { words_.at(address / 8) = word; }
    std::uint64_t get(std::uint64_t address) const { return words_.at(address / 8); }

    std::optional<PhysicalPage> allocate_table() override {
        if (tables_left == 0) return std::nullopt;
        --tables_left;
        PhysicalPage page;
        if (free_.empty()) {
            page = {next_++};
        } else {
            page = free_.back();
            free_.pop_back();
        }
        std::memset(at(page.address()), 0, page_size);
        return page;
    }

    void free_table(PhysicalPage page) override {
        std::memset(at(page.address()), 0xa5, page_size);  // whoever walks a freed page shall notice
        free_.push_back(page);
        ++tables_left;
    }

    volatile std::uint64_t* words(PhysicalPage page) override { return &words_.at(page.address().value / 8); }
    void publish(PhysicalPage, unsigned, unsigned) override { std::atomic_thread_fence(std::memory_order_seq_cst); }

    std::uint64_t tables_left = 1024;
    std::optional<PhysicalPage> read_only;               // a page that the unit's writes do not reach
    std::function<void(std::uint64_t)> before_exchange;  // is told of the address; may change memory
    std::function<void(std::uint64_t)> before_read;      // as well, when whole words are read

private:
    bool is_read_only(PhysicalAddress address) const { return read_only && address.page() == *read_only; }
    bool holds(PhysicalAddress from, std::size_t bytes) const {
        const std::uint64_t size = words_.size() * 8;
        return from.value < size && bytes <= size - from.value;
    }
    static bool is_words(PhysicalAddress address, std::size_t bytes) {
        return address.value % 8 == 0 && bytes % 8 == 0;
    }
    char* at(PhysicalAddress address) { return reinterpret_cast<char*>(words_.data()) + address.value; }

    std::vector<std::uint64_t> words_;
    std::vector<PhysicalPage> free_;
    std::uint64_t next_ = 0x100;  // tables lie from 1 MiB on
};

class Interrupts final : public iommu::InterruptPort {
public:
    struct Sent {
        iommu::InterruptSource source;
        std::uint64_t address;
        std::uint32_t data;
    };

    void send(iommu::InterruptSource source, iommu::InterruptMessage message) override {
        sent.push_back({source, message.address, message.data});
        if (on_send) on_send();
    }

    std::vector<Sent> sent;
    std::function<void()> on_send;
};

// Leaves the unit's work to whoever calls Iommu::work.
class Work final : public iommu::WorkPort {
public:
    bool may_work_here() override { return here; }
    void work_available() override { ++kicks; }
    void drain_unannounced() override { ++drains; }

    bool here = false;
    int kicks = 0;
    int drains = 0;
};

class Clock final : public iommu::ClockPort {
public:
    std::uint64_t nanoseconds() override { return now; }
    std::uint64_t now = 1000;
};

// A unit alone, driven by numbers from the manual.
struct Machine {
    explicit Machine(const iommu::Options& options = {}, iommu::WorkPort* work = nullptr,
                     iommu::Observer* observer = nullptr, iommu::Injector* injector = nullptr)
        : unit(options,
               {.memory = ram, .interrupts = interrupts, .work = work, .observer = observer, .injector = injector}) {}
    Machine(const iommu::Options& options, iommu::ClockPort* clock)
        : unit(options, {.memory = ram, .interrupts = interrupts, .clock = clock}) {}

    std::uint64_t read32(std::uint64_t offset) { return unit.read(offset, 4); }
    std::uint64_t read64(std::uint64_t offset) { return unit.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 8); }

    iommu::Translation access(std::uint16_t source, std::uint64_t address, iommu::Access access = iommu::Access::Read) {
        return unit.translate({source}, {address}, access);
    }
    unsigned reason(std::uint16_t source, std::uint64_t address, iommu::Access kind = iommu::Access::Read) {
        return access(source, address, kind).fault_reason;
    }

    // Tables as hex words. Bus 0 device 2 function 0 (source 0x10) is in domain 7 with 3-level tables:
    // address 0 is page 0x55000 (read and write), 0x1000 is 0x56000 (read only), 0x2000 is 0x57000 (write only),
    // 2 MiB is the 2 MiB leaf at 0x600000, 1 GiB is the 1 GiB leaf at 0x40000000.
    void write_tables() {
        ram.set(0x10000, 0x11001);     // root entry of bus 0: context table 0x11000, present
        ram.set(0x11100, 0x12001);     // context entry of devfn 0x10, low: table 0x12000, type 0, present
        ram.set(0x11108, 0x701);       // high: domain 7, width 1 (39 bits)
        ram.set(0x12000, 0x13003);     // level 3, entry 0: table 0x13000
        ram.set(0x12008, 0x40000083);  // level 3, entry 1: 1 GiB leaf
        ram.set(0x13000, 0x14003);     // level 2, entry 0: table 0x14000
        ram.set(0x13008, 0x600083);    // level 2, entry 1: 2 MiB leaf
        ram.set(0x14000, 0x55003);     // level 1
        ram.set(0x14008, 0x56001);
        ram.set(0x14010, 0x57002);
    }

    void set_root(std::uint64_t table = 0x10000) {
        write64(0x20, table);
        write32(0x18, (read32(0x1c) & 0x84000000) | 0x40000000);
    }
    void invalidate_all() {
        write64(0x28, 0xa000000000000000);  // context cache: global
        write64(0xf8, 0x9000000000000000);  // IOTLB: global
    }
    void enable() { write32(0x18, (read32(0x1c) & 0x84000000) | 0x80000000); }

    void start() {
        write_tables();
        set_root();
        invalidate_all();
        enable();
    }

    Ram ram;
    Interrupts interrupts;
    iommu::Iommu unit;
};

// The driver's window over a unit.
class Window final : public vtd_driver::RegisterPort {
public:
    explicit Window(iommu::Iommu& unit) : unit_(unit) {}
    std::uint32_t read32(std::uint64_t offset) override { return static_cast<std::uint32_t>(unit_.read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) override { return unit_.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) override { unit_.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { unit_.write(offset, value, 8); }

private:
    iommu::Iommu& unit_;
};

}  // namespace remap::test
