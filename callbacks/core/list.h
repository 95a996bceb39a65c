// SPDX-License-Identifier: MIT
// A doubly linked list through members of its elements; needs no memory and owns nothing.
#pragma once

namespace remap::callbacks {

template <typename T>
struct Link {
    T* previous = nullptr;
    T* next = nullptr;
};

// T derives from Link<T>. An element is in one list at a time.
template <typename T>
class List {
public:
    T* first() const { return first_; }
    bool empty() const { return first_ == nullptr; }

    void add(T& element) {
        element.previous = nullptr;
        element.next = first_;
        if (first_ != nullptr) first_->previous = &element;
        first_ = &element;
    }

    void remove(T& element) {
        (element.previous != nullptr ? element.previous->next : first_) = element.next;
        if (element.next != nullptr) element.next->previous = element.previous;
        element.previous = element.next = nullptr;
    }

private:
    T* first_ = nullptr;
};

}  // namespace remap::callbacks
