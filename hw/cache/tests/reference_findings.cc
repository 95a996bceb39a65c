// SPDX-License-Identifier: MIT
#include "hw/cache/tests/reference.h"

#include <algorithm>

namespace remap::cache::test {

const Reference::Event* Reference::newest(std::uint64_t address) const {
    for (auto event = history_.rbegin(); event != history_.rend(); ++event) {
        if (address >= event->first && address < event->first + event->bytes) return &*event;
    }
    return nullptr;
}

namespace {

Finding finding_of(const std::vector<std::uint64_t>& bytes) {
    Finding finding;
    finding.first = {bytes.front()};
    finding.bytes = bytes.back() - bytes.front() + 1;
    return finding;
}

}  // namespace

void Reference::judge(std::uint64_t line, std::uint64_t first, std::uint64_t bytes, bool copy, const Origin* load,
                      const DmaOrigin* dma) {
    std::vector<std::uint64_t> old;
    for (std::uint64_t byte = first; byte < first + bytes; ++byte) {
        if ((copy ? cache_[byte] : memory_[byte]) != coherent(byte)) old.push_back(byte);
    }
    if (old.empty()) return;
    Finding finding = finding_of(old);
    if (load != nullptr) finding.load = *load;
    if (dma != nullptr) finding.dma = *dma;
    const std::uint64_t byte = old[0];
    const Event* maker = newest(byte);
    if (maker != nullptr && maker->store) finding.store = maker->store;
    if (memory_[byte] == coherent(byte)) {
        finding.kind = maker->dma ? FindingKind::StaleRead : FindingKind::StaleAliasRead;
        if (maker->dma) finding.dma = maker->dma;
    } else if (const Combined* entry = combined(byte)) {
        finding.kind = FindingKind::UndrainedStore;
        finding.store = entry->origin;
    } else if (is_dirty(line) && cache_[byte] == coherent(byte)) {
        finding.kind = load != nullptr ? FindingKind::StaleAliasRead : FindingKind::MissedFlush;
        if (!finding.store) finding.store = dirtied(line)->second;  // a device wrote the same value
        for (const Flushed& flushed : flushed_) {
            if (dma == nullptr || flushed.line != line || !flushed.writes) continue;
            if (flushed.contents.at(byte) == coherent(byte)) finding.kind = FindingKind::MissedFence;
        }
    } else {
        return;  // only a clean copy has it, or nobody: it was lost before
    }
    found_.push_back(finding);
}

void Reference::lost(FindingKind kind, std::uint64_t, const std::vector<std::uint64_t>& bytes, const Origin& by) {
    if (bytes.empty()) return;
    Finding finding = finding_of(bytes);
    finding.kind = kind;
    finding.store = by;
    const Event* maker = newest(bytes[0]);
    finding.dma = maker->dma;
    finding.lost = maker->store;
    found_.push_back(finding);
}

}  // namespace remap::cache::test
