// SPDX-License-Identifier: MIT
// Makes one allocation of the code under test fail: of memory that is asked for with std::nothrow, which nothing else
// in a test does.
#pragma once

#include <cstdint>

namespace remap::callbacks::tests {

class FailingMemory {
public:
    // The allocation of this number fails, 0 is the next one; until the end of the scope.
    explicit FailingMemory(std::int64_t at);
    ~FailingMemory();
    FailingMemory(const FailingMemory&) = delete;
    FailingMemory& operator=(const FailingMemory&) = delete;

    bool failed() const;
};

}  // namespace remap::callbacks::tests
