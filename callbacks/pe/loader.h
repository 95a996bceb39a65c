// SPDX-License-Identifier: MIT
// A driver image in memory: sections laid out, relocated, bound to the routines it imports, and protected.
// Freestanding.
#pragma once

#include "callbacks/pe/image.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace remap::pe {

// Memory for images, of the machine that loads.
class MemoryPort {
public:
    // Pages of zeros side by side, readable and writable by the kernel alone, at a page boundary; null: none.
    virtual std::byte* allocate(std::uint64_t pages) = 0;

    // What may be done with some of these pages from now on; no right at all: every access faults. False: the machine
    // has no memory for it.
    virtual bool protect(std::byte* first, std::uint64_t pages, const Rights& rights) = 0;

    // Everything that one allocate gave, whatever its protection.
    virtual void free(std::byte* base, std::uint64_t pages) = 0;

    // 64 bits that a driver cannot guess.
    virtual std::uint64_t random() = 0;

protected:
    ~MemoryPort() = default;
};

// The modules that a driver may import from.
class ModulePort {
public:
    // The address of a routine of the Microsoft calling convention, or of a variable; null: no such module (compared
    // without case, as "NTOSKRNL.EXE" and "ntoskrnl.exe" are one) or no such name (compared with it).
    virtual const void* find(std::string_view module, std::string_view name) const = 0;

protected:
    ~ModulePort() = default;
};

// Modules by their tables.
struct Export {
    std::string_view name;
    const void* address = nullptr;
};

struct ExportTable {
    std::string_view module;
    std::span<const Export> exports;
};

class ExportTables final : public ModulePort {
public:
    explicit ExportTables(std::span<const ExportTable> tables) : tables_(tables) {}
    const void* find(std::string_view module, std::string_view name) const override { return look_up(module, name); }

private:
    const void* look_up(std::string_view module, std::string_view name) const;

    std::span<const ExportTable> tables_;
};

// Hears of each import that nobody provides.
class MissingImports {
public:
    virtual void missing(std::string_view module, std::string_view name) = 0;

protected:
    ~MissingImports() = default;
};

class LoadedImage {
public:
    explicit LoadedImage(MemoryPort& memory) : memory_(memory) {}
    ~LoadedImage() { unload(); }
    LoadedImage(const LoadedImage&) = delete;
    LoadedImage& operator=(const LoadedImage&) = delete;

    // Loads a file, which is not needed any more afterwards. With a problem nothing is loaded; after
    // Error::MissingImports `missing` has heard of all of them. Loading twice unloads what was there.
    Problem load(std::span<const std::byte> file, const ModulePort& modules, MissingImports& missing);

    // Takes the rights on the discardable sections away, as Windows frees them when DriverEntry has returned: a driver
    // that still uses its initialisation code or data faults.
    void discard_initialisation();

    // Frees the memory. No code of the image may run or be called any more.
    void unload();

    bool loaded() const { return base_ != nullptr; }
    std::byte* base() const { return base_; }
    std::uint64_t bytes() const { return loaded() ? image_.bytes() : 0; }

    // The entry point; null when nothing is loaded.
    const void* entry() const { return loaded() ? base_ + image_.entry_point() : nullptr; }

    bool contains(const void* address) const {
        return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(base_) < bytes();
    }
    const Image& image() const { return image_; }

private:
    void lay_out();
    void relocate();
    Problem bind(const ModulePort& modules, MissingImports& missing);
    void set_security_cookie();
    Problem protect();

    std::uint64_t read(std::uint32_t rva) const;
    void write(std::uint32_t rva, std::uint64_t value);

    MemoryPort& memory_;
    Image image_;
    std::byte* base_ = nullptr;
};

}  // namespace remap::pe
