// SPDX-License-Identifier: MIT
// What a driver includes: everything is in wdm.h.
#ifndef REMAP_DDK_NTDDK_H
#define REMAP_DDK_NTDDK_H

#include "bugcodes.h"
#include "ntdef.h"
#include "ntstatus.h"
#include "wdm.h"

#endif
