// SPDX-License-Identifier: MIT
// A machine in the words of the litmus cases: its operations, and what they have to come to.
#pragma once

#include "hw/litmus/machine.h"

#include <cstdint>
#include <initializer_list>  // of the variants that cases go through

namespace remap::litmus {

inline constexpr MemoryType wb = MemoryType::WriteBack, wc = MemoryType::WriteCombining, uc = MemoryType::Uncacheable;

enum class Snoop : bool { No, Yes };

// A mistake that has to be found, by the instructions that are not 0.
struct Blame {
    Kind kind = Kind::None;
    Code store = 0;
    Code flush = 0;
};

// What a read of a word has to come to: the newest value, or with a mistake the one that hardware still has there.
struct Outcome {
    std::uint64_t newest = 0;
    std::uint64_t hardware = 0;
    Blame blame;
};

constexpr Outcome right(std::uint64_t newest) { return {newest, newest, {}}; }
constexpr Outcome wrong(const Blame& blame, std::uint64_t newest, std::uint64_t hardware = before) {
    return {newest, hardware, blame};
}

// A word that is one byte over and over, as a GPU can fill it.
constexpr std::uint64_t word(unsigned byte) { return byte * 0x0101010101010101; }

class Bench {
public:
    explicit Bench(Machine& machine) : machine_(machine) {}

    // A variant of the program begins, on fresh memory. `name` is told when it fails.
    void scene(const char* name);
    void end();  // of the last one

    bool strict() const { return machine_.strict(); }
    void on(unsigned processor) { machine_.run_on(processor); }

    View map(MemoryType type) { return machine_.map(type); }
    void set_type(View view, MemoryType type) { machine_.set_type(view, type); }

    Code store(View view, std::uint64_t offset, std::uint64_t value, unsigned bytes = 8) {
        return machine_.store(view, {offset, bytes}, value);
    }
    Code exchange(View view, std::uint64_t offset, std::uint64_t value) {
        return machine_.exchange(view, offset, value);
    }
    Code flush(View view, std::uint64_t offset, Flush how = Flush::Clflush) {
        return machine_.flush(view, offset, how);
    }
    void fence(Fence kind) { machine_.fence(kind); }
    void wbinvd() { machine_.wbinvd(); }
    void read_register() { machine_.read_register(); }

    // A load of a word, without a look at findings: that may empty buffers.
    std::uint64_t load(View view, std::uint64_t offset) { return machine_.load(view, {offset}).value; }

    // A load of a word, which is to blame itself if there is a mistake.
    void loads(View view, std::uint64_t offset, const Outcome& expected);

    // DMA of the GPU, of words.
    void device_reads(std::uint64_t offset, Snoop snoop, const Outcome& expected);
    void device_writes(std::uint64_t offset, std::uint64_t value, Snoop snoop, unsigned bytes = 8);

    // The GPU is told of the access now, and makes it when it gets to it.
    void device_will_read(std::uint64_t offset, Snoop snoop) { machine_.schedule_dma(read_of(offset, snoop)); }
    void device_has_read(std::uint64_t offset, const Outcome& expected);
    void device_will_write(std::uint64_t offset, std::uint64_t value, Snoop snoop) {
        machine_.schedule_dma(write_of(offset, value, snoop, 8));
    }
    void device_has_written() { machine_.await_dma(nullptr); }

    // One access of the GPU over several lines, at most most_dma bytes; `words` has room for them. The caller judges.
    void device_reads_range(std::uint64_t offset, unsigned bytes, std::uint64_t* words);

    // Exactly this was found since the last look: nothing, or one mistake.
    void nothing_is_found();
    void is_found(const Blame& blame, std::uint64_t first, Code load = 0);

    void expect_equal(const char* what, std::uint64_t value, std::uint64_t expected);

private:
    static Dma read_of(std::uint64_t offset, Snoop snoop) { return {.part = {offset}, .snoop = snoop == Snoop::Yes}; }
    static Dma write_of(std::uint64_t offset, std::uint64_t value, Snoop snoop, unsigned bytes);
    void judge(const char* what, std::uint64_t offset, const Loaded& got, const Outcome& expected);

    Machine& machine_;
    const char* scene_ = "";
    unsigned looked_at_ = 0;  // findings
};

}  // namespace remap::litmus
