// SPDX-License-Identifier: MIT
// Runs a check in another process.
#pragma once

#include <functional>

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

}  // namespace remap::hosted
