// SPDX-License-Identifier: MIT
// The load configuration of an image. Of all it may say, a loader has to act on one thing: the security cookie, which
// code built with /GS puts between its arrays and return addresses, and without which such a driver stops the system at
// its entry. The pointers of Control Flow Guard lead, as linked, to routines of the image that check nothing, and stay.
#pragma once

#include "base/result.h"
#include "callbacks/pe/image.h"

#include <cstdint>

namespace remap::pe {

// RVA of the image's security cookie, 8 bytes of a writable section; 0: it has none.
Result<std::uint32_t, Problem> find_security_cookie(const Image& image);

// What the loader puts in the place of a cookie's value: something random whose upper 16 bits are zero, neither 0 nor
// the value that the linker left; or `found` itself when that is no longer the linker's.
std::uint64_t fresh_security_cookie(std::uint64_t found, std::uint64_t random);

}  // namespace remap::pe
