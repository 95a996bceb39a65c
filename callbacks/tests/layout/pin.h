// SPDX-License-Identifier: MIT
// How layouts are pinned, for C and for C++.
#ifndef REMAP_TESTS_LAYOUT_PIN_H
#define REMAP_TESTS_LAYOUT_PIN_H

#include <stddef.h>

#ifdef __cplusplus
#define PIN(condition) static_assert(condition, #condition)
#else
#define PIN(condition) _Static_assert(condition, #condition)
#endif
#define PIN_SIZE(type, bytes) PIN(sizeof(type) == (bytes))
#define PIN_AT(type, member, bytes) PIN(offsetof(type, member) == (bytes))

#endif
