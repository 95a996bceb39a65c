// SPDX-License-Identifier: MIT
#include "callbacks/miniport/tests/irql.h"

#include "callbacks/hosted/kernel_port.h"
#include "callbacks/hosted/ports.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace remap::miniport {

namespace {

// The kernel services, from the first test to the last.
class KernelServices final : public testing::Environment {
public:
    void SetUp() override { ASSERT_TRUE(kernel::start(port_)); }
    void TearDown() override { kernel::stop(); }

private:
    std::unique_ptr<hosted::Memory> memory_ =
        std::move(*hosted::Memory::create("", std::vector<hosted::MemoryRange>{{{0}, 1024}}));
    hosted::Frames frames_{*memory_};
    hosted::Views views_{*memory_};
    hosted::KernelPort port_{frames_, views_};
};

[[maybe_unused]] const auto* const services = testing::AddGlobalTestEnvironment(new KernelServices);

}  // namespace

void set_irql(KIRQL irql) {
    KeLowerIrql(PASSIVE_LEVEL);
    KfRaiseIrql(irql);
}

KIRQL irql() { return KeGetCurrentIrql(); }

}  // namespace remap::miniport
