// SPDX-License-Identifier: MIT
// Handles that a call takes, and those that it must not.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

template <typename List>
auto* any_of(List& list, std::uint64_t index) {
    return &*std::next(list.begin(), static_cast<std::ptrdiff_t>(index));
}

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

}  // namespace

Actor::Object* Actor::any_object() { return objects_.empty() ? nullptr : any_of(objects_, below(objects_.size())); }

Actor::Object* Actor::any_opened() {
    for (unsigned tries = 0; tries < 4; ++tries)
        if (Object* object = any_object(); object != nullptr && object->opened != nullptr) return object;
    return nullptr;
}

Actor::Adapter* Actor::any_adapter(bool own_only) {
    const std::uint64_t others = own_only ? 0 : shared_.size();
    if (own_.empty() && others == 0) return nullptr;
    const std::uint64_t index = below(own_.size() + others);
    return index < own_.size() ? any_of(own_, index) : &shared_[index - own_.size()];
}

void Actor::bury(Kind kind, HANDLE handle) {
    constexpr std::size_t most = 256;
    auto& dead = dead_[static_cast<unsigned>(kind)];
    if (dead.size() < most)
        dead.push_back(handle);
    else
        dead[below(most)] = handle;
}

// A number that is no live handle of the kind that is wanted.
Actor::BadHandle Actor::bad_handle(Kind wanted) {
    const auto& dead = dead_[static_cast<unsigned>(wanted)];
    const std::uint64_t choice = below(3);
    if (choice == 0 && !dead.empty()) {
        const HANDLE handle = dead[below(dead.size())];
        return {handle, {{Check::UseAfterClose, number(handle)}}, false};
    }
    if (choice == 1) {
        HANDLE handle = nullptr;
        if (const Object* object = any_object(); wanted != Kind::Object && object != nullptr) handle = object->handle;
        if (const Adapter* adapter = any_adapter(); wanted == Kind::Object && adapter != nullptr)
            handle = adapter->handles[0];
        if (handle != nullptr) return {handle, {{Check::InvalidObjectType, number(handle)}}, false};
    }
    static constexpr std::uint64_t strange[] = {4, 0x1234'5678, 0xffff'8000'dead'beec, ~std::uint64_t{0}, 0x7ff0'0001};
    return {reinterpret_cast<HANDLE>(strange[below(std::size(strange))]), {}, true};
}

Actor::Reports Actor::strict(const BadHandle& bad) const {
    return bad.unknown ? Reports{{Check::UnknownHandle, number(bad.handle)}} : bad.reports;
}

}  // namespace remap::callbacks::tests
