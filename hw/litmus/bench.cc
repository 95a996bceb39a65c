// SPDX-License-Identifier: MIT
#include "hw/litmus/bench.h"

namespace remap::litmus {

void Bench::scene(const char* name) {
    end();
    machine_.begin_scene();
    scene_ = name;
    looked_at_ = 0;
}

void Bench::end() {
    if (scene_[0] != 0) nothing_is_found();
}

void Bench::expect_equal(const char* what, std::uint64_t value, std::uint64_t expected) {
    if (value != expected) machine_.fail(scene_, what, value, expected);
}

void Bench::nothing_is_found() {
    const unsigned found = machine_.found();
    expect_equal("findings", found - looked_at_, 0);
    looked_at_ = found;
}

void Bench::is_found(const Blame& blame, std::uint64_t first, Code load) {
    const unsigned found = machine_.found();
    expect_equal("findings", found - looked_at_, 1);
    if (found > looked_at_) {
        const Found finding = machine_.finding(looked_at_);
        expect_equal("kind of the finding", static_cast<unsigned>(finding.kind), static_cast<unsigned>(blame.kind));
        expect_equal("its first byte", finding.first, first);
        if (blame.store != 0) expect_equal("the instruction that stored", finding.store, blame.store);
        if (blame.flush != 0) expect_equal("the instruction that flushed", finding.flush, blame.flush);
        if (load != 0) expect_equal("the instruction that loaded", finding.load, load);
    }
    looked_at_ = found;
}

void Bench::judge(const char* what, std::uint64_t offset, const Loaded& got, const Outcome& expected) {
    expect_equal(what, got.value, machine_.strict() ? expected.hardware : expected.newest);
    if (expected.blame.kind == Kind::None) return nothing_is_found();
    // What differs begins with the first byte of the word that does.
    const std::uint64_t differs = expected.newest ^ expected.hardware;
    is_found(expected.blame, offset + static_cast<unsigned>(__builtin_ctzll(differs)) / 8, got.code);
}

void Bench::loads(View view, std::uint64_t offset, const Outcome& expected) {
    judge("a load", offset, machine_.load(view, {offset}), expected);
}

void Bench::device_reads(std::uint64_t offset, Snoop snoop, const Outcome& expected) {
    std::uint64_t value = 0;
    machine_.dma(read_of(offset, snoop), &value);
    judge("what the device read", offset, {value}, expected);
}

void Bench::device_has_read(std::uint64_t offset, const Outcome& expected) {
    std::uint64_t value = 0;
    machine_.await_dma(&value);
    judge("what the device read", offset, {value}, expected);
}

void Bench::device_reads_range(std::uint64_t offset, unsigned bytes, std::uint64_t* words) {
    machine_.dma({.part = {offset, bytes}}, words);
}

Dma Bench::write_of(std::uint64_t offset, std::uint64_t value, Snoop snoop, unsigned bytes) {
    return {.part = {offset, bytes},
            .snoop = snoop == Snoop::Yes,
            .write = true,
            .pattern = static_cast<std::uint32_t>(value)};
}

void Bench::device_writes(std::uint64_t offset, std::uint64_t value, Snoop snoop, unsigned bytes) {
    machine_.dma(write_of(offset, value, snoop, bytes), nullptr);
}

}  // namespace remap::litmus
