// SPDX-License-Identifier: MIT
// Checks a packet before any of it is executed.
#pragma once

#include "base/result.h"
#include "hw/gpu/fault.h"
#include "hw/gpu/memory.h"
#include "hw/gpu/transfer.h"
#include "hw/spec/gpu_packets.h"

namespace remap::gpu {

// Opcode, flags, unused fields, lengths, pitches, alignment. The address of a fault here is that of the ring entry.
spec::FaultCause check_form(const spec::Packet& packet);

// What a fill or copy of good form moves, or the fault of a range that is out of reach: the destination is checked
// before the source. A transfer of no bytes names no range and always succeeds.
Result<TransferShape, Fault> shape_of(const spec::Packet& packet, const Memory& memory);

spec::Place source_of(const spec::Packet& packet);
spec::Place destination_of(const spec::Packet& packet);

}  // namespace remap::gpu
