// SPDX-License-Identifier: MIT
// Why an image was refused: what is wrong and where, as a value and as a sentence.
#pragma once

#include "callbacks/core/findings.h"

#include <cstdint>
#include <string_view>

namespace remap::pe {

enum class Error : std::uint8_t {
    None,
    // The file and its headers.
    TooShort,
    NoDosHeader,
    NoPeHeader,
    WrongMachine,
    NotExecutable,
    NotRelocatable,
    WrongMagic,
    BadOptionalHeader,
    BadImageBase,
    BadSectionAlignment,
    BadFileAlignment,
    BadImageSize,
    BadHeaderSize,
    NotADriver,
    WrongChecksum,
    BadEntryPoint,
    ManagedCode,
    DelayedImports,
    // The section table.
    BadSectionCount,
    MisalignedSection,
    OverlappingSection,
    SectionOutsideImage,
    EmptySection,
    MisalignedData,
    DataOutsideFile,
    OverlappingData,
    WritableCode,
    // Base relocations.
    RelocationsOutside,
    BadRelocationBlock,
    UnknownRelocation,
    RelocationOutside,
    // Imports.
    ImportsOutside,
    BadImportDescriptor,
    BadImportTable,
    BadImportName,
    ImportByOrdinal,
    TooManyImports,
    // The load configuration.
    LoadConfigOutside,
    BadSecurityCookie,
    // The machine that loads.
    NoMemory,
    NotProtected,
    MissingImports,
};

// Where a problem's `where` counts from.
enum class Place : std::uint8_t { Nowhere, File, Image };

// `None` when all is well. Kept by value: nothing in it refers to the file.
struct Problem {
    static constexpr unsigned longest_name = 63;

    Error error = Error::None;
    Place place = Place::Nowhere;
    std::uint64_t where = 0;           // a byte of the file, or of the image in memory (an RVA)
    std::uint64_t value = 0;           // what was found there, where that helps
    char name[longest_name + 1] = {};  // the section, module or routine it is about; cut off when longer

    explicit operator bool() const { return error != Error::None; }

    // The error in words, with place, value and name.
    callbacks::Text sentence() const;
};

Problem in_file(Error error, std::uint64_t offset, std::uint64_t value = 0);
Problem in_image(Error error, std::uint64_t rva, std::uint64_t value = 0, std::string_view name = {});

// What is wrong, without the particulars.
const char* sentence_of(Error error);

}  // namespace remap::pe
