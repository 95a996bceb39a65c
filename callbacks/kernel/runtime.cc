// SPDX-License-Identifier: MIT
// Strings and memory of the run-time library, and the C functions that compilers of drivers call.
#include "callbacks/kernel/runtime.h"

#include "callbacks/kernel/state.h"

#include <algorithm>
#include <cstring>

namespace {

constexpr USHORT most_characters = 0xfffe / sizeof(WCHAR) - 1;

WCHAR folded(WCHAR character) {
    return character >= 'a' && character <= 'z' ? static_cast<WCHAR>(character - ('a' - 'A')) : character;
}

}  // namespace

extern "C" {

SIZE_T NTAPI RtlCompareMemory(const VOID* Source1, const VOID* Source2, SIZE_T Length) {
    const auto* const first = static_cast<const UCHAR*>(Source1);
    return static_cast<SIZE_T>(std::mismatch(first, first + Length, static_cast<const UCHAR*>(Source2)).first - first);
}

VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString) {
    USHORT characters = 0;
    if (SourceString != nullptr)
        while (characters < most_characters && SourceString[characters] != 0) ++characters;
    DestinationString->Length = static_cast<USHORT>(characters * sizeof(WCHAR));
    DestinationString->MaximumLength =
        SourceString == nullptr ? USHORT{0} : static_cast<USHORT>((characters + 1) * sizeof(WCHAR));
    DestinationString->Buffer = const_cast<PWCH>(SourceString);
}

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
    if (String1->Length != String2->Length) return FALSE;
    return std::equal(String1->Buffer, String1->Buffer + String1->Length / sizeof(WCHAR), String2->Buffer,
                      [&](WCHAR a, WCHAR b) { return CaseInSensitive ? folded(a) == folded(b) : a == b; });
}

VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString) {
    DestinationString->Length =
        SourceString == nullptr ? USHORT{0} : std::min(SourceString->Length, DestinationString->MaximumLength);
    if (DestinationString->Length == 0) return;
    std::memmove(DestinationString->Buffer, SourceString->Buffer, DestinationString->Length);
    if (DestinationString->Length + sizeof(WCHAR) <= DestinationString->MaximumLength)
        DestinationString->Buffer[DestinationString->Length / sizeof(WCHAR)] = 0;
}
}

namespace remap::kernel {

void* NTAPI driver_memcpy(void* to, const void* from, std::size_t bytes) {
    const auto distance = static_cast<std::byte*>(to) - static_cast<const std::byte*>(from);
    const auto apart = static_cast<std::size_t>(distance < 0 ? -distance : distance);
    if (apart < bytes && distance != 0) {
        const void* const caller = REMAP_CALLER();
        violation(0xF0, {address_of(to), address_of(from), bytes}, caller,
                  "memcpy(%p, %p, %llu), called from %p: source and destination overlap; use memmove", to, from, bytes,
                  caller);
    }
    return std::memmove(to, from, bytes);
}

void* NTAPI driver_memmove(void* to, const void* from, std::size_t bytes) { return std::memmove(to, from, bytes); }
void* NTAPI driver_memset(void* to, int value, std::size_t bytes) { return std::memset(to, value, bytes); }
int NTAPI driver_memcmp(const void* a, const void* b, std::size_t bytes) { return std::memcmp(a, b, bytes); }
std::size_t NTAPI driver_strlen(const char* text) { return std::strlen(text); }

std::size_t NTAPI driver_wcslen(const WCHAR* text) {
    std::size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

int NTAPI driver_strcmp(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a) ++b;
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int NTAPI driver_strncmp(const char* a, const char* b, std::size_t most) {
    for (; most != 0 && *a != '\0' && *a == *b; ++a, --most) ++b;
    return most == 0 ? 0 : static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

void NTAPI rtl_move_memory(void* to, const void* from, std::size_t bytes) { std::memmove(to, from, bytes); }
void NTAPI rtl_fill_memory(void* to, std::size_t bytes, unsigned char value) { std::memset(to, value, bytes); }
void NTAPI rtl_zero_memory(void* to, std::size_t bytes) { std::memset(to, 0, bytes); }

}  // namespace remap::kernel
