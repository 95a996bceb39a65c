// SPDX-License-Identifier: MIT
#include "iommu/lab/published_text.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

namespace remap::lab {
namespace {

using Word = std::atomic<std::uint64_t>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free);

constexpr unsigned most_attempts = 1000;

// How the memory is laid out. `generation` is odd while the rest is being replaced, and 0 before there is anything.
struct Head {
    Word generation;
    Word bytes;
};

std::size_t words_of(std::size_t bytes) { return (bytes + sizeof(Word) - 1) / sizeof(Word); }

std::size_t room_in(std::size_t memory) { return memory < sizeof(Head) ? 0 : memory - sizeof(Head); }

}  // namespace

std::size_t TextPublisher::room() const { return room_in(memory_.size()) / sizeof(Word) * sizeof(Word); }

// As in trace_layout.h: the fence keeps the words behind the mark.
bool TextPublisher::publish(std::string_view text) {
    if (text.size() > room()) return false;
    auto* const head = reinterpret_cast<Head*>(memory_.data());
    auto* const to = reinterpret_cast<Word*>(head + 1);
    head->generation.store(++generation_, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    head->bytes.store(text.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < words_of(text.size()); ++i) {
        std::uint64_t word = 0;
        const std::size_t from = i * sizeof word;
        std::memcpy(&word, text.data() + from, std::min(sizeof word, text.size() - from));
        to[i].store(word, std::memory_order_relaxed);
    }
    head->generation.store(++generation_, std::memory_order_release);
    return true;
}

std::optional<std::string> published_text(std::span<const std::byte> memory) {
    if (memory.size() < sizeof(Head)) return std::nullopt;
    const auto* const head = reinterpret_cast<const Head*>(memory.data());
    const auto* const from = reinterpret_cast<const Word*>(head + 1);
    std::vector<std::uint64_t> words;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        const std::uint64_t generation = head->generation.load(std::memory_order_acquire);
        if (generation == 0) return std::nullopt;
        const std::uint64_t bytes = head->bytes.load(std::memory_order_relaxed);
        if (generation % 2 != 0 || bytes > room_in(memory.size()) / sizeof(Word) * sizeof(Word)) continue;
        words.resize(words_of(bytes));
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = from[i].load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (head->generation.load(std::memory_order_relaxed) != generation) continue;
        return std::string(reinterpret_cast<const char*>(words.data()), bytes);
    }
    return std::nullopt;
}

}  // namespace remap::lab
