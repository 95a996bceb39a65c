// SPDX-License-Identifier: MIT
#include "hw/hosted/processor.h"

#include "hw/hosted/hosted_gpu.h"

#include <algorithm>
#include <cstring>

// An instruction that its caller does not name is that behind the call.
#define CODE_OR_CALLER(code) \
    ((code) != of_the_call ? (code) : reinterpret_cast<std::uint64_t>(__builtin_return_address(0)))

namespace remap::hosted {

namespace {

constexpr std::size_t widest = sizeof(std::uint64_t);

// The upper half of the address space, far from anything of this process, and from other processors' mappings: a
// finding tells whose it was.
constexpr std::uint64_t space = std::uint64_t{0xffff'8000'0000'0000};
constexpr unsigned space_shift = 36;
constexpr unsigned spaces = 1u << (47 - space_shift);

constexpr CpuVirtualPage first_page_of(unsigned processor) {
    return CpuVirtualAddress{space + (std::uint64_t{processor % spaces} << space_shift)}.page() + 1;
}

bool is_width(unsigned bytes) { return bytes >= 1 && bytes <= widest; }

}  // namespace

Processor::Processor(Machine& machine, unsigned number)
    : machine_(machine), caches_(machine.caches()->model()), number_(number), next_(first_page_of(number)) {}

CpuVirtualAddress Processor::map(std::span<const PhysicalPage> frames, paging::MemoryType type) {
    if (frames.empty()) return {0};
    for (const PhysicalPage frame : frames) {
        caches_.track(frame, 1);
        caches_.type_changed(frame, type);
    }
    const CpuVirtualPage first = next_;
    mappings_[first.number] = {{frames.begin(), frames.end()}, type};
    next_ = next_ + frames.size() + 1;  // nothing is mapped behind it
    return first.address();
}

bool Processor::set_type(CpuVirtualAddress first, paging::MemoryType type) {
    const auto found = mappings_.find(first.page().number);
    if (found == mappings_.end() || first.page_offset() != 0) return false;
    found->second.type = type;
    for (const PhysicalPage frame : found->second.frames) caches_.type_changed(frame, type);
    return true;
}

bool Processor::unmap(CpuVirtualAddress first) {
    return first.page_offset() == 0 && mappings_.erase(first.page().number) != 0;
}

std::optional<Processor::Place> Processor::find(CpuVirtualAddress address) const {
    const auto next = mappings_.upper_bound(address.page().number);
    if (next == mappings_.begin()) return std::nullopt;
    const auto& [first, mapping] = *std::prev(next);
    const std::uint64_t page = address.page().number - first;
    if (page >= mapping.frames.size()) return std::nullopt;
    return Place{mapping.frames[page].address() + address.page_offset(), mapping.type};
}

// Whether every page is mapped and memory, so that the access is made as a whole or not at all.
bool Processor::reaches(CpuVirtualAddress first, std::size_t bytes) const {
    for (std::size_t done = 0; done < bytes; done += page_size - (first + done).page_offset()) {
        const auto place = find(first + done);
        if (!place || machine_.memory().bytes_of(place->physical.page()) == nullptr) return false;
    }
    return true;
}

cache::Origin Processor::origin(CpuVirtualAddress address, paging::MemoryType type, std::uint64_t code) const {
    return {.code = code, .address = address, .cpu = number_, .type = type};
}

template <typename Access>
bool Processor::by_page(CpuVirtualAddress first, std::size_t bytes, std::uint64_t code, Access&& access) {
    if (!reaches(first, bytes)) return false;
    for (std::size_t done = 0; done < bytes;) {
        const CpuVirtualAddress at = first + done;
        const std::size_t here = std::min<std::size_t>(bytes - done, page_size - at.page_offset());
        const Place place = *find(at);
        if (!access(cache::CpuAccess{place.physical, here, origin(at, place.type, code)}, done)) return false;
        done += here;
    }
    return true;
}

bool Processor::load_bytes(CpuVirtualAddress from, void* to, std::size_t bytes, std::uint64_t code) {
    return by_page(from, bytes, code, [&](const cache::CpuAccess& access, std::size_t done) {
        return caches_.load(access, static_cast<std::byte*>(to) + done);
    });
}

bool Processor::store_bytes(CpuVirtualAddress to, const void* from, std::size_t bytes, std::uint64_t code) {
    return by_page(to, bytes, code, [&](const cache::CpuAccess& access, std::size_t done) {
        return caches_.store(access, static_cast<const std::byte*>(from) + done);
    });
}

std::optional<std::uint64_t> Processor::load(CpuVirtualAddress from, unsigned bytes, std::uint64_t code) {
    std::uint64_t value = 0;
    if (!is_width(bytes) || !load_bytes(from, &value, bytes, CODE_OR_CALLER(code))) return std::nullopt;
    return value;
}

bool Processor::store(CpuVirtualAddress to, std::uint64_t value, unsigned bytes, std::uint64_t code) {
    return is_width(bytes) && store_bytes(to, &value, bytes, CODE_OR_CALLER(code));
}

bool Processor::read(CpuVirtualAddress from, std::span<std::byte> to, std::uint64_t code) {
    return load_bytes(from, to.data(), to.size(), CODE_OR_CALLER(code));
}

bool Processor::write(CpuVirtualAddress to, std::span<const std::byte> from, std::uint64_t code) {
    return store_bytes(to, from.data(), from.size(), CODE_OR_CALLER(code));
}

// The fence comes first, as what is ordered by a locked instruction is what is before it, and the store is seen when
// the instruction is done: hence the one behind.
std::optional<std::uint64_t> Processor::exchange(CpuVirtualAddress at, std::uint64_t value, unsigned bytes,
                                                 std::uint64_t code) {
    const std::uint64_t instruction = CODE_OR_CALLER(code);
    if (!is_width(bytes)) return std::nullopt;
    const std::lock_guard guard(machine_.caches()->bus_lock());
    std::uint64_t old = 0;
    caches_.fence(number_, cache::Fence::Full);
    if (!load_bytes(at, &old, bytes, instruction) || !store_bytes(at, &value, bytes, instruction)) return std::nullopt;
    caches_.fence(number_, cache::Fence::Full);
    return old;
}

bool Processor::flush(CpuVirtualAddress line, cache::Flush how, std::uint64_t code) {
    const std::uint64_t instruction = CODE_OR_CALLER(code);
    const auto place = find(line);
    if (!place) return false;
    caches_.flush({place->physical, 1, origin(line, place->type, instruction)}, how);
    return true;
}

void Processor::wbinvd() { caches_.flush_all(number_, true); }
void Processor::sfence() { caches_.fence(number_, cache::Fence::Store); }
void Processor::mfence() { caches_.fence(number_, cache::Fence::Full); }
void Processor::serialize() { caches_.fence(number_, cache::Fence::Serializing); }

std::uint64_t Processor::read_register(HostedGpu& gpu, std::uint64_t offset, unsigned bytes) {
    caches_.fence(number_, cache::Fence::Uncached);
    return gpu.registers().read(offset, bytes);
}

void Processor::write_register(HostedGpu& gpu, std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    caches_.fence(number_, cache::Fence::Uncached);
    gpu.registers().write(offset, value, bytes);
}

}  // namespace remap::hosted
