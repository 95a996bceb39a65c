// SPDX-License-Identifier: MIT
// A queue of elements that carry its links themselves: joined, left from the middle, and nothing is allocated.
#pragma once

#include <cstddef>

namespace remap::cache {

template <typename Element>
struct Links {
    Element* older = nullptr;
    Element* newer = nullptr;
    bool queued = false;
};

template <typename Element, Links<Element> Element::*links>
class Queue {
public:
    Element* oldest() const { return oldest_; }
    std::size_t size() const { return size_; }
    static Element* after(const Element& element) { return (element.*links).newer; }

    // Where it already is, it keeps its place.
    void add(Element& element) {
        Links<Element>& own = element.*links;
        if (own.queued) return;
        own = {newest_, nullptr, true};
        (newest_ != nullptr ? (newest_->*links).newer : oldest_) = &element;
        newest_ = &element;
        ++size_;
    }

    void remove(Element& element) {
        Links<Element>& own = element.*links;
        if (!own.queued) return;
        (own.older != nullptr ? (own.older->*links).newer : oldest_) = own.newer;
        (own.newer != nullptr ? (own.newer->*links).older : newest_) = own.older;
        own = {};
        --size_;
    }

private:
    Element* oldest_ = nullptr;
    Element* newest_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace remap::cache
