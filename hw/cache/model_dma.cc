// SPDX-License-Identifier: MIT
// A device's accesses (Intel SDM volume 3, "Cache Control Protocol", on snooping; PCI Express Base Specification, "No
// Snoop" in the requester's attributes). Write-combining buffers are not snooped.
#include "hw/cache/model.h"

#include <cstring>

namespace remap::cache {

// A snooped read of a modified line has it written back.
bool Model::dma_read(const DmaOrigin& origin, const Piece& piece, std::uint8_t* to) {
    const Page* page = table_.find_page(piece.line);
    if (page == nullptr || (page->stateful & LineTable::bit_of(piece.line)) == 0) {
        return memory_.read(piece.address(), to, piece.bytes);
    }
    View view;
    if (!open(view, piece.line)) return false;
    if (origin.snoop) write_back(view);
    judge(view, piece, view.memory, {nullptr, &origin});
    std::memcpy(to, &(options_.mode == Mode::Report ? view.coherent : view.memory)[piece.at], piece.bytes);
    close(view);
    return true;
}

// A snooped write takes the line out of the cache. One that is not snooped leaves a copy there, and finds one where the
// processor may fetch what it likes: that it did so just before cannot be ruled out.
bool Model::dma_write(const DmaOrigin& origin, const Piece& piece, const std::uint8_t* from) {
    Page* page = table_.find_page(piece.line);
    if (page == nullptr) return memory_.write(piece.address(), from, piece.bytes);
    const Mask bit = LineTable::bit_of(piece.line);
    const bool fetched = !origin.snoop && options_.speculation && page->speculated;
    if ((page->stateful & bit) == 0) {
        if (origin.snoop) page->cached &= ~bit;
        if (!fetched && (page->cached & bit) == 0) return memory_.write(piece.address(), from, piece.bytes);
    }
    View view;
    if (!open(view, piece.line)) return false;
    if (origin.snoop) {
        write_back(view);
        drop_copy(view);
    } else if (fetched) {
        if (!view.cached) fetch(view);
        keep_copies_of_flushes(view);
    }
    std::memcpy(&view.memory[piece.at], from, piece.bytes);
    std::memcpy(&view.coherent[piece.at], from, piece.bytes);
    state(view).dma.add(origin, piece.mask());
    close(view);
    keep_bounds();
    return true;
}

// A flush that no fence has ordered may have been done before the device wrote, and the line fetched again since: the
// fence does not drop it then.
void Model::keep_copies_of_flushes(View& view) {
    if (view.line == nullptr) return;
    for (Note& note : view.line->notes) note.drops = false;
    remove_notes(*view.line, [](const Note& note) { return !note.writes_back; });
}

}  // namespace remap::cache
