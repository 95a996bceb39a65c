// SPDX-License-Identifier: MIT
// The machine's cache model, as far as QEMU has one (-machine cache-model=...).
#pragma once

#include "hw/driver/cache_model.h"

#include <optional>

namespace remap::guest {

std::optional<cache_driver::CacheModel> find_cache_model();

}  // namespace remap::guest
