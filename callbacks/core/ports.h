// SPDX-License-Identifier: MIT
// The machine as the callbacks see it: frames of physical memory, CPU views of them, DMA domains, where a call comes
// from, the driver's own DDIs, and a place for reports. Each machine (the bare-metal guest, the hosted one) implements
// them. Frames, views and domains of a Dxgkrnl object are called by one thread at a time.
#pragma once

#include "base/address.h"
#include "callbacks/core/execution_port.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/report.h"
#include "callbacks/core/view.h"
#include "callbacks/core/view_audit.h"
#include "callbacks/ddk/ntddk.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::callbacks {

struct FrameRequest {
    std::uint64_t pages = 0;
    PhysicalPage lowest{};       // lowest page that may be used
    PhysicalPage highest{};      // highest page that may be used
    std::uint64_t boundary = 0;  // pages, a power of two; a contiguous run crosses no multiple of it; 0: no limit
    bool contiguous = false;
};

class FramePort {
public:
    // Appends request.pages zeroed frames that nobody else owns, or changes nothing and returns false. A request that
    // is not contiguous may be answered with frames in any order and place.
    virtual bool allocate(const FrameRequest& request, FrameList& frames) = 0;
    virtual void free(const FrameList& frames) = 0;

    // Copies the content of frames to others, as many, which no view shows. False when it cannot: nothing is lost.
    virtual bool copy(const FrameList& from, const FrameList& to) = 0;

    // The highest page of installed memory.
    virtual PhysicalPage highest_installed() const = 0;

    // Whether any page of the range is installed memory that the machine manages.
    virtual bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const = 0;

protected:
    ~FramePort() = default;
};

class CpuViewPort {
public:
    // The page-aligned base of a new view, or null when there is no address space or no memory for tables.
    virtual void* map(const ViewRequest& request) = 0;

    // Ends a view made by map, in whatever process it is (`process` is the one that made it). On return no CPU reaches
    // the frames through it any more.
    virtual void unmap(void* base, std::uint64_t pages, std::uint64_t process) = 0;

    // A part of a view is about to change its frames: until show, whoever touches it waits or is stopped; no store that
    // was done before is lost. show puts frames behind it (as many as hold named) and lets go on. Neither can fail, as
    // the view has its tables.
    virtual void hold(void* part, std::uint64_t pages, std::uint64_t process) = 0;
    virtual void show(void* part, const ViewRequest& request, std::uint64_t process) = 0;

    // All views of the driver's; who makes and ends one says so.
    ViewAudit audit;

protected:
    ~CpuViewPort() = default;
};

// What the devices of an adapter reach.
enum class Attachment : std::uint8_t {
    Nothing,       // every access is refused
    Untranslated,  // physical memory, with physical addresses
    Domain,        // what is mapped in the adapter's domain
};

// An access that an IOMMU refused.
struct DmaFault {
    LogicalAddress address;
    bool write = false;
};

// The IOMMU in front of one logical adapter: its domain, and all its devices.
class DmaPort {
public:
    // Maps pages that are not mapped to consecutive physical pages, for reading and writing. All or nothing: false when
    // there is no memory for tables.
    virtual bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) = 0;

    // On return every access of the adapter to these pages is refused: tables changed and caches invalidated.
    virtual void unmap(LogicalPage first, std::uint64_t pages) = 0;

    // Bits of logical address that the IOMMU translates, for example 39 or 48.
    virtual unsigned address_width() const = 0;

    // Switches all devices of the adapter. Before the first call they reach nothing. False when there is no memory for
    // tables; then they reach what they did. Nothing cannot fail.
    virtual bool attach(Attachment to) = 0;

    // The oldest refused access of one of the adapter's devices that was not taken yet.
    virtual std::optional<DmaFault> take_fault() = 0;

    // All devices of the adapter by source id, where they have one.
    virtual std::span<const std::uint16_t> sources() const { return {}; }

protected:
    ~DmaPort() = default;
};

// The driver of one logical adapter: the DDIs that the callbacks' side calls. Called without any lock.
class DriverPort {
public:
    // DxgkDdiBeginExclusiveAccess and DxgkDdiEndExclusiveAccess: between them the devices are silent on the bus.
    virtual NTSTATUS begin_exclusive_access() = 0;
    virtual NTSTATUS end_exclusive_access() = 0;

protected:
    ~DriverPort() = default;
};

class ReportPort {
public:
    // A bugcheck may return (tests); the callback has then gone on as its description in callbacks/ddk/d3dkmddi.h says.
    // It may as well not return. Called at the end of a callback, without any lock, by any thread.
    virtual void report(const Report& report) = 0;

protected:
    ~ReportPort() = default;
};

}  // namespace remap::callbacks
