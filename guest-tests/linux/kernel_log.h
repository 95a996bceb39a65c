// SPDX-License-Identifier: MIT
// What the kernel said, from its first line on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace remap::linux_guest {

// All messages until now, one an element, without time and level.
std::vector<std::string> kernel_log();

// The first message that contains the text; empty when there is none.
std::string find_message(const std::vector<std::string>& log, std::string_view text);

// The messages that no correct machine causes: faults and errors of the IOMMU, warnings and oopses of the kernel, and
// what drivers say when a device does not answer or answers nonsense.
std::vector<std::string> complaints(const std::vector<std::string>& log);

}  // namespace remap::linux_guest
