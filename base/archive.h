// SPDX-License-Identifier: MIT
// The state of a model as bytes, for a snapshot or a migration. A class describes its fields once, for both directions,
// so that what is saved and what is loaded cannot differ:
//
//     template <typename Archive>
//     void state(Archive& archive) {
//         archive("RING_BASE", ring_base_);
//         archive.check(ring_base_ % 64 == 0, "RING_BASE", "is not a multiple of 64");
//         if (archive.since(2)) archive("PASID", pasid_);  // a stream of version 1 leaves it as it is
//     }
//
// A stream that is read may come from anybody. What it says is an error when it is cut, damaged, too old or too new, or
// breaks a bound or a check; from then on nothing more is read and no field changes. So load into an object that may be
// spoilt, and again into the one that counts when finish() found no error; and see to it that nothing between two
// checks is hurt by values that the first would refuse.
//
// A stream is a head of four 32-bit words (kind, version, bytes behind the head, CRC-32 of the three and of those
// bytes), and the fields, one behind the other without names or gaps. Everything is little-endian.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

namespace remap {

struct ArchiveFormat {
    std::uint32_t kind = 0;    // whose state it is: four letters, the first in the lowest byte
    std::uint32_t newest = 1;  // the version that is written
    std::uint32_t oldest = 1;  // the oldest that is still read
};

// Why a stream was refused. The texts are literals.
struct ArchiveError {
    const char* part = "";
    const char* field = "";
    const char* problem = nullptr;

    explicit operator bool() const { return problem != nullptr; }
};

// "part: field problem", cut off where the room ends, and ended by a zero.
void describe(const ArchiveError& error, std::span<char> to);

// What is common to both directions. A Direction moves words, knows how many elements may be read, and keeps errors.
template <typename Direction>
class Archive {
public:
    // A number of a fixed width, or one that is at most `most`.
    template <std::unsigned_integral Number>
    void operator()(const char* field, Number& value,
                    std::type_identity_t<Number> most = static_cast<Number>(~Number{})) {
        const std::uint64_t read = self().word(field, value, sizeof value);
        if (read > most) return self().fail(field, "is out of its bounds");
        value = static_cast<Number>(read);
    }

    void operator()(const char* field, bool& value) {
        std::uint8_t number = value;
        (*this)(field, number, 1);
        value = number != 0;
    }

    // An enumeration whose values count from 0 to `last`.
    template <typename Enumeration>
    requires std::is_enum_v<Enumeration>
    void operator()(const char* field, Enumeration& value, Enumeration last) {
        using Number = std::make_unsigned_t<std::underlying_type_t<Enumeration>>;
        auto number = static_cast<Number>(value);
        (*this)(field, number, static_cast<Number>(last));
        value = static_cast<Enumeration>(number);
    }

    // An object that describes its own fields; errors in them name it.
    template <typename Object>
    requires std::is_class_v<Object>
    void operator()(const char* part, Object& object) {
        const char* const outer = part_;
        part_ = part;
        object.state(self());
        part_ = outer;
    }

    template <typename Element, std::size_t count>
    void operator()(const char* field, std::array<Element, count>& elements) {
        for (Element& element : elements) (*this)(field, element);
    }

    template <typename Value>
    void operator()(const char* field, std::optional<Value>& value) {
        bool present = value.has_value();
        (*this)(field, present);
        if (!present) return value.reset();
        if (!value) value.emplace();
        (*this)(field, *value);
    }

    // A container of at most `most` elements, resized to what the stream has: never to more than it has bytes left.
    template <typename List>
    void list(const char* field, List& elements, std::uint32_t most) {
        auto count = static_cast<std::uint32_t>(elements.size());
        (*this)(field, count, most);
        if (!self().allows(field, count)) return;
        if constexpr (Direction::reading) elements.resize(count);
        for (auto& element : elements) (*this)(field, element);
    }

    // A value that is part of what the object is, not of its state: both sides must have the same.
    template <std::unsigned_integral Number>
    void same(const char* field, const Number& value) {
        Number there = value;
        (*this)(field, there);
        check(there == value, field, "differs from the one of this model");
    }

    // A rule that the fields read so far must keep. For the field whose state is refused when they do not.
    void check(bool kept, const char* field, const char* problem) {
        if (!kept) self().fail(field, problem);
    }

protected:
    const char* part_ = "";

private:
    Direction& self() { return static_cast<Direction&>(*this); }
};

// Writes what fits and counts all: with an empty span it tells the size that is needed.
class ArchiveWriter : public Archive<ArchiveWriter> {
public:
    static constexpr bool reading = false;

    ArchiveWriter(const ArchiveFormat& format, std::span<std::byte> to);

    bool since(std::uint32_t) const { return true; }
    bool ok() const { return true; }

    // Completes the head. The bytes of the whole stream; if they are more than the span has, its content is useless.
    std::size_t finish();

private:
    friend Archive;
    std::uint64_t word(const char* field, std::uint64_t value, std::size_t bytes);
    bool allows(const char*, std::uint64_t) const { return true; }
    void fail(const char*, const char*) {}  // what a model has in itself is no news to it

    void put(std::size_t at, std::uint64_t value, std::size_t bytes);

    std::span<std::byte> to_;
    std::size_t used_ = 0;
};

class ArchiveReader : public Archive<ArchiveReader> {
public:
    static constexpr bool reading = true;

    // The whole stream, no byte more or less. It is checked against its head before any field is read.
    ArchiveReader(const ArchiveFormat& format, std::span<const std::byte> from);

    // Whether the stream has the fields that came with a version.
    bool since(std::uint32_t version) const { return version_ >= version; }
    bool ok() const { return !error_; }

    // The first error, if there was one; bytes that nobody read are one too.
    ArchiveError finish();

private:
    friend Archive;
    std::uint64_t word(const char* field, std::uint64_t value, std::size_t bytes);
    bool allows(const char* field, std::uint64_t elements);
    void fail(const char* field, const char* problem);

    void read_head(const ArchiveFormat& format);
    std::uint64_t get(std::size_t at, std::size_t bytes) const;

    std::span<const std::byte> from_;  // what was not read yet
    std::uint32_t version_ = 0;
    ArchiveError error_;
};

// CRC-32 of IEEE 802.3, of pieces one behind the other: begin with 0.
std::uint32_t crc32(std::uint32_t before, std::span<const std::byte> bytes);

}  // namespace remap
