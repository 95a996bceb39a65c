// SPDX-License-Identifier: MIT
#include "hw/driver/cache_model.h"

#include "hw/spec/cache_registers.h"

namespace remap::cache_driver {

namespace registers = spec::cache;

namespace {

constexpr std::uint64_t strict_mode = 2;

}  // namespace

bool CacheModel::is_there() const { return read(registers::id) == registers::magic; }

bool CacheModel::is_strict() const { return read(registers::mode) == strict_mode; }

std::uint64_t CacheModel::findings() const { return read(registers::findings); }

Finding CacheModel::finding(std::uint64_t index) const {
    write(registers::select, index);
    return {.kind = static_cast<registers::FindingKind>(read(registers::kind)),
            .first = {read(registers::first)},
            .bytes = read(registers::length),
            .store_code = read(registers::store_code),
            .store_address = read(registers::store_address),
            .load_code = read(registers::load_code),
            .load_address = read(registers::load_address),
            .flush_code = read(registers::flush_code),
            .dma_address = read(registers::dma_address),
            .dma_source = read(registers::dma_source),
            .count = read(registers::count),
            .other_code = read(registers::other_code),
            .other_address = read(registers::other_address)};
}

void CacheModel::set_mapped(PhysicalPage first, std::uint64_t pages, bool mapped) const {
    write(registers::run_first, first.number);
    write(registers::run_pages, pages);
    write(registers::run_mapped, mapped ? 1 : 0);
}

}  // namespace remap::cache_driver
