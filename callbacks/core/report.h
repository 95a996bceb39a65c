// SPDX-License-Identifier: MIT
// What is reported about a driver: each finding of the verifier has a name, a bugcheck code, and a word on what to do.
#pragma once

#include "callbacks/names/names.h"

#include <array>
#include <cstdint>

namespace remap::callbacks {

// Who calls.
struct Caller {
    Callback callback{};
    const void* address = nullptr;  // where the callback returns to; null: not a driver's call
};

// What can be wrong. What is documented is reported with its own bugcheck, 0x1E4 VIDEO_DXGKRNL_SYSMM_FATAL_ERROR and
// its parameter 1; the rest with 0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION and the number here, which is this project's.
enum class Check : std::uint32_t {
    // Documented parameters 1 of bugcheck 0x1E4.
    InvalidObjectType = 1,
    UnlockedUnderAdls = 5,
    AdapterObjectsLeaked = 6,
    AdlsLeaked = 7,
    LogicalPoolLeaked = 8,
    ReattachFailed = 0xa,
    // Ours.
    NullArgument = 0x72001,
    WrongIrql,
    UnknownHandle,
    UseAfterClose,
    ForeignAdapterObject,
    ForeignAdl,
    UnknownAdl,
    ChangedAdl,
    ViewsLeft,
    UnknownView,
    WrongViewSize,
    WrongProcess,
    ReservedBits,
    MixedCacheTypes,
    LargeUncachedView,
    ObjectsLeaked,
    TrackingLeaked,
    DeprecatedCallback,
    NotLeadAdapter,
    UnlockedMdl,
    ChangedMdl,
    UsedFreedPages,
    CpuAddressGivenToGpu,
    UnmappedAccess,
    AccessDuringSwitch,
    ConflictingViews,
};

// The object that a finding is about.
struct Subject {
    std::uint64_t handle = 0;
    std::uint64_t context = 0;
    std::uint64_t number = 0;  // for traces: from 1 in the order of creation, never used twice; 0: none has it
};

struct CheckText {
    const char* name = "";    // "FreeOfForeignAdl": as in the enumeration
    const char* advice = "";  // what to do, a sentence
    bool stops = true;        // false: hardware would go on, with a mistake nobody sees; reported as a warning
};
const CheckText& text_of(Check check);

enum class Severity : std::uint8_t { Warning, Bugcheck };

// A finding about the driver. The texts are valid during the call of ReportPort::report only.
struct Report {
    Severity severity = Severity::Warning;
    Check check{};
    std::uint32_t code = 0;                     // of the bugcheck: 0x1E4 or 0xC4; of a warning: 0
    std::array<std::uint64_t, 4> parameters{};  // 1: the check's number; 2: object; 3: Context; 4: caller
    Callback callback{};
    const void* caller = nullptr;  // the address behind the driver's call; null: not a driver's call
    std::uint64_t object = 0;      // its handle; 0: none is concerned
    std::uint64_t context = 0;     // its Context, as Create got it
    const char* message = "";      // what was wrong: a sentence for people, without newline
    const char* advice = "";       // what to do
};

// How a machine stopped, for what outlives the report. The kernel services have the code and the parameter only.
struct Bugcheck {
    Check check{};
    std::uint32_t code = 0;
    std::uint64_t parameter = 0;  // 1
    Callback callback{};
    const void* caller = nullptr;
    std::uint64_t object = 0;
    std::uint64_t context = 0;
};

}  // namespace remap::callbacks
