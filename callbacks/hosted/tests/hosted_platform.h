// SPDX-License-Identifier: MIT
// The hosted machine for a model test: shared memory, the IOMMU engine and its driver under the callbacks, without
// GPUs; the test makes the devices' accesses itself.
#pragma once

#include "callbacks/hosted/ports.h"
#include "callbacks/tests/model/machine.h"
#include "callbacks/vtd/fault_inbox.h"
#include "callbacks/vtd/unit_dma.h"
#include "hw/hosted/machine.h"

#include <deque>
#include <memory>
#include <mutex>

namespace remap::hosted::tests {

// A unit is driven by one thread at a time: the one that is in a callback, or one of the test.
class LockedDma final : public callbacks::DmaPort {
public:
    LockedDma(callbacks::UnitDma& dma, std::mutex& lock) : dma_(dma), lock_(lock) {}
    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override {
        const std::lock_guard guard(lock_);
        return dma_.map(first, to, pages);
    }
    void unmap(LogicalPage first, std::uint64_t pages) override {
        const std::lock_guard guard(lock_);
        dma_.unmap(first, pages);
    }
    unsigned address_width() const override { return dma_.address_width(); }
    bool attach(callbacks::Attachment to) override {
        const std::lock_guard guard(lock_);
        return dma_.attach(to);
    }
    std::optional<callbacks::DmaFault> take_fault() override {
        const std::lock_guard guard(lock_);
        return dma_.take_fault();
    }

private:
    callbacks::UnitDma& dma_;
    std::mutex& lock_;
};

class HostedPlatform final : public callbacks::tests::Platform {
public:
    HostedPlatform(unsigned slots, const MachineOptions& options, const callbacks::VerifierOptions& verifier = {});

    callbacks::Dxgkrnl& dxgkrnl() override { return *dxgkrnl_; }
    unsigned slots() const override { return static_cast<unsigned>(locked_.size()); }
    callbacks::DmaPort* dma(unsigned slot) override { return &locked_[slot]; }
    std::uint64_t cpu_read(const void* page) override;
    void cpu_write(void* page, std::uint64_t value) override;
    std::optional<std::uint64_t> dma_read(unsigned slot, std::uint64_t page) override;
    bool dma_write(unsigned slot, std::uint64_t page, std::uint64_t value) override;
    void forget_faults(unsigned slot) override {
        while (locked_[slot].take_fault()) {
        }
    }
    void set_irql(KIRQL irql) override { irql_ = irql; }
    void set_process(std::uint64_t number) override { process_ = number; }
    std::vector<callbacks::tests::Seen> take_reports() override { return callbacks::tests::ModelReports::take(); }
    PhysicalPage zone() const override { return {0x100}; }
    PhysicalPage highest_installed() const override { return frames_->highest_installed(); }
    PhysicalPage io() const override { return {0xe0000}; }
    callbacks::tests::Leftovers end() override;

    Frames& frames() { return *frames_; }
    Views& views() { return *views_; }

private:
    class Execution final : public callbacks::ExecutionPort {
    public:
        KIRQL irql() const override { return irql_; }
        std::uint64_t process() const override { return process_; }
        void relax() override;
    };

    static thread_local KIRQL irql_;
    static thread_local std::uint64_t process_;

    std::unique_ptr<Machine> machine_;
    std::optional<Frames> frames_;
    std::optional<Views> views_;
    Execution execution_;
    callbacks::tests::ModelReports reports_;
    std::optional<UnitAccess> access_;
    std::optional<vtd_driver::Unit> unit_;
    std::optional<callbacks::FaultInbox> inbox_;
    std::mutex unit_lock_;
    std::deque<callbacks::UnitDma> dma_;
    std::deque<LockedDma> locked_;
    std::uint64_t free_at_first_ = 0;
    std::unique_ptr<callbacks::Dxgkrnl> dxgkrnl_;
};

}  // namespace remap::hosted::tests
