// SPDX-License-Identifier: MIT
// The commands of tools about a machine's rules (docs/laboratory.md).
#pragma once

#include "iommu/lab/commands.h"

#include <functional>

namespace remap::lab {

class Decisions;

// "rules-add", "rules-remove" and "rules-show". `changed` is called after each change, on the thread that answers. All
// must outlive the commands.
void add_rule_commands(Commands& commands, Decisions& decisions, std::function<void()> changed);

}  // namespace remap::lab
