// SPDX-License-Identifier: MIT
// Tables with anything in them, all modes: what the engine answers is what the slow reference says, from empty caches
// and from full ones, and what it records is what the manual wants recorded.
#include "iommu/fuzz/reference.h"
#include "iommu/fuzz/tables.h"

#include <memory>

namespace remap::fuzz {
namespace {

using iommu::Access;
using iommu::Request;
using iommu::Translation;

const iommu::Options kinds[] = {
    {.address_width = 48, .caches = small_caches},
    {.address_width = 39, .huge_pages = false, .caches = small_caches},
    {.address_width = 48, .scalable = true, .caches = small_caches},
    {.address_width = 57, .scalable = true, .snoop_control = true, .caches = small_caches},
    {.address_width = 39, .huge_pages = false, .host_address_width = 48, .scalable = true, .caches = small_caches},
    {.address_width = 48, .scalable = true, .caching_mode = true, .caches = small_caches},
};

Rig& rig_of(unsigned kind) {
    static std::unique_ptr<Rig> rigs[std::size(kinds)];
    if (!rigs[kind]) rigs[kind] = std::make_unique<Rig>(kinds[kind], false);
    return *rigs[kind];
}

// The log is empty before; so it is again afterwards.
void check_record(Rig& rig, const Request& request, const Verdict& due) {
    const std::uint64_t status = rig.read32(0x34);
    require((status & 2) == (due.reason != 0 && !due.quiet ? 2u : 0u), "what is to be recorded is recorded", due.reason,
            due.quiet);
    if ((status & 2) == 0) return;
    const std::uint64_t record = 0x220 + 16 * (status >> 8);
    const std::uint64_t high = rig.read64(record + 8);
    require((high >> 32 & 0xff) == due.reason && (high & 0xffff) == request.source.value &&
                (high >> 62 & 1) == (request.access == Access::Read),
            "a fault record says what happened", high, due.reason);
    require(rig.read64(record) == (request.address.value & ~std::uint64_t{0xfff}), "a fault record has the page");
    rig.write32(record + 12, 0x80000000);
    require((rig.read32(0x34) & 2) == 0, "one fault makes one record");
}

void compare(const Rig& rig, const Request& request, const Translation& answer, const Verdict& due) {
    require(answer.fault_reason == due.reason, "the engine and the reference agree on the reason", answer.fault_reason,
            due.reason, request.address.value);
    if (due.reason != 0) return;
    require(answer.address.value == due.address, "they agree on the address", answer.address.value, due.address);
    require(!answer.readable || due.readable, "no read right that tables do not give");
    require(!answer.writable || due.writable, "no write right that tables do not give");
    const std::uint64_t block = std::uint64_t{1} << due.shift;
    const bool whole = answer.granule == block;
    require(whole || (answer.granule == 0x100000 && due.shift > 20 && rig.options.huge_pages),
            "they agree on the granule", answer.granule, block);
}

// Of an accessed or dirty bit, for whatever reason.
bool is_refused_update(unsigned reason) {
    return reason == 0x77 || reason == 0x7c || reason == 0x7d || reason == 0x90 || reason == 0x91;
}

// The tables alone decide: caches are empty. False when the answer itself has changed memory.
bool judge(Rig& rig, const Request& request, std::uint64_t root) {
    rig.forget_all();
    const Verdict due = Reference(rig.options, rig.ram, root).translate(request);
    const std::uint64_t updates = rig.ram.updates;
    rig.ram.accesses = 0;
    const Translation answer = rig.unit.translate(request);
    require(rig.ram.accesses < 600, "a translation takes a bounded number of accesses", rig.ram.accesses);
    check_answer(rig, request, answer);
    if (rig.ram.updates != updates) {
        // A bit that was set may lie in a word that was read before, or was to be read.
        for (std::uint64_t record = 0x22c; record < 0x2a0; record += 16) rig.write32(record, 0x80000000);
        return false;
    }
    compare(rig, request, answer, due);
    check_record(rig, request, due);

    const Translation again = rig.unit.translate(request);
    require(again.fault_reason == answer.fault_reason && again.address.value == answer.address.value,
            "caches change nothing", again.fault_reason, answer.fault_reason, again.address.value,
            answer.address.value);
    check_record(rig, request, due);
    if (is_refused_update(due.reason)) return true;  // a probe sets no bits
    const Translation probed = rig.unit.probe(request);
    require(probed.allowed == answer.allowed && probed.address.value == answer.address.value, "a probe says the same");
    check_record(rig, request, {});
    return true;
}

// The same page asked for in another way: what the first request has left in the caches must not show. Not by another
// PASID: that may have other tables and the same domain id, which the manual forbids software.
void judge_another(Rig& rig, Request request, std::uint8_t how, std::uint64_t root) {
    if (how & 1) request.access = request.access == Access::Read ? Access::Write : Access::Read;
    if (how & 2) request.privileged = !request.privileged;
    if (how & 4) request.execute = !request.execute;
    if (how & 8) request.type = iommu::RequestType::Untranslated;
    request.execute = request.execute && request.access == Access::Read;
    const Verdict due = Reference(rig.options, rig.ram, root).translate(request);
    const std::uint64_t updates = rig.ram.updates;
    const Translation answer = rig.unit.translate(request);
    check_answer(rig, request, answer);
    if (rig.ram.updates == updates) {
        Verdict accepted = due;
        // Of two reasons, either will do. What is cached of both stages together says that there is no right, before
        // the first stage's dirty bit matters; and a refusal that is cached may come before the lack of a right.
        const bool either = rig.options.caching_mode || (is_refused_update(due.reason) && answer.fault_reason == 0x85);
        if (either && due.reason != 0 && answer.fault_reason != 0) accepted.reason = answer.fault_reason;
        compare(rig, request, answer, accepted);
        check_record(rig, request, accepted);
    } else {
        for (std::uint64_t record = 0x22c; record < 0x2a0; record += 16) rig.write32(record, 0x80000000);
    }
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    Rig& rig = rig_of(input.below(std::size(kinds)));
    const std::uint64_t root = start_from(input, rig);
    for (unsigned step = 0; step < 8 && input.more(); ++step) {
        const std::uint8_t how = input.byte();
        if (how & 4) write_tables_again(rig, root);
        for (unsigned changes = how & 3u; changes != 0; --changes) change_memory(input, rig.ram);
        const remap::iommu::Request request = request_from(input);
        if (!judge(rig, request, root)) judge(rig, request, root);
        judge_another(rig, request, input.byte(), root);
    }
    return 0;
}
