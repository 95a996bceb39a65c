// SPDX-License-Identifier: MIT
// The hosted machine's RAM: a shared memory object that several processes map. The process that creates it owns it and
// removes its name; others attach by name. Everything in it is offsets and page numbers, and what an attaching process
// reads from it is checked, for any process with access may have written it.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "iommu/lab/shared_object.h"

#include <boost/interprocess/mapped_region.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace remap::hosted {

// A run of installed memory. Host memory is used only for pages that are touched.
struct MemoryRange {
    PhysicalPage first;
    std::uint64_t pages = 0;
};

class Memory {
public:
    static constexpr std::size_t max_ranges = 16;
    static constexpr std::size_t directory_bytes = 4 * 1024 * 1024;

    // Creates the memory under a name of the form accepted by shm_open without its slash, for other processes to attach
    // to. A name that a crashed owner left is taken over. With an empty name the memory is this process's and its
    // children's alone. The error is a sentence for people.
    static Result<std::unique_ptr<Memory>, std::string> create(std::string name, std::span<const MemoryRange> ranges);

    // Attaches to memory that another process created.
    static Result<std::unique_ptr<Memory>, std::string> attach(const std::string& name);

    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    // Empty if others cannot attach.
    const std::string& name() const { return name_; }
    std::span<const MemoryRange> ranges() const { return ranges_; }

    // Access by physical address, across page and range borders where memory goes on. False, and nothing transferred,
    // unless all of it is installed memory.
    bool read(PhysicalAddress from, void* to, std::size_t bytes) const;
    bool write(PhysicalAddress to, const void* from, std::size_t bytes);

    // Takes an aligned 8-byte word from `expected` to `desired` in one step. False: it was another and stays. Nothing:
    // it is not installed memory.
    std::optional<bool> exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired);

    // Where a page lies in the shared memory object, in bytes; nothing if it is not installed.
    std::optional<std::uint64_t> offset_of(PhysicalPage page) const;

    // How much of a run lies side by side in the object from its first page on, and where; nothing if that page is not
    // installed.
    struct Piece {
        std::uint64_t offset = 0;  // bytes
        std::uint64_t pages = 0;
    };
    std::optional<Piece> piece_of(const MemoryRange& run) const;

    // Makes pages zero, and gives the host's memory for them back. Pages that are not installed are left out.
    void clear(const MemoryRange& run);

    // The whole page in this process's linear view of all memory; null if it is not installed.
    std::byte* bytes_of(PhysicalPage page) const;

    const lab::SharedObject& object() const { return object_; }

    // The directory of published objects, in front of the first range; see directory.h.
    std::span<std::byte> directory() const;

private:
    Memory() = default;

    std::string name_;
    bool owner_ = false;
    std::vector<MemoryRange> ranges_;
    lab::SharedObject object_;
    boost::interprocess::mapped_region all_;
};

}  // namespace remap::hosted
