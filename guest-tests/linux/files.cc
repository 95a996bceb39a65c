// SPDX-License-Identifier: MIT
#include "guest-tests/linux/files.h"

#include "guest-tests/linux/descriptor.h"

#include <fcntl.h>

#include <cerrno>

namespace remap::linux_guest {

std::string read_file(const std::string& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char part[4096];
    for (ssize_t length; (length = read(file.get(), part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(length));
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

int write_file(const std::string& path, const std::string& text) {
    const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return errno;
    return write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

}  // namespace remap::linux_guest
