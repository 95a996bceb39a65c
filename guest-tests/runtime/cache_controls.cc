// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/cache_controls.h"

#include "guest-tests/runtime/cpu.h"

namespace remap::guest {

namespace {

// CPUID leaf 0x80000008, EAX.
using PhysicalAddressBits = Field<7, 0>;

paging::Mtrrs read_mtrrs() {
    namespace mtrr = paging::mtrr;
    paging::Mtrrs mtrrs{.capabilities = cpu::read_msr(mtrr::capabilities),
                        .default_type = cpu::read_msr(mtrr::default_type)};
    for (unsigned i = 0; mtrr::HasFixed::get(mtrrs.capabilities) && i < mtrr::fixed_count; ++i)
        mtrrs.fixed[i] = cpu::read_msr(mtrr::fixed[i]);
    for (unsigned i = 0; i < mtrrs.variable_count(); ++i)
        mtrrs.variable[i] = {cpu::read_msr(mtrr::variable_base(i)), cpu::read_msr(mtrr::variable_mask(i))};
    return mtrrs;
}

}  // namespace

paging::CacheControls read_cache_controls() {
    return {.cr0 = cpu::read_cr0(),
            .pat = {cpu::read_msr(paging::Pat::msr)},
            .mtrrs = read_mtrrs(),
            .physical_address_width = static_cast<unsigned>(PhysicalAddressBits::get(cpu::identify(0x8000'0008).a))};
}

}  // namespace remap::guest
