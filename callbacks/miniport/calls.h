// SPDX-License-Identifier: MIT
// The one way to a driver's DDIs. Every call is at PASSIVE_LEVEL and has to come back there; none is made while the
// driver has given the device up between BeginExclusiveAccess and EndExclusiveAccess.
#pragma once

#include "callbacks/miniport/outcome.h"

namespace remap::miniport {

class Calls {
public:
    // Calls a DDI of the shape NTSTATUS(arguments...). Beside the driver's own failures:
    // STATUS_NOT_IMPLEMENTED       the driver registered none
    // STATUS_INVALID_DEVICE_STATE  (ours) an exclusive period is under way; the caller is not at PASSIVE_LEVEL; or the
    //                              call came back at another IRQL (bugcheck 0xC8 on Windows), which is put right
    template <typename Ddi, typename... Arguments>
    Outcome call(const char* name, Ddi* ddi, Arguments... arguments) {
        if (exclusive_) return refuse(name);
        return call_always(name, ddi, arguments...);
    }

    // The same, in an exclusive period too: for the DDI that ends it, and where a device has to be stopped whatever
    // happens.
    template <typename Ddi, typename... Arguments>
    Outcome call_always(const char* name, Ddi* ddi, Arguments... arguments) {
        if (ddi == nullptr) return not_registered(name);
        if (KeGetCurrentIrql() != PASSIVE_LEVEL) return called_high(name);
        ++made_;
        return judge(name, (*ddi)(arguments...));
    }

    void set_exclusive(bool exclusive) { exclusive_ = exclusive; }
    bool exclusive() const { return exclusive_; }

    // How many calls there have been.
    unsigned long made() const { return made_; }

private:
    static Outcome refuse(const char* name);
    static Outcome not_registered(const char* name);
    static Outcome called_high(const char* name);
    static Outcome judge(const char* name, NTSTATUS status);

    bool exclusive_ = false;
    unsigned long made_ = 0;
};

}  // namespace remap::miniport
