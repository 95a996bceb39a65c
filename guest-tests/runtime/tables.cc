// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/tables.h"

#include "guest-tests/runtime/caches.h"
#include "guest-tests/runtime/owned_memory.h"

namespace remap::guest {

std::optional<PhysicalPage> OwnedTables::allocate_table() { return allocate_owned_page(); }
void OwnedTables::free_table(PhysicalPage page) { free_owned_page(page); }

volatile std::uint64_t* OwnedTables::words(PhysicalPage page) {
    return reinterpret_cast<volatile std::uint64_t*>(page.address().value);
}

void CpuTables::publish(PhysicalPage, unsigned, unsigned) {}

void DeviceTables::publish(PhysicalPage page, unsigned first_word, unsigned count) {
    flush_cache_lines(words(page) + first_word, count * sizeof(std::uint64_t));
}

}  // namespace remap::guest
