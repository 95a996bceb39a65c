// SPDX-License-Identifier: MIT
// Finds the frames of a memory object as the memory manager's routines do that the callback stands for.
#pragma once

#include "base/result.h"
#include "callbacks/core/create_request.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/ports.h"

namespace remap::callbacks {

// All frames or none. STATUS_NO_MEMORY for contiguous memory that cannot be found, else STATUS_INSUFFICIENT_RESOURCES;
// STATUS_INVALID_PARAMETER for an IO range that is managed memory.
Result<FrameList, NTSTATUS> take_frames(FramePort& port, const CreateRequest& request);

// Gives back what take_frames took.
void give_frames(FramePort& port, const CreateRequest& request, const FrameList& frames);

}  // namespace remap::callbacks
