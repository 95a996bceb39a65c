// SPDX-License-Identifier: MIT
// The kernel services that a driver calls, with their types (WDK header wdm.h). Each is described where it is declared:
// what it does, at which IRQL, and what the kernel of this project (callbacks/kernel) stops the machine for. Rules are
// those of the WDK page of the same name.
//
// What a page says is raised as an exception stops the machine: there is no structured exception handling here. Code
// with __try and __except compiles; the handler never runs.
#ifndef REMAP_DDK_WDM_H
#define REMAP_DDK_WDM_H

#include "bugcodes.h"
#include "guiddef.h"
#include "ntdef.h"
#include "ntstatus.h"
#include "wdm/constants.h"
#include "wdm/debug.h"
#include "wdm/interlocked.h"
#include "wdm/io.h"
#include "wdm/irql.h"
#include "wdm/lists.h"
#include "wdm/mdl.h"
#include "wdm/memory.h"
#include "wdm/objects.h"
#include "wdm/pool.h"
#include "wdm/registers.h"
#include "wdm/resources.h"
#include "wdm/runtime.h"
#include "wdm/synchronization.h"
#include "wdm/time.h"

#ifndef __try
// The formatter would make this a macro without arguments, and libstdc++ has parameters of this name.
// clang-format off
#define __try if (1)
#define __except(filter) else if (0 && (filter))
// clang-format on
#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define GetExceptionCode() ((NTSTATUS)STATUS_SUCCESS)
#endif

#endif
