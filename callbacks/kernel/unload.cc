// SPDX-License-Identifier: MIT
// The end of a driver's stay: what it has not given back.
#include "callbacks/kernel/mdl.h"
#include "callbacks/kernel/state.h"

namespace remap::kernel {

namespace {

struct Count {
    std::uint64_t paged = 0, nonpaged = 0;  // bytes of pool
    std::uint64_t all = 0;
};

template <typename... Values>
void say(KernelPort& port, const char* text, Values... values) {
    char buffer[256];
    port.write(format_values(buffer, text, values...));
}

// After the regions, so that no view of an MDL is left that goes with it.
void take_back_pool(Kernel& state, Count& count) {
    state.pool.for_each_live([&](const PoolBlock& block) {
        const TagText tag(block.tag);
        const bool pages = has_pages_tag(block.tag) && (free_pages_of(state, *reinterpret_cast<MDL*>(block.address)));
        say(state.port, "leak: %llu bytes of %s pool at %p, tag '%s', allocated from %p%s\n", block.bytes,
            block.paged ? "paged" : "nonpaged", block.address, static_cast<const char*>(tag.text), block.caller,
            pages ? ": an MDL with its pages" : "");
        (block.paged ? count.paged : count.nonpaged) += block.bytes;
        ++count.all;
        state.pool.free(block.address, nullptr);
    });
}

void take_back_regions(Kernel& state, Count& count) {
    for (Region* region = state.regions.first(); region != nullptr;) {
        Region* const next = region->next;
        const char* const what = region->kind == Region::Kind::Contiguous ? "of contiguous memory"
                                 : region->kind == Region::Kind::MdlView  ? "of an MDL mapped"
                                 : region->kind == Region::Kind::IoView   ? "of a device mapped"
                                                                          : nullptr;
        if (what != nullptr) {
            say(state.port, "leak: %llu bytes %s at %p, from %p\n", region->bytes, what, region->address,
                region->caller);
            ++count.all;
            state.regions.destroy(*region);
        }
        region = next;
    }
}

}  // namespace

std::uint64_t unload(const char* name) {
    Kernel& state = kernel();
    Count count;
    {
        const Locked locked(state);
        take_back_regions(state, count);
        take_back_pool(state, count);
    }
    if (count.all != 0)
        violation(
            0x62, {address_of(name), 0, count.all}, nullptr,
            "%s is unloaded and has not given back %llu allocations: %llu bytes of paged and %llu of nonpaged pool; "
            "the list is on the console",
            name, count.all, count.paged, count.nonpaged);
    return count.all;
}

}  // namespace remap::kernel
