// SPDX-License-Identifier: MIT
// Memory that processes share by a name, or by a file. Whoever creates it owns it until its process ends, however that
// happens: the owner holds a lock that the kernel gives back. So a name whose owner is gone can be told from one in
// use, and is taken over.
//
// Only what belongs to this user alone is opened: a regular object, mode 0600, and no symbolic link.
#pragma once

#include "base/result.h"

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace remap::lab {

enum class Access : std::uint8_t { Read, Write };

// Where an object is found.
struct ObjectPlace {
    bool is_file = false;
    std::string name;  // a path, or a name of the form accepted by shm_open without its slash

    // For sentences to people.
    std::string text() const { return (is_file ? "file " : "shared memory ") + name; }
};

class SharedObject {
public:
    // Whether an object without an owner is what an owner of this kind leaves behind, and may be removed.
    using IsRemains = bool (*)(const SharedObject&);

    SharedObject() = default;

    // Creates an empty object, and owns it. The error is a sentence for people: somebody owns the name, it is something
    // else's, or the system refuses.
    static Result<SharedObject, std::string> create(const ObjectPlace& place, IsRemains is_remains);

    // Memory that has no name: this process's and its children's alone.
    static Result<SharedObject, std::string> create_unnamed();

    static Result<SharedObject, std::string> open(const ObjectPlace& place, Access access);

    // Removes the name if it is what a dead owner has left. True: it was, and is gone.
    static bool remove_remains(const ObjectPlace& place, IsRemains is_remains);

    // Removes the name, whoever has it; for its owner.
    static void remove(const ObjectPlace& place);

    // Makes it so long, in bytes, of zeros where there was nothing. An empty sentence, or the error.
    std::string resize(std::uint64_t bytes);

    std::uint64_t size() const;                                          // in bytes
    bool read(std::uint64_t offset, void* to, std::size_t bytes) const;  // false: it has not so many there
    std::uint64_t seconds_since_change() const;

    // Whether a process that lives owns it, this one or another.
    bool is_owned() const;

    int descriptor() const;
    boost::interprocess::mapping_handle_t get_mapping_handle() const;  // what Boost's mapped_region asks for

private:
    using Object = std::variant<boost::interprocess::shared_memory_object, boost::interprocess::file_mapping>;
    explicit SharedObject(Object object) : object_(std::move(object)) {}

    static SharedObject create_new(const ObjectPlace& place);
    static Result<SharedObject, std::string> open_checked(const ObjectPlace& place, Access access);

    Object object_;
};

}  // namespace remap::lab
