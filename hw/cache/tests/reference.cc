// SPDX-License-Identifier: MIT
#include "hw/cache/tests/reference.h"

#include <algorithm>

namespace remap::cache::test {

bool Reference::cached_type(MemoryType type) {
    return type == MemoryType::WriteBack || type == MemoryType::WriteThrough || type == MemoryType::WriteProtected;
}

// visit(line, first, bytes) for each line of a range.
template <typename Visit>
void Reference::lines(std::uint64_t first, std::uint64_t bytes, Visit&& visit) {
    const std::uint64_t end = first + bytes;
    while (first < end) {
        const std::uint64_t line = first / 64 * 64;
        const std::uint64_t stop = std::min(end, line + 64);
        visit(line, first, stop - first);
        first = stop;
    }
}

void Reference::fetch(std::uint64_t line) {
    for (std::uint64_t byte = line; byte < line + 64; ++byte) cache_[byte] = memory_[byte];
    copies_.insert(line);
}

void Reference::drop(std::uint64_t line) {
    copies_.erase(line);
    std::erase_if(dirty_, [&](const auto& entry) { return entry.first == line; });
    std::erase_if(flushed_, [&](const Flushed& flushed) { return flushed.line == line; });
}

void Reference::write_back(std::uint64_t line) {
    const auto dirty = dirtied(line);
    if (dirty == dirty_.end()) return;
    std::vector<std::uint64_t> gone;
    for (std::uint64_t byte = line; byte < line + 64; ++byte) {
        const bool newest_in_memory = memory_[byte] == coherent(byte);
        if (newest_in_memory && cache_[byte] != coherent(byte)) gone.push_back(byte);
    }
    lost(FindingKind::OverwrittenByLine, line, gone, dirty->second);
    if (options_.mode == Mode::Report) {
        for (const std::uint64_t byte : gone) cache_[byte] = coherent(byte);
    }
    for (std::uint64_t byte = line; byte < line + 64; ++byte) memory_[byte] = cache_[byte];
    dirty_.erase(dirty);
    for (Flushed& flushed : flushed_) {
        if (flushed.line == line) flushed.writes = false;
    }
    std::erase_if(flushed_, [&](const Flushed& f) { return f.line == line && !f.drops && !f.writes; });
}

void Reference::heal(std::uint64_t line) {
    for (std::uint64_t byte = line; byte < line + 64; ++byte) {
        if (memory_[byte] == coherent(byte)) continue;
        if (cached(line) && cache_[byte] == coherent(byte)) continue;
        if (combined(byte) != nullptr) continue;
        coherent_[byte] = memory_[byte];
    }
    // A flush of a line of which everybody has the same bytes has nothing to do.
    for (std::uint64_t byte = line; byte < line + 64; ++byte) {
        if (memory_[byte] != coherent(byte)) return;
        if (cached(line) && cache_[byte] != coherent(byte)) return;
    }
    if (is_dirty(line)) return;
    if (std::any_of(combined_.begin(), combined_.end(),
                    [&](const Combined& e) { return e.address / 64 * 64 == line; })) {
        return;
    }
    std::erase_if(flushed_, [&](const Flushed& flushed) { return flushed.line == line; });
}

Reference::Dirty::const_iterator Reference::dirtied(std::uint64_t line) const {
    return std::find_if(dirty_.begin(), dirty_.end(), [&](const auto& entry) { return entry.first == line; });
}

const Reference::Combined* Reference::combined(std::uint64_t address) const {
    // A byte of a buffer is what its processor stored last.
    std::map<unsigned, const Combined*> last;
    for (const Combined& entry : combined_) {
        if (entry.address == address) last[entry.cpu] = &entry;
    }
    for (const auto& [cpu, entry] : last) {
        if (entry->value == coherent(address)) return entry;
    }
    return nullptr;
}

std::vector<std::uint64_t> Reference::buffers(unsigned cpu) const {
    std::vector<std::uint64_t> found;
    for (const Combined& entry : combined_) {
        const std::uint64_t line = entry.address / 64 * 64;
        if (entry.cpu == cpu && std::find(found.begin(), found.end(), line) == found.end()) found.push_back(line);
    }
    return found;
}

void Reference::empty(unsigned cpu, std::uint64_t line) {
    std::map<std::uint64_t, Combined> last;
    for (const Combined& entry : combined_) {
        if (entry.cpu == cpu && entry.address / 64 * 64 == line) last.insert_or_assign(entry.address, entry);
    }
    std::vector<std::uint64_t> gone;
    for (const auto& [byte, entry] : last) {
        if (memory_[byte] == coherent(byte) && entry.value != coherent(byte)) gone.push_back(byte);
    }
    if (!gone.empty()) lost(FindingKind::OverwrittenByStore, line, gone, last.at(gone[0]).origin);
    for (const auto& [byte, entry] : last) {
        const bool kept = options_.mode == Mode::Report && std::count(gone.begin(), gone.end(), byte) != 0;
        if (!kept) memory_[byte] = entry.value;
    }
    std::erase_if(combined_, [&](const Combined& e) { return e.cpu == cpu && e.address / 64 * 64 == line; });
    heal(line);
}

void Reference::empty_all(unsigned cpu) {
    for (const std::uint64_t line : buffers(cpu)) empty(cpu, line);
}

void Reference::prepare(const Origin& origin, std::uint64_t line) {
    const bool cacheable = cached_type(origin.type);
    if (!cacheable && origin.type != MemoryType::WriteCombining) {
        empty_all(origin.cpu);
    } else {
        empty(origin.cpu, line);
    }
    may_fetch_[line / 4096] = cacheable;
}

std::vector<std::uint8_t> Reference::load(const CpuAccess& access) {
    std::vector<std::uint8_t> got;
    lines(access.address.value, access.bytes, [&](std::uint64_t line, std::uint64_t first, std::uint64_t bytes) {
        Origin origin = access.origin;
        origin.address = origin.address + (first - access.address.value);
        prepare(origin, line);
        const bool copy = cached_type(origin.type);
        if (copy && !cached(line)) fetch(line);
        judge(line, first, bytes, copy, &origin, nullptr);
        for (std::uint64_t byte = first; byte < first + bytes; ++byte) {
            const std::uint8_t seen = copy ? cache_[byte] : memory_[byte];
            got.push_back(options_.mode == Mode::Report ? coherent(byte) : seen);
        }
    });
    return got;
}

void Reference::store(const CpuAccess& access, const std::vector<std::uint8_t>& from) {
    lines(access.address.value, access.bytes, [&](std::uint64_t line, std::uint64_t first, std::uint64_t bytes) {
        const std::uint64_t done = first - access.address.value;
        Origin origin = access.origin;
        origin.address = origin.address + done;
        const bool non_temporal = access.non_temporal && cached_type(origin.type);
        if (non_temporal && cached(line)) {
            write_back(line);
            drop(line);
            heal(line);
        }
        const MemoryType type = non_temporal ? MemoryType::WriteCombining : origin.type;
        if (type == MemoryType::WriteCombining) {
            const std::vector<std::uint64_t> own = buffers(origin.cpu);
            const bool there = std::count(own.begin(), own.end(), line) != 0;
            if (!there && own.size() >= options_.buffers) empty(origin.cpu, own[0]);
            may_fetch_[line / 4096] = non_temporal;
        } else {
            prepare(origin, line);
        }
        if (type == MemoryType::WriteProtected) {
            write_back(line);
            drop(line);
        }
        if (type == MemoryType::WriteBack) {
            if (!cached(line)) fetch(line);
            if (!is_dirty(line)) dirty_.emplace_back(line, origin);
        }
        for (std::uint64_t i = 0; i < bytes; ++i) {
            const std::uint64_t byte = first + i;
            const std::uint8_t newest = coherent_[byte] = from[done + i];
            switch (type) {
                case MemoryType::WriteCombining: combined_.push_back({origin.cpu, byte, newest, origin}); continue;
                case MemoryType::WriteBack: cache_[byte] = newest; break;
                case MemoryType::WriteThrough:
                    memory_[byte] = newest;
                    if (cached(line)) cache_[byte] = newest;
                    break;
                default: memory_[byte] = newest;
            }
            for (Flushed& flushed : flushed_) {
                if (flushed.line != line) continue;
                if (type == MemoryType::WriteBack) flushed.again = true;
                if (type == MemoryType::WriteThrough) flushed.contents[byte] = newest;
            }
        }
        history_.push_back({first, bytes, origin, std::nullopt});
        heal(line);
        evict();
    });
}

std::vector<std::uint8_t> Reference::dma_read(const DmaAccess& access) {
    std::vector<std::uint8_t> got;
    lines(access.address.value, access.origin.bytes, [&](std::uint64_t line, std::uint64_t first, std::uint64_t bytes) {
        if (access.origin.snoop) write_back(line);
        judge(line, first, bytes, false, nullptr, &access.origin);
        for (std::uint64_t byte = first; byte < first + bytes; ++byte) {
            got.push_back(options_.mode == Mode::Report ? coherent(byte) : memory_[byte]);
        }
        heal(line);
    });
    return got;
}

void Reference::dma_write(const DmaAccess& access, const std::vector<std::uint8_t>& from) {
    lines(access.address.value, access.origin.bytes, [&](std::uint64_t line, std::uint64_t first, std::uint64_t bytes) {
        if (access.origin.snoop) {
            write_back(line);
            drop(line);
        } else if (options_.speculation && may_fetch_[line / 4096]) {
            if (!cached(line)) fetch(line);
            for (Flushed& flushed : flushed_) {
                if (flushed.line == line) flushed.drops = false;
            }
            std::erase_if(flushed_, [&](const Flushed& f) { return f.line == line && !f.writes; });
        }
        for (std::uint64_t byte = first; byte < first + bytes; ++byte) {
            coherent_[byte] = memory_[byte] = from[byte - access.address.value];
        }
        history_.push_back({first, bytes, std::nullopt, access.origin});
        heal(line);
    });
}

bool Reference::pending(unsigned cpu) const {
    return std::any_of(combined_.begin(), combined_.end(), [&](const Combined& e) { return e.cpu == cpu; }) ||
           std::any_of(flushed_.begin(), flushed_.end(), [&](const Flushed& f) { return f.origin.cpu == cpu; });
}

std::uint64_t Reference::outstanding() const {
    std::set<std::uint64_t> lines;
    for (const auto& [line, origin] : dirty_) lines.insert(line);
    for (const Combined& entry : combined_) lines.insert(entry.address / 64 * 64);
    return lines.size();
}

}  // namespace remap::cache::test
