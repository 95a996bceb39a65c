// SPDX-License-Identifier: MIT
// From where the newest bytes are, to what was forgotten.
#include "hw/cache/model.h"

#include <algorithm>

namespace remap::cache {
namespace {

Finding finding_of(FindingKind kind, std::uint64_t line, Mask bytes) {
    Finding finding;
    finding.kind = kind;
    finding.first = {line + first_of(bytes)};
    finding.bytes = line_bytes - static_cast<unsigned>(std::countl_zero(bytes)) - first_of(bytes);
    return finding;
}

}  // namespace

// The first byte that differs decides for all of this line.
void Model::judge(const View& view, const Piece& piece, const Bytes& seen, const Reader& reader) {
    const Mask old = differing(seen, view.coherent) & piece.mask();
    if (old == 0 || view.line == nullptr) return;
    Finding finding = finding_of(FindingKind::MissedFlush, view.address, old);
    if (reader.load != nullptr) finding.load = *reader.load;
    if (reader.dma != nullptr) finding.dma = *reader.dma;
    if (explain(finding, view, first_of(old))) log_.add(finding);
}

// Fills in kind and culprits. False: the newest value of the byte was lost before, which has been told, or it came past
// the model.
bool Model::explain(Finding& finding, const View& view, unsigned byte) {
    const Line& line = *view.line;
    const bool in_memory = view.memory[byte] == view.coherent[byte];
    const std::optional<DmaOrigin> device = line.dma.at(byte);
    if (!device) finding.store = line.stores.at(byte);
    if (in_memory) {  // so what was read is an old copy
        finding.kind = device ? FindingKind::StaleRead : FindingKind::StaleAliasRead;
        if (device) finding.dma = device;
        return true;
    }
    if (const Buffer* buffer = holder(view, byte)) {
        finding.kind = FindingKind::UndrainedStore;
        finding.store = buffer->stores.at(byte);
        return true;
    }
    if (!view.cached || !line.dirty || view.copy[byte] != view.coherent[byte]) return false;
    if (!finding.store) finding.store = line.dirtied;
    if (finding.load) {
        finding.kind = FindingKind::StaleAliasRead;
        return true;
    }
    const auto flushed = std::find_if(line.notes.begin(), line.notes.end(), [&](const Note& note) {
        return note.writes_back && note.contents[byte] == view.coherent[byte];
    });
    finding.kind = flushed == line.notes.end() ? FindingKind::MissedFlush : FindingKind::MissedFence;
    if (flushed != line.notes.end()) finding.flush = flushed->origin;
    return true;
}

// `lost` are bytes whose newest value is in memory until now.
void Model::overwritten(const View& view, FindingKind kind, Mask lost, const std::optional<Origin>& by) {
    if (lost == 0) return;
    Finding finding = finding_of(kind, view.address, lost);
    finding.store = by;
    const unsigned first = first_of(lost);
    finding.dma = view.line->dma.at(first);
    if (!finding.dma) finding.lost = view.line->stores.at(first);
    log_.add(finding);
}

}  // namespace remap::cache
