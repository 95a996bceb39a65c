// SPDX-License-Identifier: MIT
// A mapping of memory that others may cut short. Whoever can open a shared memory object or a file can truncate it, and
// the next access beyond its new end is a SIGBUS. Here such a fault costs the mapping its contents and nothing else:
// private zero pages take its place, and the access goes on.
#pragma once

#include "base/result.h"
#include "iommu/lab/shared_object.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace boost::interprocess {
class mapped_region;
}

namespace remap::lab {

// Any thread may use the memory. The handler is installed with a process's first mapping, and passes everything that is
// not about one of these mappings on to the one that was there before.
class GuardedMapping {
public:
    static constexpr std::size_t most = 64;  // in one process at one time

    // Maps this part of an object, in bytes; the offset is a multiple of a page. The object may be closed afterwards.
    // The error is a sentence for people: the system refuses, or there are `most` mappings already.
    static Result<std::unique_ptr<GuardedMapping>, std::string> map(const SharedObject& object, Access access,
                                                                    std::uint64_t offset, std::size_t bytes);
    ~GuardedMapping();
    GuardedMapping(const GuardedMapping&) = delete;
    GuardedMapping& operator=(const GuardedMapping&) = delete;

    std::span<std::byte> bytes() const;

    // Whether the object was cut short under us: what is in the memory since is nobody else's.
    bool lost() const;

    // A thread that has SIGBUS blocked is killed by such a fault instead. QEMU creates its threads with it blocked, so
    // each thread calls this once before it uses such memory. Calling it again costs a system call.
    static void admit_this_thread();

private:
    GuardedMapping(std::unique_ptr<boost::interprocess::mapped_region> region, std::size_t slot);

    std::unique_ptr<boost::interprocess::mapped_region> region_;
    std::size_t slot_;
};

}  // namespace remap::lab
