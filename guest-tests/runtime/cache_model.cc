// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/cache_model.h"

#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"
#include "hw/spec/cache_registers.h"

namespace remap::guest {

std::optional<cache_driver::CacheModel> find_cache_model() {
    static auto* const registers =
        static_cast<volatile std::uint64_t*>(map_device({spec::cache::base}, spec::cache::bytes));
    if (registers == nullptr) panic("no view for the cache model's registers");
    const cache_driver::CacheModel model(registers);
    return model.is_there() ? std::optional(model) : std::nullopt;
}

}  // namespace remap::guest
