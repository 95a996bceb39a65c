// SPDX-License-Identifier: MIT
// The boot module as a driver image in memory.
#pragma once

#include "callbacks/pe/loader.h"
#include "guest-tests/runtime/image_memory.h"

namespace remap::guest {

class DriverImage {
public:
    // Loads the boot module. The problem is also said in notes, with all missing imports; without a boot module it is
    // Error::TooShort.
    pe::Problem load(const pe::ModulePort& modules);

    pe::LoadedImage& image() { return image_; }

private:
    pe::LoadedImage image_{image_memory()};
};

}  // namespace remap::guest
