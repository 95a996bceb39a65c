// SPDX-License-Identifier: MIT
// Page requests of the function (PCIe's PRI): the one that the packet in execution waits for, and those that nobody
// waits for any more, because their packet was abandoned, but which are still to be answered.
//
// The engine asks; answers come on any thread.
#pragma once

#include "hw/gpu/translation.h"
#include "hw/spec/gpu_registers.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

namespace remap::gpu {

class PageRequester {
public:
    // Of requests at a time; software may allow less. A group index has 9 bits.
    static constexpr unsigned most = spec::pci_function::most_page_requests;
    static constexpr std::uint16_t most_group = 511;

    // Answers that say the page is there, while it is not: after so many the access is given up.
    static constexpr unsigned most_attempts = 16;

    enum class Next : std::uint8_t {
        Send,    // the request goes out, with this group
        Wait,    // an answer is to come before there can be more
        GiveUp,  // the page will not come
    };
    struct Step {
        Next next = Next::GiveUp;
        std::uint16_t group = 0;
    };

    // What to do about a page that is not there; asked again each time the access is tried.
    Step want(const PageWish& wish, std::uint32_t allowed_at_a_time);

    // An access was made. Whether it was the one for which a page was wanted.
    bool satisfied(const PageWish& wish);

    // Nobody wants the page any more.
    void forget_wish();

    // Whether there is nothing to do but wait.
    bool is_waiting() const;

    // Any thread. False: no request of this group is to be answered.
    bool answer(const PageAnswer& answer);

    // Any thread, as all that follows. A failure ends all requests until it is cleared.
    PageRequestStatus status() const;
    void clear(const PageRequestStatus& which);

    // PRI is switched off: the page that is wanted now will not come.
    void deny();
    void reset();

    template <typename Archive>
    void state(Archive& archive);

private:
    // Queued: as many are open as may be.
    enum class Stage : std::uint8_t { None, Ready, Queued, Asked, Granted, Denied };

    struct Current {
        Stage stage = Stage::None;
        std::uint64_t page = 0;  // address
        bool write = false;
        std::uint16_t group = 0;
        std::uint32_t attempts = 0;

        bool is_for(const PageWish& wish) const;
    };

    std::uint16_t take_group();
    bool is_open(std::uint16_t group) const;
    Step send(std::uint32_t allowed_at_a_time);

    mutable std::mutex lock_;
    Current current_;
    std::array<std::optional<std::uint16_t>, most> open_{};  // groups that are to be answered
    std::uint16_t next_group_ = 0;
    bool failed_ = false;
    bool unexpected_ = false;
};

}  // namespace remap::gpu
