// SPDX-License-Identifier: MIT
// A kernel over 64 MiB of hosted memory, and how a rule is tested: a misuse is expected to stop the machine.
#pragma once

#include "callbacks/hosted/kernel_port.h"
#include "callbacks/hosted/ports.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace remap::kernel {

class KernelTest : public testing::Test {
protected:
    static constexpr std::uint64_t memory_pages = 16384;

    KernelTest()
        : memory_(std::move(*hosted::Memory::create("", std::vector<hosted::MemoryRange>{{{0}, memory_pages}}))),
          frames_(*memory_),
          views_(*memory_),
          port(frames_, views_) {
        EXPECT_TRUE(start(port));
    }
    ~KernelTest() override {
        EXPECT_EQ(port.irql(), PASSIVE_LEVEL);
        stop();
        EXPECT_EQ(views_.count(), 0u);
        EXPECT_EQ(frames_.free_pages(), memory_pages - 1);  // page 0 is never given out
    }

    std::unique_ptr<hosted::Memory> memory_;
    hosted::Frames frames_;
    hosted::Views views_;

    hosted::KernelPort port;
};

// The call stops the machine with this code and first parameter, and says where it was called.
#define EXPECT_STOP(statement, expected_code, expected_parameter)                                              \
    do {                                                                                                       \
        const auto stopped = port.run([&] { statement; });                                                     \
        ASSERT_TRUE(stopped.has_value()) << "the machine goes on after " #statement;                           \
        EXPECT_EQ(stopped->code, static_cast<std::uint32_t>(expected_code)) << stopped->message;               \
        EXPECT_EQ(stopped->parameters[0], static_cast<std::uint64_t>(expected_parameter)) << stopped->message; \
        EXPECT_NE(stopped->caller, nullptr);                                                                   \
        EXPECT_NE(stopped->message.find("called from"), std::string::npos) << stopped->message;                \
    } while (false)

// The same at an IRQL.
#define EXPECT_STOP_AT(level, statement, expected_code, expected_parameter) \
    do {                                                                    \
        const KIRQL before = KfRaiseIrql(level);                            \
        EXPECT_STOP(statement, expected_code, expected_parameter);          \
        KeLowerIrql(before);                                                \
    } while (false)

constexpr ULONG test_tag = 'T' | 'e' << 8 | 's' << 16 | 't' << 24;

inline PHYSICAL_ADDRESS address(std::uint64_t value) {
    PHYSICAL_ADDRESS result = {};
    result.QuadPart = static_cast<LONGLONG>(value);
    return result;
}

}  // namespace remap::kernel
