// SPDX-License-Identifier: MIT
#include "hw/cache/finding.h"

#include <cstdarg>
#include <cstdio>

namespace remap::cache {
namespace {

struct Words {
    FindingKind kind;
    const char* name;
    const char* what;
    const char* advice;
};

constexpr Words words[] = {
    {FindingKind::MissedFlush, "missed-flush", "a device reads old bytes: the new ones are in a processor's cache",
     "CLFLUSH the line, or CLFLUSHOPT or CLWB it and SFENCE, after the store and before the device is told; or map the "
     "page uncached or write-combining; or have the device snoop."},
    {FindingKind::MissedFence, "missed-fence",
     "a device reads old bytes: no fence has ordered the flush of the new ones",
     "SFENCE or MFENCE between the CLFLUSHOPT or CLWB and the moment the device is told."},
    {FindingKind::UndrainedStore, "undrained-store",
     "old bytes are read: the new ones are in a write-combining buffer of the processor that stored them",
     "SFENCE or MFENCE after the store and before anybody else is told."},
    {FindingKind::StaleRead, "stale-read",
     "a processor reads old bytes from its cache: a device has written since, "
     "without snooping",
     "CLFLUSH the line, or CLFLUSHOPT it and fence, after the device has written and before the load: to flush before "
     "is not enough, as a processor may fetch the line at any time. Or map the page uncached, or have the device "
     "snoop."},
    {FindingKind::StaleAliasRead, "stale-alias-read",
     "a processor reads old bytes: one mapping of the page goes through the cache, another past it",
     "Use one memory type for all mappings of a page, and flush its lines when the type changes."},
    {FindingKind::OverwrittenByLine, "overwritten-by-line",
     "new bytes in memory are lost: a line that was stored to before is written back over them",
     "Flush the line after the store and before others write to any byte of it past the cache; give what a device "
     "writes lines of its own."},
    {FindingKind::OverwrittenByStore, "overwritten-by-store",
     "new bytes in memory are lost: an older store leaves a write-combining buffer over them",
     "SFENCE or MFENCE after the store and before others write there."},
    {FindingKind::TypeConflict, "type-conflict", "a page is mapped with two memory types",
     "Use one memory type for all mappings of a page; unmap, flush and invalidate TLBs before it gets another."},
};

const Words* words_of(FindingKind kind) {
    for (const Words& entry : words) {
        if (entry.kind == kind) return &entry;
    }
    return nullptr;
}

[[gnu::format(printf, 2, 3)]] void append(std::string& text, const char* format, ...) {
    char line[256];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text += line;
}

void append(std::string& text, const char* role, const std::optional<Origin>& origin) {
    if (!origin) return;
    append(text, "\n  %s: cpu %u, code at 0x%llx, address 0x%llx, mapped %s", role, origin->cpu,
           static_cast<unsigned long long>(origin->code), static_cast<unsigned long long>(origin->address.value),
           name_of(origin->type));
}

void append(std::string& text, const std::optional<DmaOrigin>& dma) {
    if (!dma) return;
    append(text, "\n  DMA: device %02x:%02x.%x, %s of %llu bytes at bus address 0x%llx, %s", dma->source >> 8,
           dma->source >> 3 & 0x1f, dma->source & 7, dma->write ? "write" : "read",
           static_cast<unsigned long long>(dma->bytes), static_cast<unsigned long long>(dma->address.value),
           dma->snoop ? "snooped" : "no-snoop");
}

}  // namespace

const char* name_of(FindingKind kind) {
    const Words* entry = words_of(kind);
    return entry == nullptr ? "unknown" : entry->name;
}

std::string describe(const Finding& finding) {
    const Words* entry = words_of(finding.kind);
    std::string text = name_of(finding.kind);
    if (entry != nullptr) text += std::string(": ") + entry->what;
    const std::uint64_t last = finding.first.value + (finding.bytes == 0 ? 0 : finding.bytes - 1);
    append(text, "\n  bytes: 0x%llx-0x%llx", static_cast<unsigned long long>(finding.first.value),
           static_cast<unsigned long long>(last));
    const bool mapping = finding.kind == FindingKind::TypeConflict;
    append(text, mapping ? "mapping" : "store", finding.store);
    append(text, "other mapping", finding.other_mapping);
    append(text, "flush", finding.flush);
    append(text, "load", finding.load);
    append(text, "lost store", finding.lost);
    append(text, finding.dma);
    if (finding.count > 1) append(text, "\n  seen %llu times", static_cast<unsigned long long>(finding.count));
    if (entry != nullptr) text += std::string("\n  advice: ") + entry->advice;
    return text;
}

}  // namespace remap::cache
