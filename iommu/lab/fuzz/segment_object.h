// SPDX-License-Identifier: MIT
// The control segment that an input of the target `segment` works on.
#pragma once

#include "base/fuzz/input.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/layout.h"
#include "iommu/lab/mailbox.h"
#include "iommu/lab/published_text.h"
#include "iommu/lab/recorder.h"
#include "iommu/lab/rule_ledger.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

namespace remap::fuzz {

using namespace lab;

inline constexpr TraceShape shape{2, 2, least_lane_bytes};
inline constexpr std::uint64_t lane_records = least_lane_bytes / sizeof(TraceRecord);
inline constexpr std::uint64_t most_bytes = 8 * 1024 * 1024;  // of the object: more than a whole segment of this shape

inline void fill(std::span<std::byte> memory, SegmentHeader& header) {
    header.magic = segment_magic;
    header.version = segment_version;
    header.header_bytes = sizeof header;
    header.stage = static_cast<std::uint32_t>(Stage::Running);
    std::strcpy(header.name.data(), "fuzzed");
    std::strcpy(header.build.data(), "1.0");
    std::memcpy(memory.data(), &header, sizeof header);
    const auto part = [&](Part which) { return memory.subspan(header.place(which).offset, header.place(which).bytes); };
    Recorder recorder;
    std::uint64_t time = 0;
    recorder.use(part(Part::Trace), shape, {[](void* at) { return ++*static_cast<std::uint64_t*>(at); }, &time});
    for (std::uint64_t i = 0; i < 2 * kinds; ++i)
        recorder.record({.kind = static_cast<Kind>(1 + i % (kinds - 1)), .source = 0x10, .address = i});
    recorder.record_copy({.source = 0x10, .bytes = 16, .read_address = 0x1000, .write_address = 0x2000});
    recorder.record_injection({.kind = Kind::Injection, .address = 1});
    recorder.refresh();
    auto& counters = *reinterpret_cast<CounterTable*>(part(Part::Counters).data());
    counters.sources[0] = 0x11;
    counters.words[0][0] = 7;
    const RuleLedger ledger{7, {{0, "our rule", Kind::Dma, Deed::Refuse, {3, 2, 1}, false}}};
    TextPublisher(part(Part::Rules)).publish(text_of(ledger));
}

// The object, and what it is put back to for each input: a whole segment, of which only few pages are not zero.
class Object {
public:
    Object() : object_(std::move(*SharedObject::create(place(), is_segment_remains))) {
        lay_out(header, {shape.bytes(), sizeof(CounterTable), most_rules * sizeof(RuleCounter), sizeof(MailboxLayout),
                         rules_text_bytes});
        require(header.bytes < most_bytes, "a whole segment is among the sizes", header.bytes);
        struct alignas(segment_page) Page {
            std::array<std::byte, segment_page> bytes;
        };
        const std::vector<Page> none(header.bytes / segment_page);
        std::vector<Page> all = none;
        fill({all[0].bytes.data(), header.bytes}, header);
        for (std::size_t i = 0; i < all.size(); ++i)
            if (all[i].bytes != none[i].bytes) pages_[i * segment_page] = all[i].bytes;
    }
    ~Object() { SharedObject::remove(place()); }

    static ObjectPlace place() { return place_of_machine("fuzz-" + std::to_string(::getpid())); }

    void put_back() const {
        (void)object_.resize(0);
        (void)object_.resize(header.bytes);
        for (const auto& [offset, bytes] : pages_) write(offset, bytes.data(), bytes.size());
    }
    void resize(std::uint64_t bytes) const { (void)object_.resize(bytes); }
    std::uint64_t size() const { return object_.size(); }

    // As a stranger does, not through a mapping; and not beyond the end.
    void write(std::uint64_t offset, const void* from, std::size_t bytes) const {
        if (offset >= size()) return;
        bytes = std::min<std::uint64_t>(bytes, size() - offset);
        (void)!::pwrite(object_.descriptor(), from, bytes, static_cast<off_t>(offset));
    }
    std::uint64_t word(std::uint64_t offset) const {
        std::uint64_t word = 0;
        (void)object_.read(offset, &word, sizeof word);
        return word;
    }
    const SharedObject& shared() const { return object_; }

    SegmentHeader header;  // as it is in a whole one

private:
    mutable SharedObject object_;
    std::map<std::uint64_t, std::array<std::byte, segment_page>> pages_;
};

inline const Object& object() {
    static const Object it;
    return it;
}

}  // namespace remap::fuzz
