// SPDX-License-Identifier: MIT
// A cache model over a little memory. Accesses are of 8 bytes unless they say otherwise.
#pragma once

#include "hw/cache/coherency.h"

#include <gtest/gtest.h>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace remap::cache::test {

inline constexpr auto wb = MemoryType::WriteBack;
inline constexpr auto wt = MemoryType::WriteThrough;
inline constexpr auto wp = MemoryType::WriteProtected;
inline constexpr auto wc = MemoryType::WriteCombining;
inline constexpr auto uc = MemoryType::Uncacheable;
inline constexpr auto uc_minus = MemoryType::UncachedMinus;

inline constexpr bool snoop = true;
inline constexpr bool no_snoop = false;

class FakeMemory final : public MemoryPort {
public:
    explicit FakeMemory(std::size_t bytes) : bytes_(bytes) {}

    bool read(PhysicalAddress from, void* to, std::size_t bytes) override {
        if (!holds(from, bytes)) return false;
        std::memcpy(to, &bytes_[from.value], bytes);
        return true;
    }
    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override {
        if (!holds(to, bytes)) return false;
        std::memcpy(&bytes_[to.value], from, bytes);
        return true;
    }

    std::uint64_t at(std::uint64_t address) const {
        std::uint64_t value;
        std::memcpy(&value, &bytes_[address], sizeof value);
        return value;
    }
    std::size_t size() const { return bytes_.size(); }

private:
    bool holds(PhysicalAddress address, std::size_t bytes) const {
        EXPECT_LE(address.value % line_bytes + bytes, line_bytes) << "an access of the port crosses a line";
        return address.value < bytes_.size() && bytes <= bytes_.size() - address.value;
    }

    std::vector<std::uint8_t> bytes_;
};

class Rig : public FindingPort {
public:
    static constexpr std::uint64_t page = 0x4000;  // tracked, and the three after it
    static constexpr std::uint64_t virtual_offset = 0xffff'8000'0000'0000;
    static constexpr std::uint64_t bus_offset = 0x10'0000;

    explicit Rig(Mode mode) : Rig(options_of(mode)) {}
    explicit Rig(const Options& options, std::size_t bytes = 0x10000)
        : memory(bytes), model(memory, *this, options), mode_(options.mode) {
        model.track({page >> page_shift}, 4);
    }

    static Options options_of(Mode mode) {
        Options options;
        options.mode = mode;
        return options;
    }

    void found(const Finding& finding) override { told.push_back(finding); }

    static CpuAccess access(MemoryType type, std::uint64_t address, std::uint64_t code, unsigned cpu) {
        return {{address}, 8, {code, {address + virtual_offset}, cpu, type}};
    }
    void store(MemoryType type, std::uint64_t address, std::uint64_t value, std::uint64_t code = 0x100,
               unsigned cpu = 0) {
        EXPECT_TRUE(model.store(access(type, address, code, cpu), &value));
    }
    std::uint64_t load(MemoryType type, std::uint64_t address, std::uint64_t code = 0x200, unsigned cpu = 0) {
        std::uint64_t value = 0;
        EXPECT_TRUE(model.load(access(type, address, code, cpu), &value));
        return value;
    }
    void flush(Flush how, std::uint64_t address, std::uint64_t code = 0x300, unsigned cpu = 0) {
        model.flush(access(wb, address, code, cpu), how);
    }
    void fence(Fence kind, unsigned cpu = 0) { model.fence(cpu, kind); }

    static DmaAccess dma(std::uint64_t address, bool write, bool snoops) {
        return {{address}, {0x0308, {address + bus_offset}, 8, write, snoops}};
    }
    std::uint64_t dma_read(std::uint64_t address, bool snoops) {
        std::uint64_t value = 0;
        EXPECT_TRUE(model.dma_read(dma(address, false, snoops), &value));
        return value;
    }
    void dma_write(std::uint64_t address, std::uint64_t value, bool snoops) {
        EXPECT_TRUE(model.dma_write(dma(address, true, snoops), &value));
    }

    // What an access gets where the hardware has `old`: the mode decides.
    std::uint64_t either(std::uint64_t old, std::uint64_t right) const { return mode_ == Mode::Strict ? old : right; }

    // Names of what was found, in order, since the last time.
    std::string news() {
        std::string names;
        for (; told_until_ < told.size(); ++told_until_) {
            names += (names.empty() ? "" : " ") + std::string(name_of(told[told_until_].kind));
        }
        return names;
    }

    FakeMemory memory;
    Coherency model;
    std::vector<Finding> told;

private:
    Mode mode_;
    std::size_t told_until_ = 0;
};

// A rule that holds in both modes.
class Rule : public testing::TestWithParam<Mode> {
protected:
    Rig rig{GetParam()};
    static constexpr std::uint64_t at = Rig::page + 0x140;  // the start of a line
};

inline std::string mode_name(const testing::TestParamInfo<Mode>& info) {
    return info.param == Mode::Report ? "Report" : "Strict";
}

}  // namespace remap::cache::test
