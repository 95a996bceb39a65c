// SPDX-License-Identifier: MIT
// What people call things: the names of the rules' language, of the tools and of the trace in text. Names are for good:
// files have them.
#pragma once

#include "iommu/lab/event.h"
#include "iommu/lab/rule.h"
#include "iommu/spec/fault_reasons.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remap::lab {

// "dma", "unit-interrupt"; "none" of None, and "unknown" of what is no kind.
std::string_view name_of(Kind kind);
std::optional<Kind> kind_of(std::string_view name);  // not of "none"

// "wrong-page"; "none" of None, and "unknown" of what is no deed.
std::string_view name_of(Deed deed);
std::optional<Deed> deed_of(std::string_view name);  // not of "none"

// Of one flag of an event of this kind: "no-snoop"; of a completion's: "writes". Empty when the bit has no meaning.
std::string_view name_of_flag(Kind kind, std::uint8_t flag);
std::optional<std::uint8_t> flag_of(Kind kind, std::string_view name);

// Of a reason its enumerator: "NoWrite". Empty when the specification's table has no such reason; None is not in it.
std::string_view name_of(vtd::FaultReason reason);
std::optional<vtd::FaultReason> reason_of(std::string_view name);
std::vector<std::string_view> reason_names();

// Of one of the unit's own interrupts (iommu::InterruptSource): "completion"; "unknown" of any other.
std::string_view name_of_unit_interrupt(std::uint32_t number);
std::optional<std::uint32_t> unit_interrupt_of(std::string_view name);

// A requester as people write it: bus, device and function, "00:02.0". The segment may be there and is 0000: these
// machines have one.
std::string text_of_source(std::uint16_t source);
std::optional<std::uint16_t> source_of(std::string_view text);

// Nanoseconds as the language writes them, exactly, in the largest unit that has no fraction: "10 ms". A time that is
// too long for 64 bits of nanoseconds, or is not written like this, is none.
std::string text_of_time(std::uint64_t nanoseconds);
std::optional<std::uint64_t> time_of(std::string_view text);

// An event in one line, without its time, lane and line end: `dma 00:02.0 write 0x1000 4096 -> 0x7f000`. Whatever is in
// the event, this is printable ASCII of at most some hundred characters.
std::string text_of(const Event& event);

}  // namespace remap::lab
