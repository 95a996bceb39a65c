// SPDX-License-Identifier: MIT
// Types that display drivers share with user mode.
#ifndef REMAP_DDK_WINDEF_H
#define REMAP_DDK_WINDEF_H

#include "ntdef.h"

REMAP_DDK_BEGIN

typedef struct tagPOINT {
    LONG x;
    LONG y;
} POINT, *PPOINT;

typedef struct tagSIZE {
    LONG cx;
    LONG cy;
} SIZE, *PSIZE;

typedef struct tagRECT {
    LONG left;
    LONG top;
    LONG right;
    LONG bottom;
} RECT, *PRECT;

REMAP_DDK_END

#endif
