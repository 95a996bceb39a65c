// SPDX-License-Identifier: MIT
// A fill or copy in execution, done piece by piece. A range is a rectangle of one line.
#pragma once

#include "base/address.h"
#include "hw/gpu/memory.h"
#include "hw/spec/gpu_packets.h"

#include <array>
#include <cstdint>

namespace remap::gpu {

struct TransferShape {
    spec::Surface destination;
    spec::Surface source;     // of a copy
    std::uint64_t width = 0;  // bytes of a line
    std::uint32_t lines = 0;
    std::uint32_t pattern = 0;  // of a fill
    bool copies = false;

    bool empty() const { return width == 0 || lines == 0; }
};

class Transfer {
public:
    // Ranges were checked; each line and the distance between first and last fit 64 bits.
    void start(const TransferShape& shape);

    bool done() const { return lines_done_ == shape_.lines; }

    struct Piece {
        std::uint64_t bytes = 0;
        Fault fault;
    };

    struct Progress {
        std::uint32_t lines = 0;  // that are done
        std::uint64_t bytes = 0;  // of the current line that are done
    };

    Progress progress() const { return {lines_done_, bytes_done_}; }

    // Goes on from there. False, and nothing changed, if that is not in the middle of what was started.
    bool skip_to(const Progress& progress);

    // Moves the next piece: the longest part of a line that lies in one page on either side. Not done yet.
    Piece step(Memory& memory);

private:
    struct Line {
        spec::Place destination;
        spec::Place source;
        bool backward = false;
    };

    Line current_line() const;
    void finish(std::uint64_t bytes);
    Fault fill(Memory& memory, spec::Place to, std::uint64_t bytes) const;

    TransferShape shape_;
    bool lines_backward_ = false;
    std::uint32_t lines_done_ = 0;
    std::uint64_t bytes_done_ = 0;  // of the current line

    // A page of the pattern and what is needed to begin at any of its four bytes.
    std::array<std::uint32_t, page_size / 4 + 1> pattern_{};
};

}  // namespace remap::gpu
