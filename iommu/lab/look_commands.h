// SPDX-License-Identifier: MIT
// The commands of tools that look into the unit's tables (docs/laboratory.md).
#pragma once

#include "iommu/lab/commands.h"
#include "iommu/lab/objects.h"
#include "iommu/lab/unit_port.h"

namespace remap::lab {

// "explain" and "tables". The objects may be null: then nobody is told whose the memory is. All must outlive the
// commands.
void add_look_commands(Commands& commands, UnitPort& unit, const Objects* objects);

}  // namespace remap::lab
