// SPDX-License-Identifier: MIT
#include "tools/export/injection_targets.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace remap::tools {
namespace {

constexpr std::size_t farthest = 512;  // events; what lies farther was caused by something else

class Targets {
public:
    explicit Targets(std::span<const lab::Event> events) : events_(events) {}

    std::optional<std::size_t> take(std::size_t injection) {
        const std::size_t end = std::min(events_.size(), injection + 1 + farthest);
        for (std::size_t i = injection + 1; i < end; ++i)
            if (fits(events_[injection], i)) return i;
        const std::size_t begin = injection > farthest ? injection - farthest : 0;
        for (std::size_t i = injection; i-- > begin;)
            if (fits(events_[injection], i)) return i;
        return std::nullopt;
    }

private:
    bool fits(const lab::Event& injection, std::size_t i) {
        const lab::Event& event = events_[i];
        return static_cast<std::uint64_t>(event.kind) == injection.result && event.source == injection.source &&
               (event.flags & lab::flag::tampered) != 0 && event.kind != lab::Kind::Injection &&
               taken_.insert(i).second;
    }

    std::span<const lab::Event> events_;
    std::unordered_set<std::size_t> taken_;
};

}  // namespace

std::vector<InjectionTarget> injection_targets(std::span<const lab::Event> events) {
    std::vector<InjectionTarget> found;
    Targets targets(events);
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (events[i].kind != lab::Kind::Injection) continue;
        if (const auto target = targets.take(i)) found.push_back({i, *target});
    }
    return found;
}

}  // namespace remap::tools
