// SPDX-License-Identifier: MIT
// ExAllocatePool and ExFreePool in their variants.
#include "callbacks/kernel/state.h"

namespace remap::kernel {

namespace {

constexpr std::uint32_t no_tag = 'N' | 'o' << 8 | 'n' << 16 | 'e' << 24;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 40;

bool has_letter_or_digit(std::uint32_t tag) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        const auto letter = static_cast<unsigned char>(tag >> shift);
        if ((letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z')) return true;
    }
    return false;
}

bool tag_is_good(std::uint32_t tag, std::uint64_t type, std::uint64_t bytes, const char* routine, const void* caller) {
    if (tag == 0) {
        stop_machine(BAD_POOL_CALLER, {0x9B, type, bytes, address_of(caller)}, caller,
                     "%s, called from %p: a tag of 0; give the driver's own four letters", routine, caller);
        return false;
    }
    if (has_letter_or_digit(tag)) return true;
    stop_machine(BAD_POOL_CALLER, {0x9D, tag, type, address_of(caller)}, caller,
                 "%s, called from %p: the tag 0x%x has no letter and no digit", routine, caller, tag);
    return false;
}

bool size_and_irql_are_good(const PoolRequest& request, std::uint64_t type, const char* routine) {
    const KIRQL irql = kernel().port.irql();
    if (request.bytes == 0) {
        violation(0x00, {irql, type, 0}, request.caller, "%s of no bytes, called from %p", routine, request.caller);
        return false;
    }
    const KIRQL highest = request.paged ? APC_LEVEL : DISPATCH_LEVEL;
    return irql_at_most(highest, request.paged ? 0x01 : 0x02, routine, request.caller, type, request.bytes);
}

void report_stale(const PoolBlock& stale, const void* caller) {
    stop_machine(
        BAD_POOL_HEADER, {0x0D, address_of(stale.address), address_of(stale.overrun_at), stale.bytes}, caller,
        "pool at %p, freed from %p (tag '%s', %llu bytes, allocated from %p), was written at %p since: find who "
        "still uses it",
        stale.address, stale.freed_by, static_cast<const char*>(TagText(stale.tag).text), stale.bytes, stale.caller,
        stale.overrun_at);
}

void* allocate(const PoolRequest& request, std::uint64_t type, const char* routine) {
    if (!size_and_irql_are_good(request, type, routine)) return nullptr;
    if (!tag_is_good(request.tag, type, request.bytes, routine, request.caller)) return nullptr;
    if (request.bytes > most_bytes) return nullptr;
    PoolBlock stale;
    void* memory = nullptr;
    {
        Kernel& kernel = remap::kernel::kernel();
        const Locked locked(kernel);
        memory = kernel.pool.allocate(request, stale);
    }
    if (stale.overrun_at != nullptr) report_stale(stale, request.caller);
    return memory;
}

// What is wrong with freeing the block, said; true when nothing is.
bool may_free(const void* address, const PoolBlock& block, std::uint32_t tag, const char* routine, const void* caller) {
    const std::uint64_t number = address_of(address);
    if (block.state == PoolBlock::State::Unknown) {
        stop_machine(BAD_POOL_CALLER, {0x46, number, 0, 0}, caller,
                     "%s(%p), called from %p: this is not the beginning of a pool allocation", routine, address,
                     caller);
        return false;
    }
    const TagText name(block.tag);
    if (block.state == PoolBlock::State::Freed) {
        stop_machine(BAD_POOL_CALLER, {0x07, 0, block.tag, number}, caller,
                     "%s(%p), called from %p: freed before, from %p (tag '%s', %llu bytes, allocated from %p)", routine,
                     address, caller, block.freed_by, static_cast<const char*>(name.text), block.bytes, block.caller);
        return false;
    }
    if (tag != 0 && tag != block.tag) {
        stop_machine(BAD_POOL_CALLER, {0x0A, number, block.tag, tag}, caller,
                     "%s(%p), called from %p with the tag '%s': it was allocated from %p with the tag '%s'", routine,
                     address, caller, static_cast<const char*>(TagText(tag).text), block.caller,
                     static_cast<const char*>(name.text));
        return false;
    }
    const KIRQL highest = block.paged ? APC_LEVEL : DISPATCH_LEVEL;
    return irql_at_most(highest, block.paged ? 0x11 : 0x12, routine, caller, block.paged ? PagedPool : NonPagedPool,
                        number);
}

void free_pool(void* address, std::uint32_t tag, const char* routine, const void* caller) {
    Kernel& kernel = remap::kernel::kernel();
    PoolBlock block;
    {
        const Locked locked(kernel);
        block = kernel.pool.inspect(address);
    }
    if (!may_free(address, block, tag, routine, caller)) return;
    if (block.overrun_at != nullptr)
        stop_machine(
            BAD_POOL_HEADER, {0x21, address_of(address), block.bytes, block.overrun}, caller,
            "%s(%p), called from %p: byte %llu behind its %llu bytes was written (tag '%s', allocated from %p)",
            routine, address, caller, static_cast<std::uint64_t>(block.overrun_at - block.address) - block.bytes + 1,
            block.bytes, static_cast<const char*>(TagText(block.tag).text), block.caller);
    const Locked locked(kernel);
    if (kernel.pool.inspect(address).state == PoolBlock::State::Live) kernel.pool.free(address, caller);
}

PVOID allocate_with_type(POOL_TYPE type, SIZE_T bytes, ULONG tag, const char* routine, const void* caller) {
    const int base = type & 7;
    const bool known = (type & ~(POOL_NX_ALLOCATION | POOL_COLD_ALLOCATION | POOL_ZERO_ALLOCATION | 7)) == 0 &&
                       base != DontUseThisType && base != MaxPoolType;
    if (base == NonPagedPoolMustSucceed || base == NonPagedPoolCacheAlignedMustS) {
        stop_machine(BAD_POOL_CALLER, {0x9A, static_cast<std::uint64_t>(type), bytes, tag}, caller,
                     "%s, called from %p: pool that must succeed is no longer supported", routine, caller);
        return nullptr;
    }
    if (!known) return nullptr;
    return allocate({.bytes = bytes,
                     .tag = tag,
                     .paged = (base & 1) != 0,
                     .zeroed = (type & POOL_ZERO_ALLOCATION) != 0,
                     .cache_aligned = base >= NonPagedPoolCacheAligned,
                     .caller = caller},
                    type, routine);
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag) {
    constexpr POOL_FLAGS pools = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    constexpr POOL_FLAGS others = POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED;
    constexpr POOL_FLAGS required = POOL_FLAG_REQUIRED_END | (POOL_FLAG_REQUIRED_END - 1);
    const POOL_FLAGS pool = Flags & pools;
    if (pool == 0 || (pool & (pool - 1)) != 0 || (Flags & required & ~(pools | others)) != 0) return nullptr;
    return allocate({.bytes = NumberOfBytes,
                     .tag = Tag,
                     .paged = pool == POOL_FLAG_PAGED,
                     .zeroed = (Flags & POOL_FLAG_UNINITIALIZED) == 0,
                     .cache_aligned = (Flags & POOL_FLAG_CACHE_ALIGNED) != 0,
                     .caller = REMAP_CALLER()},
                    pool == POOL_FLAG_PAGED ? PagedPool : NonPagedPoolNx, "ExAllocatePool2");
}

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    return allocate_with_type(PoolType, NumberOfBytes, Tag, "ExAllocatePoolWithTag", REMAP_CALLER());
}

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
    return allocate_with_type(PoolType, NumberOfBytes, no_tag, "ExAllocatePool", REMAP_CALLER());
}

VOID NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag) { free_pool(P, Tag, "ExFreePoolWithTag", REMAP_CALLER()); }

VOID NTAPI ExFreePool(PVOID P) { free_pool(P, 0, "ExFreePool", REMAP_CALLER()); }

VOID NTAPI ExFreePool2(PVOID P, ULONG Tag, PVOID, ULONG) { free_pool(P, Tag, "ExFreePool2", REMAP_CALLER()); }
}
