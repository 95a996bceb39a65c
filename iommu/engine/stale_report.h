// SPDX-License-Identifier: MIT
// Stale uses as lines for people.
#pragma once

#include "iommu/engine/stale_uses.h"

#include <string>

namespace remap::iommu {

// One line without its end: which request, what it got and when that was cached, what memory says and where.
std::string text_of(const StaleUse& use);

}  // namespace remap::iommu
