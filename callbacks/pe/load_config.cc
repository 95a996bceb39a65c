// SPDX-License-Identifier: MIT
#include "callbacks/pe/load_config.h"

#include "base/bits.h"
#include "callbacks/pe/format.h"

namespace remap::pe {

using namespace format;

Result<std::uint32_t, Problem> find_security_cookie(const Image& image) {
    const DirectoryEntry table = image.directory(Directory::LoadConfig);
    if (table.address == 0) return std::uint32_t{0};
    const std::span<const std::byte> data = image.data_from(table.address);
    if (data.size() < sizeof(std::uint32_t)) return Failure{in_image(Error::LoadConfigOutside, table.address)};
    // The structure has grown over the years and says itself how long it is; the directory's size need not.
    const auto size = read<std::uint32_t>(data, load_config::size);
    if (size > data.size()) return Failure{in_image(Error::LoadConfigOutside, table.address, size)};
    if (size < load_config::cookie + sizeof(std::uint64_t)) return std::uint32_t{0};
    const auto address = read<std::uint64_t>(data, load_config::cookie);
    if (address == 0) return std::uint32_t{0};
    const std::uint64_t rva = address - image.preferred_base();
    const Section* section = image.section_at(rva, sizeof(std::uint64_t));
    if (section == nullptr || !section->rights.write)
        return Failure{in_image(Error::BadSecurityCookie, table.address + load_config::cookie, address)};
    return static_cast<std::uint32_t>(rva);
}

std::uint64_t fresh_security_cookie(std::uint64_t found, std::uint64_t random) {
    if (found != load_config::default_cookie && found != 0) return found;
    const std::uint64_t cookie = random & low_bits(48);
    return cookie == 0 || cookie == load_config::default_cookie ? load_config::default_cookie + 1 : cookie;
}

}  // namespace remap::pe
