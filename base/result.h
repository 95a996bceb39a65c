// SPDX-License-Identifier: MIT
// A value or the reason why there is none; for code that is compiled without exceptions.
#pragma once

#include <utility>

namespace remap {

template <typename E>
struct Failure {
    E error;
};

template <typename E>
Failure(E) -> Failure<E>;

// T and E are cheap types with a default value. Reading the side that is not there gives that default.
template <typename T, typename E>
class [[nodiscard]] Result {
public:
    constexpr Result(T value) : value_(std::move(value)), ok_(true) {}
    constexpr Result(Failure<E> failure) : error_(std::move(failure.error)) {}

    constexpr bool ok() const { return ok_; }
    constexpr explicit operator bool() const { return ok_; }
    constexpr const T& operator*() const { return value_; }
    constexpr T& operator*() { return value_; }
    constexpr const T* operator->() const { return &value_; }
    constexpr T* operator->() { return &value_; }
    constexpr const E& error() const { return error_; }

private:
    T value_{};
    E error_{};
    bool ok_ = false;
};

}  // namespace remap
