// SPDX-License-Identifier: MIT
#include "iommu/lab/objects.h"

#include <algorithm>

namespace remap::lab {

namespace {

constexpr std::uint64_t memory = 0;  // the one space of physical pages

std::uint64_t space_of(std::uint16_t source, std::uint32_t pasid) { return std::uint64_t{source} << 32 | pasid; }

// The pages that bytes from an address on touch, as far as there are addresses. Nothing where there are no bytes.
struct Pages {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};
Pages pages_touched(std::uint64_t address, std::uint64_t bytes) {
    if (bytes == 0) return {};
    const std::uint64_t last = bytes - 1 > ~address ? ~std::uint64_t{0} : address + (bytes - 1);
    return {address >> page_shift, (last >> page_shift) - (address >> page_shift) + 1};
}

}  // namespace

Objects::Objects(const ObjectLimits& limits)
    : limits_(limits), frames_(limits.frame_runs), mapped_(limits.mappings), mappings_(limits.mappings) {}

void Objects::happened(const Event& event) {
    switch (event.kind) {
        case Kind::Object:
        case Kind::Frames:
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Reset: break;
        default: return;
    }
    const std::lock_guard guard(lock_);
    switch (event.kind) {
        case Kind::Object: return object(event);
        case Kind::Frames: return frames(event);
        case Kind::Map: return map(event);
        case Kind::Unmap: return unmap(event);
        default: break;
    }
    if (event.source == no_source) clear();
}

// Whether an object is known, or can be from now on. Number 0 is nobody.
bool Objects::know(std::uint64_t number) {
    if (number == 0) return false;
    if (objects_.contains(number)) return true;
    if (objects_.size() >= limits_.objects) {
        ++left_out_;
        return false;
    }
    objects_.emplace(number, ObjectInfo{.number = number});
    return true;
}

void Objects::forget(std::uint64_t number) {
    frames_.remove_owner(number);
    mapped_.remove_owner(number);
    mappings_.remove_owner(number);
    objects_.erase(number);
}

// One that is created again is a new one, unless it was only heard of so far.
void Objects::object(const Event& event) {
    const std::uint64_t number = event.detail;
    const auto known = objects_.find(number);
    if ((event.flags & flag::ended) != 0) return forget(number);
    if (known != objects_.end() && known->second.announced) forget(number);
    if (!know(number)) return;
    objects_[number] = {
        .number = number, .announced = true, .sort = event.code, .length = event.length, .context = event.address};
}

void Objects::frames(const Event& event) {
    const Pages pages = pages_touched(event.address, event.length);
    if (pages.count == 0) return;
    const bool ended = (event.flags & flag::ended) != 0;
    if (ended || !know(event.detail)) return count(frames_.remove(memory, pages.first, pages.count));
    count(frames_.assign(memory, {pages.first, pages.count, event.detail, 0}));
}

void Objects::map(const Event& event) {
    const Pages logical = pages_touched(event.address, event.length);
    if (logical.count == 0) return;
    const std::uint64_t space = space_of(event.source, event.pasid);
    if (!know(event.detail)) return count(mappings_.remove(space, logical.first, logical.count));
    const std::uint64_t first = event.result >> page_shift;
    count(mappings_.assign(space, {logical.first, logical.count, event.detail, first}));
    const std::uint64_t pages = std::min(logical.count, (~std::uint64_t{0} >> page_shift) - first + 1);
    count(mapped_.assign(memory, {first, pages, event.detail, 0}));
}

// What was reached through a mapping stays the object's until somebody else's is there, or the object ends.
void Objects::unmap(const Event& event) {
    const Pages logical = pages_touched(event.address, event.length);
    count(mappings_.remove(space_of(event.source, event.pasid), logical.first, logical.count));
}

void Objects::clear() {
    objects_.clear();
    frames_.clear();
    mapped_.clear();
    mappings_.clear();
    left_out_ = 0;
}

OwnedRun Objects::owned_run(PhysicalPage first, std::uint64_t pages) const {
    const std::lock_guard guard(lock_);
    OwnedRun run{std::nullopt, pages};
    for (const OwnedRanges* const ranges : {&frames_, &mapped_}) {
        if (const auto range = ranges->find(memory, first.number)) {
            if (const auto found = objects_.find(range->owner); found != objects_.end()) run.owner = found->second;
            run.pages = std::min(run.pages, range->first + (range->pages - 1) - first.number + 1);
            return run;
        }
        if (const auto next = ranges->next_after(memory, first.number))
            run.pages = std::min(run.pages, *next - first.number);
    }
    return run;
}

std::optional<ObjectInfo> Objects::owner_of(PhysicalPage page) const { return owned_run(page, 1).owner; }

std::optional<ObjectInfo> Objects::find(std::uint64_t number) const {
    const std::lock_guard guard(lock_);
    const auto found = objects_.find(number);
    return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ObjectInfo> Objects::list(std::size_t most) const {
    const std::lock_guard guard(lock_);
    std::vector<ObjectInfo> all;
    for (auto next = objects_.begin(); next != objects_.end() && all.size() < most; ++next) all.push_back(next->second);
    return all;
}

std::vector<ObjectFrames> Objects::frames_of(std::uint64_t number, std::size_t most) const {
    const std::lock_guard guard(lock_);
    std::vector<ObjectFrames> all;
    frames_.each_of(number, [&](std::uint64_t, const OwnedRanges::Range& range) {
        if (all.size() >= most) return false;
        all.push_back({{range.first}, range.pages});
        return true;
    });
    return all;
}

namespace {

ObjectMapping mapping_of(std::uint64_t space, const OwnedRanges::Range& range) {
    return {.source = static_cast<std::uint16_t>(space >> 32),
            .pasid = static_cast<std::uint32_t>(space),
            .first = {range.first},
            .pages = range.pages,
            .memory = {range.target},
            .object = range.owner};
}

}  // namespace

std::vector<ObjectMapping> Objects::mappings_of(std::uint64_t number, std::size_t most) const {
    const std::lock_guard guard(lock_);
    std::vector<ObjectMapping> all;
    mappings_.each_of(number, [&](std::uint64_t space, const OwnedRanges::Range& range) {
        if (all.size() >= most) return false;
        all.push_back(mapping_of(space, range));
        return true;
    });
    return all;
}

std::optional<ObjectMapping> Objects::mapping_at(std::uint16_t source, std::uint32_t pasid, LogicalPage page) const {
    const std::lock_guard guard(lock_);
    const std::uint64_t space = space_of(source, pasid);
    const auto range = mappings_.find(space, page.number);
    return range ? std::optional(mapping_of(space, *range)) : std::nullopt;
}

std::uint64_t Objects::left_out() const {
    const std::lock_guard guard(lock_);
    return left_out_;
}

}  // namespace remap::lab
