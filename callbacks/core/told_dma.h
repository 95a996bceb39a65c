// SPDX-License-Identifier: MIT
// A DMA port whose maps and unmaps a witness is told of. It stands in front of the real one only where there is a
// witness.
#pragma once

#include "callbacks/core/ports.h"
#include "callbacks/core/witness.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::callbacks {

class ToldDma final : public DmaPort {
public:
    // The port to use in place of `real`. Both outlive this.
    DmaPort* before(DmaPort* real, Witness* witness) {
        if (real == nullptr || witness == nullptr) return real;
        real_ = real;
        witness_ = witness;
        return this;
    }

    // What follows is done for this object.
    void do_for(const Subject& subject) { object_ = subject.number; }

    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override {
        if (!real_->map(first, to, pages)) return false;
        witness_->mapped({real_->sources(), first, to, pages, object_});
        return true;
    }
    void unmap(LogicalPage first, std::uint64_t pages) override {
        real_->unmap(first, pages);
        witness_->unmapped({real_->sources(), first, {}, pages, object_});
    }
    unsigned address_width() const override { return real_->address_width(); }
    bool attach(Attachment to) override { return real_->attach(to); }
    std::optional<DmaFault> take_fault() override { return real_->take_fault(); }
    std::span<const std::uint16_t> sources() const override { return real_->sources(); }

private:
    DmaPort* real_ = nullptr;
    Witness* witness_ = nullptr;
    std::uint64_t object_ = 0;
};

}  // namespace remap::callbacks
