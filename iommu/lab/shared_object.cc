// SPDX-License-Identifier: MIT
#include "iommu/lab/shared_object.h"

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/permissions.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace remap::lab {

namespace ipc = boost::interprocess;

namespace {

std::string path_of(const ObjectPlace& place) { return place.is_file ? place.name : "/dev/shm/" + place.name; }

bool try_lock(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

// Somebody who looks whether it is owned holds the lock for a moment.
bool take_ownership(int descriptor) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (try_lock(descriptor)) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

// Whether this object is still the one of that name, and not one that was made after it.
bool is_at(const ObjectPlace& place, int descriptor) {
    struct stat named {
    }, opened{};
    return ::lstat(path_of(place).c_str(), &named) == 0 && ::fstat(descriptor, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

// What is wrong with an object that somebody else may have put there; empty if nothing is.
std::string complaint(const ObjectPlace& place, int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::strerror(errno);
    if (!S_ISREG(status.st_mode)) return "it is not a regular file";
    if (status.st_uid != ::geteuid()) return "it belongs to another user";
    if ((status.st_mode & 0777) != 0600) return "others than its user may open it (its mode is not 0600)";
    if (!is_at(place, descriptor)) return "it is a symbolic link, or was replaced meanwhile";
    return {};
}

// A name that no process has, nor one that crashed under the same process id ever had.
std::string unique_name() {
    std::uint64_t random[2] = {};
    if (::getrandom(random, sizeof random, 0) != sizeof random) return {};
    return "remaplab-" + std::to_string(random[0]) + "-" + std::to_string(random[1]);
}

// Removes a name with the lock of its object held: nobody who keeps to this can then put another in its place.
bool remove_locked(const ObjectPlace& place, const SharedObject& object, SharedObject::IsRemains is_remains) {
    if (!try_lock(object.descriptor())) return false;
    const bool remains = is_remains(object) && is_at(place, object.descriptor());
    if (remains) SharedObject::remove(place);
    ::flock(object.descriptor(), LOCK_UN);
    return remains;
}

}  // namespace

SharedObject SharedObject::create_new(const ObjectPlace& place) {
    if (!place.is_file)
        return SharedObject(
            ipc::shared_memory_object(ipc::create_only, place.name.c_str(), ipc::read_write, ipc::permissions(0600)));
    const int descriptor = ::open(place.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) throw ipc::interprocess_exception(ipc::system_error_code());
    ::close(descriptor);
    SharedObject object(ipc::file_mapping(place.name.c_str(), ipc::read_write));
    ::fcntl(object.descriptor(), F_SETFD, FD_CLOEXEC);  // Boost leaves it out for files
    return object;
}

Result<SharedObject, std::string> SharedObject::create(const ObjectPlace& place, IsRemains is_remains) {
    const std::string cannot = "cannot create " + place.text() + ": ";
    for (int tries = 0; tries < 3; ++tries) {
        try {
            SharedObject object = create_new(place);
            ::fchmod(object.descriptor(), 0600);  // whatever the umask takes away
            if (!take_ownership(object.descriptor()) || !is_at(place, object.descriptor()))
                return Failure{cannot + "another process has taken it at the same time"};
            return object;
        } catch (const ipc::interprocess_exception& error) {
            if (error.get_error_code() != ipc::already_exists_error) return Failure{cannot + error.what()};
        }
        const auto there = open_checked(place, Access::Write);
        if (!there) return Failure{cannot + there.error()};
        if (there->is_owned()) return Failure{cannot + "another machine has this name"};
        if (!remove_locked(place, *there, is_remains))
            return Failure{cannot + "it exists and is not what a machine has left behind; remove it or choose another"};
    }
    return Failure{cannot + "others create and remove it all the time"};
}

Result<SharedObject, std::string> SharedObject::create_unnamed() {
    try {
        const ObjectPlace place{.name = unique_name()};
        SharedObject object = create_new(place);
        remove(place);
        return object;
    } catch (const ipc::interprocess_exception& error) {
        return Failure{std::string("cannot create shared memory: ") + error.what()};
    }
}

Result<SharedObject, std::string> SharedObject::open_checked(const ObjectPlace& place, Access access) {
    // Boost opens files as they come: a pipe would wait for a writer, a device might act.
    struct stat status {};
    if (::lstat(path_of(place).c_str(), &status) != 0) return Failure{std::string(std::strerror(errno))};
    if (!S_ISREG(status.st_mode)) return Failure{std::string("it is not a regular file")};
    const auto mode = access == Access::Write ? ipc::read_write : ipc::read_only;
    try {
        SharedObject object(place.is_file
                                ? Object(ipc::file_mapping(place.name.c_str(), mode))
                                : Object(ipc::shared_memory_object(ipc::open_only, place.name.c_str(), mode)));
        ::fcntl(object.descriptor(), F_SETFD, FD_CLOEXEC);
        if (std::string what = complaint(place, object.descriptor()); !what.empty()) return Failure{what};
        return object;
    } catch (const ipc::interprocess_exception& error) {
        return Failure{std::string(error.what())};
    }
}

Result<SharedObject, std::string> SharedObject::open(const ObjectPlace& place, Access access) {
    auto object = open_checked(place, access);
    if (!object) return Failure{"cannot open " + place.text() + ": " + object.error()};
    return object;
}

bool SharedObject::remove_remains(const ObjectPlace& place, IsRemains is_remains) {
    const auto object = open_checked(place, Access::Read);
    return object && remove_locked(place, *object, is_remains);
}

void SharedObject::remove(const ObjectPlace& place) {
    if (place.is_file) {
        ::unlink(place.name.c_str());
    } else {
        ipc::shared_memory_object::remove(place.name.c_str());
    }
}

std::string SharedObject::resize(std::uint64_t bytes) {
    if (::ftruncate(descriptor(), static_cast<off_t>(bytes)) == 0) return {};
    return "cannot give it " + std::to_string(bytes) + " bytes: " + std::strerror(errno);
}

std::uint64_t SharedObject::size() const {
    struct stat status {};
    return ::fstat(descriptor(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool SharedObject::read(std::uint64_t offset, void* to, std::size_t bytes) const {
    return ::pread(descriptor(), to, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

std::uint64_t SharedObject::seconds_since_change() const {
    struct stat status {};
    if (::fstat(descriptor(), &status) != 0) return 0;
    const std::time_t now = std::time(nullptr);
    return now > status.st_mtime ? static_cast<std::uint64_t>(now - status.st_mtime) : 0;
}

bool SharedObject::is_owned() const {
    if (!try_lock(descriptor())) return true;
    ::flock(descriptor(), LOCK_UN);
    return false;
}

int SharedObject::descriptor() const { return get_mapping_handle().handle; }

ipc::mapping_handle_t SharedObject::get_mapping_handle() const {
    return std::visit([](const auto& object) { return object.get_mapping_handle(); }, object_);
}

}  // namespace remap::lab
