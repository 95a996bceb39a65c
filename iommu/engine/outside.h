// SPDX-License-Identifier: MIT
// Who watches a unit and who interferes with it, as its parts know them.
#pragma once

#include "iommu/engine/command_gate.h"
#include "iommu/engine/injector.h"
#include "iommu/engine/observer.h"

namespace remap::iommu {

struct Outside {
    CommandGate& gate;
    Observer* observer = nullptr;  // may be null, as the injector
    Injector* injector = nullptr;

    // Tables are read for this request, as long as the object lives (Injector::reading_tables_for).
    class Reading {
    public:
        Reading(const Outside& outside, const Request& request) : injector_(outside.injector) {
            if (injector_ != nullptr) injector_->reading_tables_for(&request);
        }
        ~Reading() {
            if (injector_ != nullptr) injector_->reading_tables_for(nullptr);
        }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;

    private:
        Injector* injector_;
    };
};

}  // namespace remap::iommu
