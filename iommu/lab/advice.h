// SPDX-License-Identifier: MIT
// What to do about a fault, in one sentence: for the person who looks at it.
#pragma once

#include "iommu/spec/fault_reasons.h"

#include <string>

namespace remap::lab {

// What the sentence is about. Everything has a wording that fits when nothing is known.
struct Circumstances {
    std::string entry = "the entry";             // that decided: "the second-stage entry of level 1 at 0x14008"
    std::string device = "the device";           // "device 00:02.0"
    std::string translations = "the IOTLB";      // what holds what is cached: "the IOTLB for domain 7"
    std::string reserved = "the reserved bits";  // that are set: "bits 0x8000000000000 of word 0"
    bool present = true;                         // the entry is
    bool caching_mode = false;                   // CAP.CM: what is not present or wrong may be cached too
};

// A sentence, without a line end, for every reason of the specification's tables; another for what is none of them.
std::string advice_on(vtd::FaultReason reason, const Circumstances& about = {});

}  // namespace remap::lab
