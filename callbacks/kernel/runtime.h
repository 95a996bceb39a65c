// SPDX-License-Identifier: MIT
// C functions with the calling convention of a driver's image, for its imports.
#pragma once

#include "callbacks/ddk/ntdef.h"

#include <cstddef>

namespace remap::kernel {

// Bugcheck 0xC4, 0xF0 when the two overlap.
void* NTAPI driver_memcpy(void* to, const void* from, std::size_t bytes);
void* NTAPI driver_memmove(void* to, const void* from, std::size_t bytes);
void* NTAPI driver_memset(void* to, int value, std::size_t bytes);
int NTAPI driver_memcmp(const void* a, const void* b, std::size_t bytes);
std::size_t NTAPI driver_strlen(const char* text);
std::size_t NTAPI driver_wcslen(const WCHAR* text);
int NTAPI driver_strcmp(const char* a, const char* b);
int NTAPI driver_strncmp(const char* a, const char* b, std::size_t most);
void NTAPI rtl_move_memory(void* to, const void* from, std::size_t bytes);
void NTAPI rtl_fill_memory(void* to, std::size_t bytes, unsigned char value);
void NTAPI rtl_zero_memory(void* to, std::size_t bytes);

}  // namespace remap::kernel
