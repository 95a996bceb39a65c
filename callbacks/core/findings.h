// SPDX-License-Identifier: MIT
// What the callbacks report about a driver: the documented bugchecks of this area, and checks of this project.
#pragma once

#include "callbacks/core/ports.h"

#include <cstddef>
#include <cstdint>

namespace remap::callbacks {

// Parameter 1 of bugcheck 0x1E4 VIDEO_DXGKRNL_SYSMM_FATAL_ERROR, as documented.
enum class Fatal : std::uint64_t {
    UnlockedUnderAdls = 5,
    AdapterObjectsLeaked = 6,
    AdlsLeaked = 7,
    LogicalPoolLeaked = 8,
};

// Reports of Severity::Warning carry one of these as their parameter; their code is 0.
enum class Check : std::uint64_t {
    NullArgument = 1,          // a callback without a status got no argument structure
    BadHandle = 2,             // a handle that is stale, of another kind, of another machine, or never was one
    ForeignAdapterObject = 3,  // Destroy: the adapter memory object belongs to another object
    ViewsLeft = 4,             // Destroy or stop with CPU views of the object left
    UnknownView = 5,           // Unmap: the object has no view at this base
    WrongViewSize = 6,         // Unmap: not the size that Map returned
    WrongProcess = 7,          // Unmap: a user view of another process
    UnknownAdl = 8,            // FreeAdl: not a list of this adapter memory object
    ChangedAdl = 9,            // FreeAdl: the driver wrote to the list
    MixedCacheTypes = 10,      // Create: an IO range with two cache types
    ObjectsLeaked = 11,        // the machine ends with physical memory objects left
};

// A line of text of bounded length; what does not fit is cut off.
class Text {
public:
    Text& add(const char* words);
    Text& add_number(std::uint64_t number);
    Text& add_hex(std::uint64_t number);
    const char* c_str() const { return text_; }

private:
    void add_digits(std::uint64_t number, unsigned base);
    void add_character(char character);

    char text_[192] = {};
    std::size_t length_ = 0;
};

class Findings {
public:
    explicit Findings(ReportPort& port) : port_(port) {}

    void fatal(Fatal parameter, const Text& text);
    void warn(Check check, const Text& text);

private:
    ReportPort& port_;
};

}  // namespace remap::callbacks
