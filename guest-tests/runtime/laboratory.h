// SPDX-License-Identifier: MIT
// The machine's laboratory, as far as QEMU has one (-device remap-iommu,lab=on).
#pragma once

#include "callbacks/core/witness.h"
#include "hw/driver/laboratory.h"

#include <optional>

namespace remap::guest {

std::optional<lab_driver::Laboratory> find_laboratory();

// Who writes to it what the callbacks do; null without one.
callbacks::Witness* laboratory_witness();

}  // namespace remap::guest
