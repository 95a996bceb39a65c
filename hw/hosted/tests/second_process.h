// SPDX-License-Identifier: MIT
// Runs a check in another process, which may attach to memory that was created under a name.
#pragma once

#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace remap::hosted {

// Whether `check` returns true in a child process, which shares nothing with this one but what it opens by name.
inline bool in_second_process(const std::function<bool()>& check) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(check() ? 0 : 1);
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A name for shared memory that no other test of this run has.
inline std::string shared_name() { return "remaplab-test-" + std::to_string(::getpid()); }

}  // namespace remap::hosted
