// SPDX-License-Identifier: MIT
// What a driver does, told to the hosted machine's laboratory.
#pragma once

#include "callbacks/lab/event_witness.h"

namespace remap::hosted {

class MachineLab;

class DriverEvents final : callbacks::DriverEventPort {
public:
    explicit DriverEvents(MachineLab& laboratory) : laboratory_(laboratory) {}
    callbacks::Witness& witness() { return witness_; }

private:
    void post(const spec::lab::DriverEvent& event) override;

    MachineLab& laboratory_;
    callbacks::EventWitness witness_{*this};
};

}  // namespace remap::hosted
