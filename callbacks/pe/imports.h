// SPDX-License-Identifier: MIT
// The routines and variables of other modules that an image uses, and the places that want their addresses.
#pragma once

#include "callbacks/pe/image.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace remap::pe {

// Goes through them once, reading the file alone. Used as Relocations is.
class Imports {
public:
    static constexpr unsigned most = 65536;        // of all modules, names and descriptors together
    static constexpr unsigned longest_name = 511;  // bytes

    explicit Imports(const Image& image);

    // False at the end, and at a problem.
    bool next();

    // Printable, not empty, of the file.
    std::string_view module() const { return module_; }
    std::string_view name() const { return name_; }

    // RVA of 8 bytes that lie in one section.
    std::uint32_t slot() const { return slot_; }
    const Problem& problem() const { return problem_; }

private:
    bool begin_module();
    bool take_entry(std::uint64_t entry);
    bool read_name(std::uint64_t rva, std::string_view& name);
    bool fail(const Problem& problem);

    const Image& image_;
    std::span<const std::byte> descriptors_;  // those that are left
    std::span<const std::byte> lookups_;      // of the current module, those that are left
    std::uint32_t position_ = 0;              // RVA of descriptors_
    std::uint32_t next_slot_ = 0;
    std::uint32_t slot_ = 0;
    unsigned seen_ = 0;
    bool in_module_ = false;
    std::string_view module_;
    std::string_view name_;
    Problem problem_;
};

}  // namespace remap::pe
