// SPDX-License-Identifier: MIT
#include "iommu/fuzz/rig.h"

#include <iterator>

namespace remap::fuzz {

using iommu::Access;
using iommu::Request;
using iommu::RequestType;
using iommu::Translation;

bool Ram::place(std::uint64_t address, std::size_t count, bool write, std::uint64_t& at) {
    for (const std::uint64_t base : {std::uint64_t{0}, high, read_only}) {
        at = address - base;
        if (at < bytes && count <= bytes - at) return !write || base != read_only;
    }
    return false;
}

bool Ram::read(PhysicalAddress from, void* to, std::size_t count) {
    ++accesses;
    std::uint64_t at = 0;
    if (!place(from.value, count, false, at)) return false;
    std::memcpy(to, reinterpret_cast<const char*>(words.data()) + at, count);
    return true;
}

bool Ram::write(PhysicalAddress to, const void* from, std::size_t count) {
    ++accesses;
    std::uint64_t at = 0;
    if (!place(to.value, count, true, at)) return false;
    std::memcpy(reinterpret_cast<char*>(words.data()) + at, from, count);
    return true;
}

iommu::Exchange Ram::exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) {
    ++accesses;
    std::uint64_t place_of_word = 0;
    require(at.value % 8 == 0, "an exchange is of an aligned word", at.value);
    if (!place(at.value, 8, true, place_of_word)) return iommu::Exchange::Unanswered;
    std::uint64_t& word = words[place_of_word / 8];
    if (disturbances != 0) {
        --disturbances;
        word ^= std::uint64_t{1} << 52;  // ignored in every entry
    }
    if (word != expected) return iommu::Exchange::Changed;
    word = desired;
    ++updates;
    return iommu::Exchange::Done;
}

Rig::Rig(const iommu::Options& with, bool worker_is_there)
    : options(with),
      with_worker(worker_is_there),
      unit(options, {.memory = ram, .interrupts = messages, .work = with_worker ? &worker : nullptr}) {}

void Rig::reset() {
    unit.reset();
    std::memset(ram.words.data(), 0, Ram::bytes);
    ram.disturbances = 0;
    worker = {};
}

void Rig::start(std::uint64_t root_table_register) {
    write64(0x20, root_table_register);
    write32(0x18, 0x40000000);
    write32(0x18, 0x80000000);
    finish_work();
}

void Rig::finish_work() {
    if (!with_worker) return;
    // Two descriptors of the longest queue a call are far more calls than there can be.
    for (unsigned calls = 0; unit.work(); ++calls) require(calls < 0x10000, "the unit's work comes to an end");
}

void Rig::order(std::uint64_t low, std::uint64_t high) {
    const std::uint64_t queue = Ram::bytes - page_size;
    const std::uint64_t size = options.scalable ? 32 : 16;
    const std::uint64_t others = read32(0x1c) & 0x82800000;
    ram.set(queue, low);
    ram.set(queue + 8, high);
    ram.set(queue + 16, 0);
    ram.set(queue + 24, 0);
    write64(0x90, queue | (options.scalable ? 0x800 : 0));
    write64(0x88, 0);
    write32(0x18, others | 0x04000000);
    write64(0x88, size);
    finish_work();
    require(read64(0x80) == size, "the queue does what is right", low, high, read32(0x34), read64(0xb0));
    write32(0x18, others);
}

// By registers, but for PASIDs, for which there are none.
void Rig::forget_all() {
    write64(0x28, 0xa000000000000000);
    finish_work();
    if ((read64(0x20) & 0xc00) == 0x400 && options.scalable) order(0x37, 0);
    write64(0xf8, 0x9000000000000000);
    finish_work();
}

void check_registers(Rig& rig) {
    const std::uint64_t status = rig.read32(0x1c);
    require((status & ~std::uint64_t{0xc7800000}) == 0, "GSTS has only what the unit has", status);
    require((status & 0xc0000000) != 0x80000000, "translation needs a root table pointer", status);

    bool any = false;
    const std::uint64_t fsts = rig.read32(0x34);
    for (std::uint64_t record = 0x220; record < 0x2a0; record += 16) any |= rig.read64(record + 8) >> 63 != 0;
    require((fsts >> 1 & 1) == any, "PPF is the OR of all F", fsts);
    require((fsts & ~std::uint64_t{0x713}) == 0, "FSTS has no other bits", fsts);

    const std::uint64_t iqa = rig.read64(0x90);
    const std::uint64_t unit_of_head = iqa & 0x800 ? 32 : 16;
    const std::uint64_t head = rig.read64(0x80);
    require(head < page_size << (iqa & 7) && head % unit_of_head == 0, "IQH is a place in the queue", head, iqa);
    require((rig.read64(0xb0) != 0) <= (fsts >> 4 & 1), "an error has a status", rig.read64(0xb0), fsts);
}

void check_answer(Rig& rig, const Request& request, const Translation& answer) {
    // A translation request is refused without one while translation is off, and where the device may ask for the page.
    const bool tells_why = request.type != iommu::RequestType::Translation;
    require(tells_why ? answer.allowed == (answer.fault_reason == 0) : !answer.allowed || answer.fault_reason == 0,
            "a refused access has a reason", answer.fault_reason);
    if (!answer.allowed) {
        require(!answer.readable && !answer.writable, "what is refused gives no right");
        return;
    }
    const bool write = request.access == Access::Write;
    require(write ? answer.writable : answer.readable, "what is allowed gives the right that was asked for");
    require(answer.granule >= page_size && (answer.granule & (answer.granule - 1)) == 0, "a granule", answer.granule);
    require(((answer.address.value ^ request.address.value) & (answer.granule - 1)) == 0, "a granule is aligned",
            answer.address.value, request.address.value, answer.granule);
    // While translation is being switched, GSTS tells of the old state.
    const bool translates = (rig.read32(0x1c) >> 31) != 0;
    if ((!translates || rig.worker.asked) && answer.address.value == request.address.value) return;
    require(translates || rig.worker.asked, "without translation, addresses stay", answer.address.value);
    const bool interrupt = request.type == RequestType::Untranslated && !request.pasid &&
                           (request.address.value & ~std::uint64_t{0xfffff}) == 0xfee00000;
    require(answer.address.value >> rig.options.host_address_width == 0, "no address beyond the host's width",
            answer.address.value);
    const std::uint64_t first = answer.address.value & ~(answer.granule - 1);
    if (!interrupt)
        require(first > 0xfeefffff || first + (answer.granule - 1) < 0xfee00000, "nothing lands in the interrupt range",
                answer.address.value, answer.granule);
}

std::uint64_t word_from(Input& input) {
    switch (input.below(8)) {
        case 0: return input.number(8);
        case 1: return 0;
        case 2: return ~std::uint64_t{0};
        case 3: return std::uint64_t{1} << input.below(64);
        case 4: return std::uint64_t{input.byte()} << 12 | input.number(2);
        case 5: return Ram::high | std::uint64_t{input.byte()} << 12 | input.number(2);
        case 6: return Ram::read_only | std::uint64_t{input.byte()} << 12 | input.number(2);
        default: return input.number(4);
    }
}

Request request_from(Input& input) {
    static constexpr std::uint16_t sources[] = {0x10, 0x90, 0x18, 0x0, 0xffff};
    static constexpr std::uint64_t addresses[] = {0,
                                                  0x1000,
                                                  0x200000,
                                                  0x40000000,
                                                  0x7fffffffff,
                                                  0xfee00000,
                                                  0xfeeff000,
                                                  0x800000000000u,
                                                  ~std::uint64_t{0xfff},
                                                  std::uint64_t{1} << 46};
    Request request;
    const std::uint8_t kind = input.byte();
    request.access = kind & 1 ? Access::Write : Access::Read;
    request.type =
        kind & 8 ? static_cast<RequestType>(kind >> 1 & 3 ? (kind >> 1 & 3) - 1 : 0) : RequestType::Untranslated;
    request.privileged = (kind & 16) != 0;
    request.execute = (kind & 32) != 0 && request.access == Access::Read;
    request.source = {input.pick(sources)};
    if (kind & 64)
        request.pasid =
            iommu::Pasid{kind & 128 ? static_cast<std::uint32_t>(input.number(3) & 0xfffff) : input.below(4)};
    const std::uint8_t where = input.byte();
    request.address = {where < 64    ? std::uint64_t{where} << 12
                       : where < 128 ? word_from(input)
                                     : input.pick(addresses)};
    request.address.value ^= where & 0x3f;
    return request;
}

}  // namespace remap::fuzz
