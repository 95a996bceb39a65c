// SPDX-License-Identifier: MIT
// What a unit can have in its caches: what a snapshot may put there. A state from anywhere must not make a unit answer
// what its tables could never have said.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/iotlb.h"
#include "iommu/engine/table_cache.h"

namespace remap::iommu {

bool is_cacheable(const Configuration& configuration, const CachedTranslation& translation);

// A table that an entry found on the way to `address` leads to.
bool is_cacheable(const Configuration& configuration, const TableOwner& owner, std::uint64_t address,
                  const CachedTable& table);

}  // namespace remap::iommu
