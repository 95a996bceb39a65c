// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/boot_info.h"

#include "guest-tests/runtime/exit.h"

#include <algorithm>

namespace remap::guest {

namespace {

// struct hvm_start_info and struct hvm_memmap_table_entry of the PVH boot ABI (Xen, public/arch-x86/hvm/start_info.h).
struct StartInfo {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint32_t modules;
    std::uint64_t module_list;
    std::uint64_t command_line;
    std::uint64_t rsdp;
    std::uint64_t memory_map;  // from version 1 on
    std::uint32_t memory_map_entries;
    std::uint32_t reserved;
};
static_assert(sizeof(StartInfo) == 56);

struct MapEntry {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint32_t type;
    std::uint32_t reserved;
};
static_assert(sizeof(MapEntry) == 24);

// struct hvm_modlist_entry of the same.
struct ModuleEntry {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint64_t command_line;
    std::uint64_t reserved;
};
static_assert(sizeof(ModuleEntry) == 32);

constexpr std::uint32_t start_magic = 0x336ec578;
constexpr std::uint32_t type_ram = 1;

constexpr unsigned most_ranges = 128;
constexpr unsigned longest_command_line = 4096;

MemoryRange ranges[most_ranges];
unsigned range_count;
char command_line_text[longest_command_line];  // as given
char option_text[longest_command_line];        // the same with a terminator after each word
unsigned option_length;
std::uint64_t rsdp;
BootModule module;

template <typename T>
const T* at(std::uint64_t address) {
    return reinterpret_cast<const T*>(address);
}

void copy_command_line(const char* text) {
    while (option_length + 1 < longest_command_line && text[option_length] != '\0') {
        const char c = text[option_length];
        command_line_text[option_length] = c;
        option_text[option_length++] = c == ' ' ? '\0' : c;
    }
}

// The rest of `word` after `name` and its '=', "" after the name alone, else null.
const char* value_in(const char* word, const char* name) {
    for (; *name != '\0'; ++name, ++word)
        if (*word != *name) return nullptr;
    if (*word == '=') return word + 1;
    return *word == '\0' ? word : nullptr;
}

// More than any base for what is no digit.
unsigned digit_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    return 99;
}

}  // namespace

void read_boot_info(PhysicalAddress start_info) {
    const StartInfo& info = *at<StartInfo>(start_info.value);
    if (info.magic != start_magic) panic("not started by a PVH loader: magic %x", info.magic);
    if (info.version < 1 || info.memory_map == 0) panic("PVH start info without a memory map");
    range_count = std::min(info.memory_map_entries, most_ranges);
    const MapEntry* entries = at<MapEntry>(info.memory_map);
    for (unsigned i = 0; i < range_count; ++i)
        ranges[i] = {{entries[i].address}, entries[i].bytes, entries[i].type == type_ram};
    if (info.command_line != 0) copy_command_line(at<char>(info.command_line));
    rsdp = info.rsdp;
    if (info.modules == 0 || info.module_list == 0) return;
    const ModuleEntry& entry = *at<ModuleEntry>(info.module_list);
    module = {{entry.address}, entry.bytes};
}

std::span<const MemoryRange> memory_map() { return {ranges, range_count}; }
const char* command_line() { return command_line_text; }
PhysicalAddress rsdp_address() { return {rsdp}; }
BootModule boot_module() { return module; }

const char* option(const char* name) {
    for (unsigned i = 0; i < option_length; ++i) {
        const bool starts_word = i == 0 || option_text[i - 1] == '\0';
        if (!starts_word) continue;
        if (const char* value = value_in(option_text + i, name)) return value;
    }
    return nullptr;
}

std::uint64_t number_option(const char* name, std::uint64_t otherwise) {
    const char* text = option(name);
    if (text == nullptr) return otherwise;
    const bool hexadecimal = text[0] == '0' && text[1] == 'x';
    const unsigned base = hexadecimal ? 16 : 10;
    const char* digit = hexadecimal ? text + 2 : text;
    std::uint64_t value = 0;
    do {
        const char c = static_cast<char>(*digit | 0x20);  // lower case; digits stay
        const unsigned worth = digit_value(c);
        if (worth >= base) panic("option %s=%s is no number", name, text);
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, worth, &value))
            panic("option %s=%s is too large", name, text);
    } while (*++digit != '\0');
    return value;
}

}  // namespace remap::guest
