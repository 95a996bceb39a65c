// SPDX-License-Identifier: MIT
// The machine as the callbacks see it: frames of physical memory, CPU views of them, and DMA domains. Each machine (the
// bare-metal guest, the hosted one) implements the three. No port is called concurrently by one Dxgkrnl object.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <span>

namespace remap::callbacks {

enum class CacheType : std::uint8_t { Uncached, WriteBack, WriteCombined };
enum class AccessMode : std::uint8_t { Kernel, User };

struct FrameRequest {
    std::uint64_t pages = 0;
    PhysicalPage lowest{};       // lowest page that may be used
    PhysicalPage highest{};      // highest page that may be used
    std::uint64_t boundary = 0;  // pages, a power of two; a contiguous run crosses no multiple of it; 0: no limit
    bool contiguous = false;
};

class FramePort {
public:
    // Fills `frames` (request.pages long) with zeroed frames that nobody else owns, or changes nothing and returns
    // false. A request that is not contiguous may be answered with frames in any order and place.
    virtual bool allocate(const FrameRequest& request, std::span<PhysicalPage> frames) = 0;
    virtual void free(std::span<const PhysicalPage> frames) = 0;

    // The highest page of installed memory.
    virtual PhysicalPage highest_installed() const = 0;

    // Whether any page of the range is installed memory that the machine manages.
    virtual bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const = 0;

protected:
    ~FramePort() = default;
};

struct ViewRequest {
    std::span<const PhysicalPage> frames;  // mapped side by side, in this order
    CacheType cache = CacheType::WriteBack;
    AccessMode mode = AccessMode::Kernel;  // User: in the process that calls
    bool writable = true;
};

class CpuViewPort {
public:
    // The page-aligned base of a new view, or null when there is no address space or no memory for tables.
    virtual void* map(const ViewRequest& request) = 0;

    // Ends a view made by map, in whatever process it is. On return no CPU reaches the frames through it any more.
    virtual void unmap(void* base, std::uint64_t pages) = 0;

    // A number that tells processes apart, for user views. One process: any constant.
    virtual std::uint64_t current_process() const = 0;

protected:
    ~CpuViewPort() = default;
};

// The address space in which the DMA of one logical adapter happens.
class DmaDomainPort {
public:
    // Maps pages that are not mapped to consecutive physical pages, for reading and writing. All or nothing: false when
    // there is no memory for tables.
    virtual bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) = 0;

    // On return every access of the adapter to these pages is refused: tables changed and caches invalidated.
    virtual void unmap(LogicalPage first, std::uint64_t pages) = 0;

    // Bits of logical address that the IOMMU translates, for example 39 or 48.
    virtual unsigned address_width() const = 0;

protected:
    ~DmaDomainPort() = default;
};

enum class Severity : std::uint8_t { Warning, Bugcheck };

// A finding about the driver: what a real system would answer with a bugcheck, or a mistake that hardware would punish.
struct Report {
    Severity severity = Severity::Warning;
    std::uint32_t code = 0;       // Bugcheck: for example 0x1E4; Warning: 0
    std::uint64_t parameter = 0;  // Bugcheck: parameter 1; Warning: a Check of callbacks/core/findings.h
    const char* message = "";     // a sentence for people, without newline; valid during the call only
};

class ReportPort {
public:
    // A bugcheck may return (tests); the callback then goes on as its description in callbacks/ddk/d3dkmddi.h says.
    // Called while the machine is locked: it must not call the machine.
    virtual void report(const Report& report) = 0;

protected:
    ~ReportPort() = default;
};

}  // namespace remap::callbacks
