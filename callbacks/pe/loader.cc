// SPDX-License-Identifier: MIT
#include "callbacks/pe/loader.h"

#include "base/address.h"
#include "callbacks/pe/imports.h"
#include "callbacks/pe/load_config.h"
#include "callbacks/pe/relocations.h"

#include <algorithm>
#include <cstring>

namespace remap::pe {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_module(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const void* ExportTables::look_up(std::string_view module, std::string_view name) const {
    for (const ExportTable& table : tables_) {
        if (!same_module(table.module, module)) continue;
        const auto found = std::ranges::find(table.exports, name, &Export::name);
        if (found != table.exports.end()) return found->address;
    }
    return nullptr;
}

Problem LoadedImage::load(std::span<const std::byte> file, const ModulePort& modules, MissingImports& missing) {
    unload();
    auto parsed = Image::parse(file);
    if (!parsed) return parsed.error();
    image_ = *parsed;
    base_ = memory_.allocate(pages_of(image_.bytes()));
    if (base_ == nullptr) return {.error = Error::NoMemory};
    lay_out();
    relocate();
    set_security_cookie();
    Problem problem = bind(modules, missing);
    if (!problem) problem = protect();
    if (problem) unload();
    image_.leave_file();
    return problem;
}

void LoadedImage::unload() {
    if (base_ != nullptr) memory_.free(base_, pages_of(image_.bytes()));
    base_ = nullptr;
}

void LoadedImage::lay_out() {
    std::memcpy(base_, image_.headers().data(), image_.header_bytes());
    for (const Section& section : image_.sections()) {
        const auto data = image_.data_of(section);
        if (!data.empty()) std::memcpy(base_ + section.address, data.data(), data.size());
    }
}

void LoadedImage::relocate() {
    const std::uint64_t difference = reinterpret_cast<std::uint64_t>(base_) - image_.preferred_base();
    Relocations places(image_);
    while (places.next()) write(places.place(), read(places.place()) + difference);
}

// Goes on after a missing one, so that all of them are named at once.
Problem LoadedImage::bind(const ModulePort& modules, MissingImports& missing) {
    Problem problem;
    Imports imports(image_);
    while (imports.next()) {
        if (const void* address = modules.find(imports.module(), imports.name())) {
            write(imports.slot(), reinterpret_cast<std::uint64_t>(address));
            continue;
        }
        if (!problem) problem = in_image(Error::MissingImports, imports.slot(), 0, imports.name());
        missing.missing(imports.module(), imports.name());
    }
    return problem;
}

void LoadedImage::set_security_cookie() {
    const auto cookie = find_security_cookie(image_);
    if (cookie && *cookie != 0) write(*cookie, fresh_security_cookie(read(*cookie), memory_.random()));
}

Problem LoadedImage::protect() {
    std::uint64_t done = pages_of(image_.header_bytes());
    bool good = memory_.protect(base_, done, {.read = true});
    for (const Section& section : image_.sections()) {
        const std::uint64_t first = section.address >> page_shift;
        const std::uint64_t pages = pages_of(section.bytes);
        if (first > done) good = good && memory_.protect(base_ + (done << page_shift), first - done, {});
        good = good && memory_.protect(base_ + section.address, pages, section.rights);
        if (!good) return in_image(Error::NotProtected, section.address, 0, section.name);
        done = first + pages;
    }
    const std::uint64_t all = pages_of(image_.bytes());
    if (all > done) good = memory_.protect(base_ + (done << page_shift), all - done, {});
    return good ? Problem{} : in_image(Error::NotProtected, done << page_shift);
}

void LoadedImage::discard_initialisation() {
    if (!loaded()) return;
    for (const Section& section : image_.sections())
        if (section.discardable) memory_.protect(base_ + section.address, pages_of(section.bytes), {});
}

std::uint64_t LoadedImage::read(std::uint32_t rva) const {
    std::uint64_t value;
    std::memcpy(&value, base_ + rva, sizeof value);
    return value;
}

void LoadedImage::write(std::uint32_t rva, std::uint64_t value) { std::memcpy(base_ + rva, &value, sizeof value); }

}  // namespace remap::pe
