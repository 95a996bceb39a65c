// SPDX-License-Identifier: MIT
#include "callbacks/lab/event_witness.h"

namespace remap::callbacks {

using spec::lab::DriverEvent;
using spec::lab::DriverKind;

namespace {

std::uint64_t number_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

// How a view was asked for, in the code of its event.
std::uint32_t code_of(const LiveView& view) {
    return static_cast<std::uint32_t>(view.cache) << 8 | (view.mode == AccessMode::User ? 2u : 0u) |
           (view.writable ? 1u : 0u);
}

}  // namespace

void EventWitness::call_began(const Caller& caller) {
    port_.post({.kind = DriverKind::Call,
                .code = static_cast<std::uint32_t>(caller.callback),
                .address = number_of(caller.address)});
}

void EventWitness::call_ended(const Caller& caller, NTSTATUS status, std::uint64_t object) {
    port_.post({.kind = DriverKind::Return,
                .flags = NT_SUCCESS(status) ? std::uint8_t{0} : spec::lab::flag_refused,
                .code = static_cast<std::uint32_t>(caller.callback),
                .address = number_of(caller.address),
                .result = static_cast<std::uint32_t>(status),
                .detail = object});
}

void EventWitness::post_object(const WitnessedObject& object, std::uint8_t flags) {
    port_.post({.kind = DriverKind::Object,
                .flags = flags,
                .code = static_cast<std::uint32_t>(object.sort),
                .address = object.subject.context,
                .length = object.pages << page_shift,
                .result = object.subject.handle,
                .detail = object.subject.number});
}

void EventWitness::post_frames(const WitnessedObject& object, const FrameList& frames) {
    std::uint64_t offset = 0;
    frames.for_each_run(0, object.pages, [&](FrameRun run) {
        const std::uint64_t length = run.pages << page_shift;
        port_.post({.kind = DriverKind::Frames,
                    .address = run.first.address().value,
                    .length = length,
                    .result = offset,
                    .detail = object.subject.number});
        offset += length;
        return true;
    });
}

void EventWitness::object_made(const WitnessedObject& object, const FrameList& frames) {
    post_object(object, 0);
    post_frames(object, frames);
}

void EventWitness::object_moved(const WitnessedObject& object, const FrameList& left, const FrameList& frames) {
    left.for_each_run([&](FrameRun run) {
        port_.post({.kind = DriverKind::Frames,
                    .flags = spec::lab::flag_ended,
                    .address = run.first.address().value,
                    .length = run.pages << page_shift,
                    .detail = object.subject.number});
        return true;
    });
    post_frames(object, frames);
}

void EventWitness::object_ended(const WitnessedObject& object) { post_object(object, spec::lab::flag_ended); }

void EventWitness::post_reach(DriverKind kind, const WitnessedReach& reach) {
    for (const std::uint16_t source : reach.sources)
        port_.post({.kind = kind,
                    .source = source,
                    .address = reach.first.address().value,
                    .length = reach.pages << page_shift,
                    .result = reach.to.address().value,
                    .detail = reach.object});
}

void EventWitness::mapped(const WitnessedReach& reach) { post_reach(DriverKind::Map, reach); }

void EventWitness::unmapped(const WitnessedReach& reach) { post_reach(DriverKind::Unmap, reach); }

void EventWitness::view_made(const LiveView& view, const FrameList& frames, std::uint64_t first) {
    std::uint64_t address = number_of(view.base);
    frames.for_each_run(first, view.pages, [&](FrameRun run) {
        const std::uint64_t length = run.pages << page_shift;
        port_.post({.kind = DriverKind::Map,
                    .code = code_of(view),
                    .address = address,
                    .length = length,
                    .result = run.first.address().value,
                    .detail = view.origin.object.number});
        address += length;
        return true;
    });
}

void EventWitness::view_ended(const LiveView& view) {
    port_.post({.kind = DriverKind::Unmap,
                .code = code_of(view),
                .address = number_of(view.base),
                .length = view.pages << page_shift,
                .detail = view.origin.object.number});
}

}  // namespace remap::callbacks
