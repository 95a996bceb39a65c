// SPDX-License-Identifier: MIT
// Where commands (invalidations and waits) are let through, one at a time: an injector may drop one, or hold it up with
// all that are behind it.
#pragma once

#include "iommu/engine/injector.h"

#include <cstdint>

namespace remap::iommu {

class CommandGate {
public:
    // The injector may be null.
    explicit CommandGate(Injector* injector) : injector_(injector) {}

    // Before a command is done. While one is held none may be asked about.
    CommandFate ask(const Invalidation& command) {
        return pass([&](Injector& injector) { return injector.invalidating(command); });
    }
    CommandFate ask(const WaitDone& wait) {
        return pass([&](Injector& injector) { return injector.completing(wait); });
    }

    bool is_held() const { return state_ == State::Held; }

    // The command that is held may go on; nothing if there is none.
    void release() {
        if (is_held()) state_ = State::Released;
    }

    // There is no such command any more.
    void reset() { state_ = State::Open; }

    template <typename Archive>
    void state(Archive& archive) {
        archive("held command", state_, State::Released);
    }

private:
    enum class State : std::uint8_t { Open, Held, Released };

    template <typename Ask>
    CommandFate pass(Ask&& ask) {
        const bool was_held = state_ == State::Released;
        state_ = State::Open;
        if (injector_ == nullptr || was_held) return CommandFate::Execute;
        const CommandFate fate = ask(*injector_);
        if (fate == CommandFate::Hold) state_ = State::Held;
        return fate;
    }

    Injector* injector_;
    State state_ = State::Open;
};

}  // namespace remap::iommu
