// SPDX-License-Identifier: MIT
// From here on DEFINE_GUID defines.
#define INITGUID
#include "guiddef.h"
