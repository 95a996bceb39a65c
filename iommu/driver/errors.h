// SPDX-License-Identifier: MIT
// What went wrong with tables, as an error of the unit.
#pragma once

#include "iommu/driver/unit.h"
#include "iommu/paging/editor.h"

namespace remap::vtd_driver {

Error error_of(paging::EditError error);

}  // namespace remap::vtd_driver
