// SPDX-License-Identifier: MIT
#include "callbacks/pe/problem.h"

#include <algorithm>

namespace remap::pe {

namespace {

Problem make(Error error, Place place, std::uint64_t where, std::uint64_t value, std::string_view name) {
    Problem problem{.error = error, .place = place, .where = where, .value = value};
    const std::size_t length = std::min<std::size_t>(name.size(), Problem::longest_name);
    std::copy_n(name.begin(), length, problem.name);
    return problem;
}

const char* sentence_of_headers(Error error) {
    switch (error) {
        case Error::None: return "no problem";
        case Error::TooShort: return "the file ends inside its headers";
        case Error::NoDosHeader: return "the file does not begin with MZ: it is no PE image";
        case Error::NoPeHeader: return "the DOS header does not lead to a PE signature";
        case Error::WrongMachine: return "the image is not for x64 (machine 0x8664)";
        case Error::NotExecutable: return "the image is marked as not executable: its linker reported errors";
        case Error::NotRelocatable: return "the image has no base relocations; link it with /DYNAMICBASE";
        case Error::WrongMagic: return "the optional header is not that of PE32+ (magic 0x20b)";
        case Error::BadOptionalHeader: return "the size of the optional header does not fit its directories";
        case Error::BadImageBase: return "the image base is not a multiple of 64 KiB";
        case Error::BadSectionAlignment: return "the section alignment is not a power of two of at least a page";
        case Error::BadFileAlignment: return "the file alignment is not a power of two of 512 to 65536";
        case Error::BadImageSize: return "SizeOfImage is 0, too large, or no multiple of the section alignment";
        case Error::BadHeaderSize: return "SizeOfHeaders does not cover the headers, or is larger than the file";
        case Error::NotADriver: return "the subsystem is not native (1): the image is no driver";
        case Error::WrongChecksum: return "the checksum does not match: the file is damaged";
        case Error::BadEntryPoint: return "the entry point does not lie in executable file data";
        case Error::ManagedCode: return "the image is managed code";
        case Error::DelayedImports: return "the image has delay-loaded imports, which drivers cannot have";
        default: return nullptr;
    }
}

const char* sentence_of_sections(Error error) {
    switch (error) {
        case Error::BadSectionCount: return "the number of sections is not in 1 to 96";
        case Error::MisalignedSection: return "the section's address is no multiple of the section alignment";
        case Error::OverlappingSection: return "the section begins before the end of what precedes it";
        case Error::SectionOutsideImage: return "the section ends beyond SizeOfImage";
        case Error::EmptySection: return "the section has no bytes";
        case Error::MisalignedData: return "the section's file data is not aligned as the file alignment says";
        case Error::DataOutsideFile: return "the section's file data is not inside the file";
        case Error::OverlappingData: return "the section's file data overlaps the headers or another section's";
        case Error::WritableCode: return "the section is both writable and executable, which HVCI forbids drivers";
        default: return nullptr;
    }
}

const char* sentence_of_tables(Error error) {
    switch (error) {
        case Error::RelocationsOutside: return "the base relocations are not inside file data";
        case Error::BadRelocationBlock: return "a block of base relocations has a wrong size or page";
        case Error::UnknownRelocation: return "a base relocation is of a type other than DIR64 (10)";
        case Error::RelocationOutside: return "a base relocation changes bytes outside the sections";
        case Error::ImportsOutside: return "the import descriptors are not inside file data, or do not end";
        case Error::BadImportDescriptor: return "an import descriptor lacks its module's name or its address table";
        case Error::BadImportTable: return "a table of imports is not inside file data, or does not end";
        case Error::BadImportName: return "an imported name is not inside file data, too long, or not printable";
        case Error::ImportByOrdinal: return "a routine is imported by ordinal; link against an import library by name";
        case Error::TooManyImports: return "the image has too many imports";
        case Error::LoadConfigOutside: return "the load configuration is not inside file data";
        case Error::BadSecurityCookie: return "the security cookie does not lie in a writable section";
        case Error::NoMemory: return "no memory for the image";
        case Error::NotProtected: return "the machine could not protect a section";
        case Error::MissingImports: return "nobody provides some of the routines that the image imports; the first";
        default: return nullptr;
    }
}

}  // namespace

const char* sentence_of(Error error) {
    const char* sentence = sentence_of_headers(error);
    if (sentence == nullptr) sentence = sentence_of_sections(error);
    if (sentence == nullptr) sentence = sentence_of_tables(error);
    return sentence != nullptr ? sentence : "unknown problem";
}

callbacks::Text Problem::sentence() const {
    callbacks::Text text;
    text.add(sentence_of(error));
    if (name[0] != '\0') text.add(": ").add(name);
    if (place == Place::Nowhere) return text;
    text.add(place == Place::File ? " (file offset " : " (RVA ").add_hex(where);
    if (value != 0) text.add(", value ").add_hex(value);
    text.add(")");
    return text;
}

Problem in_file(Error error, std::uint64_t offset, std::uint64_t value) {
    return make(error, Place::File, offset, value, {});
}

Problem in_image(Error error, std::uint64_t rva, std::uint64_t value, std::string_view name) {
    return make(error, Place::Image, rva, value, name);
}

}  // namespace remap::pe
