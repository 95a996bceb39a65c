// SPDX-License-Identifier: MIT
#include "tools/export/trace_names.h"

#include "callbacks/names/names.h"

#include <string_view>

namespace remap::tools {
namespace {

// A number that nobody has named stays one.
void name_number(std::map<std::uint32_t, std::string>& names, std::uint32_t number, std::string_view name) {
    if (name != "?") names.try_emplace(number, name);
}

}  // namespace

void add_names(TraceContext& context, std::span<const lab::Event> events) {
    for (const lab::Event& event : events) {
        switch (event.kind) {
            case lab::Kind::Packet:
            case lab::Kind::Halt:
                if (event.source != lab::no_source) context.devices.try_emplace(event.source, "GPU");
                break;
            case lab::Kind::Call:
            case lab::Kind::Return:
                name_number(context.callbacks, event.code, callbacks::name_of_callback(event.code));
                break;
            case lab::Kind::Object:
                name_number(context.object_sorts, event.code, callbacks::name_of_sort(event.code));
                break;
            default: break;
        }
    }
}

}  // namespace remap::tools
