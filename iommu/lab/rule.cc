// SPDX-License-Identifier: MIT
#include "iommu/lab/rule.h"

#include "iommu/engine/observer.h"

#include <algorithm>

namespace remap::lab {
namespace {

using KindSet = std::uint64_t;
static_assert(kinds <= 64);

template <typename... Kinds>
constexpr KindSet set_of(Kinds... kind) {
    return (KindSet{0} | ... | (KindSet{1} << static_cast<unsigned>(kind)));
}

// What rules are about; the other kinds only happen, and a rule may wait for them.
constexpr KindSet any_kind = set_of(Kind::Dma, Kind::Translation, Kind::Entry, Kind::Interrupt, Kind::UnitInterrupt,
                                    Kind::Fault, Kind::Invalidation, Kind::Completion, Kind::DeviceInvalidation,
                                    Kind::PageRequest, Kind::PageAnswer, Kind::Packet);

constexpr KindSet kinds_of(Deed deed) {
    switch (deed) {
        case Deed::None: break;
        case Deed::Fault: return set_of(Kind::Translation, Kind::Interrupt, Kind::PageRequest);
        case Deed::Refuse: return set_of(Kind::Translation, Kind::Dma);
        case Deed::Delay:
            return set_of(Kind::Translation, Kind::Dma, Kind::Invalidation, Kind::Completion, Kind::PageAnswer,
                          Kind::DeviceInvalidation);
        case Deed::WrongPage: return set_of(Kind::Translation);
        case Deed::FlipBit: return set_of(Kind::Entry, Kind::Dma);
        case Deed::Drop:
            return set_of(Kind::Invalidation, Kind::Completion, Kind::Interrupt, Kind::UnitInterrupt,
                          Kind::DeviceInvalidation, Kind::PageRequest);
        case Deed::Silence: return set_of(Kind::DeviceInvalidation, Kind::PageAnswer);
        case Deed::Stick: return set_of(Kind::Invalidation, Kind::Completion);
        case Deed::FullLog: return set_of(Kind::Fault);
        case Deed::Interrupt:
        case Deed::Remove: return any_kind;
        case Deed::Hang: return set_of(Kind::Packet);
    }
    return 0;
}

// The bytes that an event touches from its address on. Lengths that are no bytes, or bytes of something else, are not
// taken for such: a translation is of one address, whatever the granule of its answer.
std::uint64_t bytes_of(const Event& event) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    switch (event.kind) {
        case Kind::Dma:
        case Kind::DeviceInvalidation:
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Frames: return event.length;
        case Kind::Invalidation:
            if ((event.code & 0xff) != static_cast<unsigned>(iommu::Invalidation::Scope::Pages)) return 1;
            return event.length > most / 4096 ? most : event.length * 4096;
        default: return 1;
    }
}

// Whether bytes from an address on, one at least, touch a range. What goes beyond the end of all addresses ends there.
bool touches(std::uint64_t address, std::uint64_t bytes, std::uint64_t first, std::uint64_t last) {
    const std::uint64_t more = std::max<std::uint64_t>(bytes, 1) - 1;
    const std::uint64_t end = address + std::min(more, ~address);
    return address <= last && end >= first;
}

}  // namespace

bool acts_on(Deed deed, Kind kind) {
    return static_cast<unsigned>(kind) < kinds && (kinds_of(deed) >> static_cast<unsigned>(kind) & 1) != 0;
}

bool Pattern::matches(const Event& event) const {
    if (event.kind != kind) return false;
    if (source && *source != event.source) return false;
    if (pasid && *pasid != event.pasid) return false;
    if (write && *write != ((event.flags & flag::write) != 0)) return false;
    if (code && *code != event.code) return false;
    if (kind == Kind::Entry && !touches(event.result, event.length, entry_first, entry_last)) return false;
    return touches(event.address, bytes_of(event), first, last);
}

}  // namespace remap::lab
