// SPDX-License-Identifier: MIT
#include "iommu/driver/errors.h"

namespace remap::vtd_driver {

Error error_of(paging::EditError error) {
    using paging::EditError;
    switch (error) {
        case EditError::None: return Error::None;
        case EditError::AlreadyMapped: return Error::AlreadyMapped;
        case EditError::NotMapped: return Error::NotMapped;
        case EditError::OutOfRange: return Error::OutOfRange;
        case EditError::BadAttributes: return Error::NotOffered;
        case EditError::NoMemory: return Error::NoMemory;
    }
    return Error::NoMemory;
}

const char* name_of(Error error) {
    switch (error) {
        case Error::None: return "no error";
        case Error::NoUnit: return "no remapping unit there";
        case Error::NotOffered: return "the unit does not offer this";
        case Error::NoMemory: return "no memory for a table";
        case Error::Timeout: return "the unit did not acknowledge in time";
        case Error::QueueError: return "the unit reported an invalidation queue error";
        case Error::DeviceTimeout: return "a device did not answer an invalidation in time";
        case Error::AlreadyMapped: return "a page of the range is mapped already";
        case Error::NotMapped: return "a page of the range is not mapped";
        case Error::OutOfRange: return "an address is out of range";
    }
    return "unknown error";
}

}  // namespace remap::vtd_driver
