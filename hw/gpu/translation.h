// SPDX-License-Identifier: MIT
// What a function with process address spaces and a translation cache of its own (PCIe's PASID, ATS and PRI) says and
// is told on the bus.
#pragma once

#include "base/address.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::gpu {

// In whose name memory is accessed: the function's own, or that of a process.
struct Context {
    std::optional<std::uint32_t> pasid = {};
    bool privileged = false;  // only with a PASID
    friend bool operator==(const Context&, const Context&) = default;
};

// What an access carries besides its address. A translated one belongs to no context any more.
struct AccessKind {
    Context context = {};
    bool translated = false;
    bool snoop = true;  // as in BusAddress
};

// A page, or rights to it, that the function needs to have.
struct PageWish {
    Context context;
    LogicalAddress address;
    bool write = false;  // else reading
};

// What a translation request is answered: nothing else counts when it was refused.
struct Translated {
    bool refused = false;
    bool readable = false;
    bool writable = false;
    bool untranslated_only = false;  // the memory is there, but not for translated accesses
    bool snooped = false;            // N: accesses to it have to snoop
    std::uint64_t address = 0;       // of the very byte asked for
    std::uint64_t granule = 0;       // bytes around it that translate alike: a power of two, at least a page
};

// What the cache has to forget.
struct Invalidation {
    std::uint64_t first = 0, last = 0;        // bytes
    std::optional<std::uint32_t> pasid = {};  // nothing: translations without one
    bool every_pasid = false;                 // whatever the PASID, if there is one
    std::uint64_t tag = 0;                    // given back with the answer

    template <typename Archive>
    void state(Archive& archive);
};

// The answer to a page request: the response codes of PRI, of which every other is a failure too.
struct PageAnswer {
    static constexpr unsigned success = 0, invalid_request = 1;

    std::uint16_t group = 0;
    unsigned code = success;
};

// The bus for such a function. Called on the engine thread without any lock of the model held; only page requests may
// be answered from within the call.
class TranslationPort {
public:
    // As BusPort's. An access lies in one page.
    virtual bool read(const AccessKind& kind, std::uint64_t from, void* to, std::size_t bytes) = 0;
    virtual bool write(const AccessKind& kind, std::uint64_t to, const void* from, std::size_t bytes) = 0;

    virtual Translated translate(const PageWish& wish) = 0;

    // Answered by Gpu::answer_page, sooner or later.
    virtual void request_page(const PageWish& wish, std::uint16_t group) = 0;

    // An invalidation is obeyed: nothing that was cached before is used any more.
    virtual void invalidated(std::uint64_t tag) = 0;

protected:
    ~TranslationPort() = default;
};

// What software has enabled for the function.
struct TranslationServices {
    bool cache = false;          // ATS
    bool page_requests = false;  // PRI
    bool pasid = false;
    bool privileged = false;               // only with `pasid`
    std::uint32_t most_page_requests = 0;  // at a time
    bool no_snoop = true;                  // Enable No Snoop of Device Control, which a reset sets
    friend bool operator==(const TranslationServices&, const TranslationServices&) = default;
};

// What the function says of its page requests.
struct PageRequestStatus {
    bool failed = false;             // one met a response failure: no more are made until this is cleared
    bool unexpected_answer = false;  // one came for a group that nobody asked for
    bool idle = true;                // no answer is to come
};

}  // namespace remap::gpu
