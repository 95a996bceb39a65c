// SPDX-License-Identifier: MIT
#include "callbacks/core/handle_table.h"

#include "base/bits.h"

#include <algorithm>
#include <new>

namespace remap::callbacks {

namespace {

// A handle's number, as Windows' handles a multiple of 4.
using Index = Field<25, 2, std::uint32_t>;
using Generation = Field<43, 26, std::uint32_t>;
using Tag = Field<63, 44>;

std::uint64_t number_of(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

}  // namespace

HandleTable::~HandleTable() { delete[] slots_; }

HANDLE HandleTable::handle_of(std::uint32_t index) const {
    const std::uint64_t number = Tag::of(tag_) | Generation::of(slots_[index].generation) | Index::of(index);
    return reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(number));
}

const HandleTable::Slot* HandleTable::slot_of(HANDLE handle) const {
    const std::uint64_t number = number_of(handle);
    const std::uint32_t index = Index::get(number);
    if (index == 0 || index >= size_ || handle_of(index) != handle) return nullptr;
    return &slots_[index];
}

bool HandleTable::grow() {
    const std::uint32_t wanted = capacity_ == 0 ? 64 : capacity_ * 2;
    if (wanted > Index::max + 1) return false;
    Slot* grown = new (std::nothrow) Slot[wanted];
    if (grown == nullptr) return false;
    std::copy(slots_, slots_ + size_, grown);
    delete[] slots_;
    slots_ = grown;
    capacity_ = wanted;
    if (size_ == 0) size_ = 1;
    return true;
}

HANDLE HandleTable::insert(HandleKind kind, void* target) {
    std::uint32_t index = first_free_;
    if (index != 0) {
        first_free_ = slots_[index].next_free;
        if (first_free_ == 0) last_free_ = 0;
    } else {
        if (size_ == capacity_ && !grow()) return nullptr;
        index = size_++;
    }
    Slot& slot = slots_[index];
    slot.target = target;
    slot.kind = kind;
    return handle_of(index);
}

void* HandleTable::find(HandleKind kind, HANDLE handle) const {
    const Slot* slot = slot_of(handle);
    return slot != nullptr && slot->kind == kind ? slot->target : nullptr;
}

HandleState HandleTable::state(HandleKind kind, HANDLE handle) const {
    const std::uint64_t number = number_of(handle);
    const std::uint32_t index = Index::get(number);
    if ((number & 3) != 0 || Tag::get(number) != tag_ || index == 0 || index >= size_) return HandleState::Unknown;
    const Slot& slot = slots_[index];
    const std::uint32_t generation = Generation::get(number);
    if (slot.kind == HandleKind::Free) {
        // The generation of a free slot is its next tenant's, but for one that is given up.
        const bool had_it = generation < slot.generation || slot.generation == Generation::max;
        return generation != 0 && had_it ? HandleState::Ended : HandleState::Unknown;
    }
    if (generation == slot.generation) return slot.kind == kind ? HandleState::Live : HandleState::OtherKind;
    return generation != 0 && generation < slot.generation ? HandleState::Ended : HandleState::Unknown;
}

void HandleTable::remove(HANDLE handle) {
    const std::uint32_t index = Index::get(number_of(handle));
    Slot& slot = slots_[index];
    slot.kind = HandleKind::Free;
    slot.target = nullptr;
    // A slot whose generations are used up is given up, so that no handle is ever given out twice.
    if (slot.generation == Generation::max) return;
    ++slot.generation;
    slot.next_free = 0;
    // The slot that was free for longest is used next: a stale handle keeps its distance from its successor.
    if (last_free_ != 0)
        slots_[last_free_].next_free = index;
    else
        first_free_ = index;
    last_free_ = index;
}

}  // namespace remap::callbacks
