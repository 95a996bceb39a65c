// SPDX-License-Identifier: MIT
// Handles that are checked at every use: each names a slot and the generation of its tenant, so that a handle of
// something that is gone never names what came after it.
#pragma once

#include "callbacks/ddk/ntddk.h"

#include <cstdint>

namespace remap::callbacks {

enum class HandleKind : std::uint8_t { Free, Adapter, PhysicalMemory, AdapterMemory, TrackedMemory };

// What a handle that was passed for a kind is.
enum class HandleState : std::uint8_t {
    Live,
    OtherKind,  // live, but of something else
    Ended,      // of something that is gone
    Unknown,    // never handed out by this table
};

class HandleTable {
public:
    // Handles of tables with different tags do not match each other's. 20 bits of the tag are used.
    explicit HandleTable(std::uint64_t tag) : tag_(tag & tag_mask) {}
    ~HandleTable();
    HandleTable(const HandleTable&) = delete;
    HandleTable& operator=(const HandleTable&) = delete;

    // Null when there is no memory or no slot left.
    HANDLE insert(HandleKind kind, void* target);

    // What the handle names; null unless it is a live handle of this kind from this table.
    void* find(HandleKind kind, HANDLE handle) const;

    HandleState state(HandleKind kind, HANDLE handle) const;

    // The handle is live.
    void remove(HANDLE handle);

private:
    struct Slot {
        void* target = nullptr;
        std::uint32_t generation = 1;
        std::uint32_t next_free = 0;
        HandleKind kind = HandleKind::Free;
    };

    static constexpr std::uint64_t tag_mask = (1u << 20) - 1;

    HANDLE handle_of(std::uint32_t index) const;
    const Slot* slot_of(HANDLE handle) const;
    bool grow();

    std::uint64_t tag_;
    Slot* slots_ = nullptr;
    std::uint32_t size_ = 0;  // slots that were ever used; slot 0 never is
    std::uint32_t capacity_ = 0;
    std::uint32_t first_free_ = 0;  // 0: none
    std::uint32_t last_free_ = 0;
};

}  // namespace remap::callbacks
