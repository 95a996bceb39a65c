// SPDX-License-Identifier: MIT
// A driver as the graphics kernel knows it: from its DriverEntry, in which it registers its DDIs, to its Unload.
#pragma once

#include "callbacks/miniport/calls.h"
#include "callbacks/miniport/registration.h"

#include <cstddef>

namespace remap::miniport {

// Drivers that can be there at the same time in one process.
inline constexpr unsigned driver_slots = 16;

class Driver {
public:
    Driver() = default;
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    struct Source {
        PDRIVER_INITIALIZE entry = nullptr;
        const void* image = nullptr;  // where it lies in memory; null: it was linked to the program
        std::size_t bytes = 0;
    };

    // Calls DriverEntry, which has to register exactly once and to return what the registration returned.
    //   STATUS_INVALID_PARAMETER       what it registered is not enough (registration.h)
    //   STATUS_REVISION_MISMATCH       likewise
    //   STATUS_INVALID_DEVICE_STATE    (ours) it returned success without registering, or registered twice
    //   STATUS_INSUFFICIENT_RESOURCES  (ours) driver_slots drivers are there
    //   else                           what DriverEntry returned
    Outcome start(const Source& source);

    // Calls DxgkDdiUnload. All adapters are removed before. Also done by the destructor.
    Outcome unload();

    bool started() const { return started_; }
    const DRIVER_INITIALIZATION_DATA& ddis() const { return ddis_; }

    // What DxgkInitialize leads to: takes the DDIs of the driver whose DriverEntry runs with this driver object.
    static NTSTATUS NTAPI register_ddis(PDRIVER_OBJECT object, PUNICODE_STRING registry_path,
                                        PDRIVER_INITIALIZATION_DATA ddis);

private:
    Outcome judge_entry(Outcome called) const;
    bool take_slot();
    void leave_slot();

    DRIVER_OBJECT object_{};
    DRIVER_EXTENSION extension_{};
    DRIVER_INITIALIZATION_DATA ddis_{};
    Calls calls_;
    Outcome registered_;
    unsigned registrations_ = 0;
    bool started_ = false;
};

}  // namespace remap::miniport
