// SPDX-License-Identifier: MIT
// Events in one line each. The fields come from traces that anybody may have written: every value has a text.
#include "callbacks/names/names.h"
#include "iommu/engine/observer.h"
#include "iommu/lab/names.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace remap::lab {
namespace {

class Line {
public:
    explicit Line(const Event& event) : event_(event), text_(name_of(event.kind)) {}

    template <typename... Values>
    Line& add(fmt::format_string<Values...> format, Values&&... values) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
        return *this;
    }

    // Who, and what kind of access, as far as it is known.
    Line& who() {
        if (event_.source != no_source) add(" {}", text_of_source(event_.source));
        if (event_.pasid != no_pasid) add(" pasid {}", event_.pasid);
        return *this;
    }
    Line& access() {
        add(" {}", has(flag::write) ? "write" : "read");
        return flags(flag::no_snoop | flag::translated | flag::asks | flag::privileged);
    }
    Line& flags(unsigned shown) {
        for (unsigned bit = 1; bit <= flag::tampered; bit <<= 1)
            if ((event_.flags & shown & bit) != 0)
                add(" {}", name_of_flag(event_.kind, static_cast<std::uint8_t>(bit)));
        return *this;
    }
    Line& address() { return add(" {:#x}", event_.address); }
    Line& reason() {
        return add(
            ": {} ({:#x})",
            event_.code < 0x100 ? vtd::text_of(static_cast<vtd::FaultReason>(event_.code)) : "unknown fault reason",
            event_.code);
    }
    Line& fate() {
        static constexpr std::string_view fates[] = {"recorded", "collapsed", "lost", "silenced"};
        static_assert(static_cast<unsigned>(iommu::FaultFate::Silenced) == 3);
        if (event_.detail < std::size(fates)) return add(", {}", fates[event_.detail]);
        return add(", fate {}", event_.detail);
    }
    bool has(std::uint8_t flag) const { return (event_.flags & flag) != 0; }

    std::string end() {
        if (has(flag::tampered)) text_ += ", tampered";
        return std::move(text_);
    }

private:
    const Event& event_;
    std::string text_;
};

std::string_view name_of_invalidated(std::uint32_t what) {
    static constexpr std::string_view names[] = {"contexts", "pasid-entries", "translations", "pasid-translations",
                                                 "interrupt-entries"};
    return what < std::size(names) ? names[what] : "unknown";
}

std::string_view name_of_scope(std::uint32_t scope) {
    static constexpr std::string_view names[] = {"all", "domain", "device", "pasid", "pages", "entries"};
    return scope < std::size(names) ? names[scope] : "unknown";
}

void add_access(Line& line, const Event& event) {
    line.who().access().address();
    switch (event.kind) {
        case Kind::Dma:
            line.add(" {}", event.length);
            if (line.has(flag::refused))
                line.add(" refused");
            else
                line.add(" -> {:#x}", event.result);
            return;
        case Kind::Translation:
            if (event.code != 0)
                line.reason();
            else if (line.has(flag::refused))
                line.add(" refused");
            else
                line.add(" -> {:#x}, granule {}", event.result, event.length);
            return;
        case Kind::Walk: line.add(", entry {:#x} at {:#x}", event.detail, event.result); return;
        case Kind::Entry: line.add(", {} bytes at {:#x}", event.length, event.result); return;
        case Kind::StaleUse: line.add(" -> {:#x}, the tables say {:#x}", event.result, event.detail); return;
        case Kind::PageRequest: line.add(", group {}", event.detail); return;
        default: line.reason().fate(); return;  // Fault, PageRequestFault
    }
}

void add_command(Line& line, const Event& event) {
    switch (event.kind) {
        case Kind::Invalidation: {
            const std::string_view scope = name_of_scope(event.code & 0xff);
            line.add(" {} of {}", name_of_invalidated(event.code >> 8), scope).who();
            if (scope == "domain") line.add(" {}", event.detail);
            if (scope == "pages" || scope == "pasid") line.add(" domain {}", event.detail);
            if (scope == "pages" || scope == "entries") line.address().add(", {} {}", event.length, scope);
            return;
        }
        case Kind::Completion:
            if (line.has(flag::writes)) line.add(" {:#x} <- {:#x}", event.address, event.detail);
            line.flags(flag::interrupts);
            return;
        case Kind::QueueStopped: line.add(" error {} at {:#x}", event.code, event.detail); return;
        case Kind::DeviceInvalidation: line.who().address().add(" {}, tag {}", event.length, event.detail); return;
        case Kind::DeviceAnswer: line.who().add(" tag {}", event.detail); return;
        default: line.who().add(" group {}, code {}", event.detail, event.code); return;  // PageAnswer
    }
}

void add_interrupt(Line& line, const Event& event) {
    if (event.kind == Kind::InterruptFault) {
        line.who().add(" index {}", event.address).reason().fate();
        return;
    }
    if (event.kind == Kind::UnitInterrupt) line.add(" {}", name_of_unit_interrupt(event.code));
    line.who().address().add(" data {:#x}", event.detail);
    if (event.kind == Kind::UnitInterrupt) return;
    if (line.has(flag::refused))
        line.add(" refused");
    else
        line.add(" -> {:#x}", event.result);
}

void add_driver_side(Line& line, const Event& event) {
    line.who();
    switch (event.kind) {
        case Kind::Packet:
            line.address().add(", opcode {:#x}, to {:#x}, from {:#x}", event.code, event.detail, event.result);
            return;
        case Kind::Halt: line.address().add(", cause {}, entry {:#x}", event.code, event.detail); return;
        case Kind::Map: line.address().add(" {} -> {:#x}, object {}", event.length, event.result, event.detail); return;
        case Kind::Unmap: line.address().add(" {}, object {}", event.length, event.detail); return;
        case Kind::Object:
            line.add(" {} {}, {}, {} bytes, context {:#x}, handle {:#x}", event.detail,
                     line.has(flag::ended) ? "destroyed" : "created", callbacks::name_of_sort(event.code), event.length,
                     event.address, event.result);
            return;
        case Kind::Frames:
            line.address().add(" {}, object {} at {:#x}", event.length, event.detail, event.result);
            return;
        case Kind::Call: line.add(" {} by {:#x}", callbacks::name_of_callback(event.code), event.address); return;
        default:  // Return
            line.add(" {} by {:#x}, status {:#x}, object {}", callbacks::name_of_callback(event.code), event.address,
                     event.result, event.detail);
            return;
    }
}

}  // namespace

std::string text_of(const Event& event) {
    Line line(event);
    switch (event.kind) {
        case Kind::Dma:
        case Kind::Translation:
        case Kind::Walk:
        case Kind::Entry:
        case Kind::StaleUse:
        case Kind::PageRequest:
        case Kind::Fault:
        case Kind::PageRequestFault: add_access(line, event); break;
        case Kind::Interrupt:
        case Kind::UnitInterrupt:
        case Kind::InterruptFault: add_interrupt(line, event); break;
        case Kind::Invalidation:
        case Kind::Completion:
        case Kind::QueueStopped:
        case Kind::DeviceInvalidation:
        case Kind::DeviceAnswer:
        case Kind::PageAnswer: add_command(line, event); break;
        case Kind::Packet:
        case Kind::Halt:
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Object:
        case Kind::Frames:
        case Kind::Call:
        case Kind::Return: add_driver_side(line, event); break;
        case Kind::Injection:
            line.who().add(" rule {}, {} times, on {}", event.code, event.detail,
                           event.result < kinds ? name_of(static_cast<Kind>(event.result)) : "unknown");
            break;
        case Kind::Rules: line.add(" {}, seed {}", event.code, event.detail); break;
        case Kind::Reset: line.who(); break;
        default: line.add(" {}", static_cast<unsigned>(event.kind)); break;
    }
    return line.end();
}

}  // namespace remap::lab
