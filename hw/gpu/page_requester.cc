// SPDX-License-Identifier: MIT
#include "hw/gpu/page_requester.h"

#include <algorithm>
#include <utility>

namespace remap::gpu {

namespace {

std::uint64_t page_of(const PageWish& wish) { return wish.address.value & ~(page_size - 1); }

}  // namespace

bool PageRequester::Current::is_for(const PageWish& wish) const {
    return stage != Stage::None && page == page_of(wish) && write == wish.write;
}

bool PageRequester::is_open(std::uint16_t group) const {
    return std::ranges::find(open_, std::optional(group)) != open_.end();
}

std::uint16_t PageRequester::take_group() {
    const auto next = [](std::uint16_t group) { return group == most_group ? 0 : group + 1; };
    while (is_open(next_group_)) next_group_ = static_cast<std::uint16_t>(next(next_group_));
    return std::exchange(next_group_, static_cast<std::uint16_t>(next(next_group_)));
}

PageRequester::Step PageRequester::want(const PageWish& wish, std::uint32_t allowed_at_a_time) {
    const std::lock_guard guard(lock_);
    if (!current_.is_for(wish)) current_ = {.stage = Stage::Ready, .page = page_of(wish), .write = wish.write};
    if (failed_ || allowed_at_a_time == 0) current_.stage = Stage::Denied;
    switch (current_.stage) {
        case Stage::Asked:
        case Stage::Queued: return {Next::Wait};
        case Stage::Granted:
            if (++current_.attempts >= most_attempts) break;
            return send(allowed_at_a_time);
        case Stage::Ready: return send(allowed_at_a_time);
        case Stage::Denied:
        case Stage::None: break;
    }
    current_ = {};
    return {Next::GiveUp};
}

PageRequester::Step PageRequester::send(std::uint32_t allowed_at_a_time) {
    const auto used = std::ranges::count_if(open_, [](const auto& one) { return one.has_value(); });
    if (static_cast<std::uint32_t>(used) >= std::min<std::uint32_t>(most, allowed_at_a_time)) {
        current_.stage = Stage::Queued;
        return {Next::Wait};
    }
    current_.stage = Stage::Asked;
    current_.group = take_group();
    *std::ranges::find_if(open_, [](const auto& one) { return !one.has_value(); }) = current_.group;
    return {Next::Send, current_.group};
}

bool PageRequester::satisfied(const PageWish& wish) {
    const std::lock_guard guard(lock_);
    if (!current_.is_for(wish)) return false;
    current_ = {};
    return true;
}

void PageRequester::forget_wish() {
    const std::lock_guard guard(lock_);
    current_ = {};
}

bool PageRequester::is_waiting() const {
    const std::lock_guard guard(lock_);
    return current_.stage == Stage::Asked || current_.stage == Stage::Queued;
}

bool PageRequester::answer(const PageAnswer& answer) {
    const std::lock_guard guard(lock_);
    const auto place = std::ranges::find(open_, std::optional(answer.group));
    if (place == open_.end()) {
        unexpected_ = true;
        return false;
    }
    place->reset();
    const bool granted = answer.code == PageAnswer::success;
    failed_ |= !granted && answer.code != PageAnswer::invalid_request;
    if (current_.stage == Stage::Asked && current_.group == answer.group)
        current_.stage = granted ? Stage::Granted : Stage::Denied;
    if (current_.stage == Stage::Queued) current_.stage = Stage::Ready;
    return true;
}

PageRequestStatus PageRequester::status() const {
    const std::lock_guard guard(lock_);
    const bool idle = std::ranges::all_of(open_, [](const auto& group) { return !group.has_value(); });
    return {.failed = failed_, .unexpected_answer = unexpected_, .idle = idle};
}

void PageRequester::clear(const PageRequestStatus& which) {
    const std::lock_guard guard(lock_);
    failed_ = failed_ && !which.failed;
    unexpected_ = unexpected_ && !which.unexpected_answer;
}

void PageRequester::deny() {
    const std::lock_guard guard(lock_);
    if (current_.stage != Stage::None) current_.stage = Stage::Denied;
}

void PageRequester::reset() {
    const std::lock_guard guard(lock_);
    current_ = {};
    open_ = {};
    failed_ = unexpected_ = false;
    next_group_ = 0;
}

}  // namespace remap::gpu
