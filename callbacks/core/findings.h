// SPDX-License-Identifier: MIT
// What one call of a driver brought to light. Findings are kept while the machine is locked and delivered after,
// because a bugcheck need not return.
#pragma once

#include "callbacks/core/ports.h"
#include "callbacks/core/report.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace remap::callbacks {

// A line of text of bounded length; what does not fit is cut off.
class Text {
public:
    Text& add(const char* words);
    Text& add_number(std::uint64_t number);
    Text& add_hex(std::uint64_t number);
    Text& add_pointer(const void* pointer) { return add_hex(reinterpret_cast<std::uintptr_t>(pointer)); }
    const char* c_str() const { return text_; }

private:
    void add_digits(std::uint64_t number, unsigned base);
    void add_character(char character);

    char text_[320] = {};
    std::size_t length_ = 0;
};

class Findings {
public:
    explicit Findings(const Caller& caller) : caller_(caller) {}
    Findings(const Findings&) = delete;
    Findings& operator=(const Findings&) = delete;

    const Caller& caller() const { return caller_; }
    bool empty() const { return count_ == 0; }

    // The object that the call is about, as soon as that is clear.
    void concerns(const Subject& subject) { object_ = subject.number; }
    std::uint64_t object() const { return object_; }

    // Keeps a finding. No call makes more than `most`; what is more is not kept.
    void add(Check check, const Text& text, const Subject& subject = {});

    // Reports what was kept, in order. With `verify`, checks of this project stop the machine as documented ones do;
    // without, they are warnings.
    void deliver(ReportPort& port, bool verify);

private:
    static constexpr std::size_t most = 8;

    struct Kept {
        Check check{};
        Subject subject;
        Text text;
    };

    const Caller caller_;
    std::array<Kept, most> kept_;
    std::size_t count_ = 0;
    std::uint64_t object_ = 0;
};

}  // namespace remap::callbacks
