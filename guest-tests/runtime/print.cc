// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/print.h"

#include "guest-tests/runtime/serial.h"

#include <cstdint>

namespace remap::guest {

namespace {

// Takes characters one at a time; each destination derives from it.
class Sink {
public:
    virtual void put(char character) = 0;

protected:
    ~Sink() = default;
};

class SerialSink final : public Sink {
public:
    void put(char character) override { serial::write(character); }
};

class BufferSink final : public Sink {
public:
    BufferSink(char* buffer, std::size_t size) : buffer_(buffer), size_(size) {}

    void put(char character) override {
        if (length_ + 1 < size_) buffer_[length_++] = character;
    }

    std::size_t finish() {
        if (size_ != 0) buffer_[length_] = '\0';
        return length_;
    }

private:
    char* buffer_;
    std::size_t size_;
    std::size_t length_ = 0;
};

struct Conversion {
    bool left = false;
    bool zeros = false;
    unsigned width = 0;
    unsigned longs = 0;  // number of l; z counts as one
};

void put_padded(Sink& sink, const Conversion& conversion, const char* sign, const char* text, std::size_t length) {
    std::size_t sign_length = 0;
    while (sign[sign_length] != '\0') ++sign_length;
    const std::size_t whole = sign_length + length;
    const std::size_t padding = conversion.width > whole ? conversion.width - whole : 0;
    if (!conversion.left && !conversion.zeros)
        for (std::size_t i = 0; i < padding; ++i) sink.put(' ');
    for (std::size_t i = 0; i < sign_length; ++i) sink.put(sign[i]);
    if (!conversion.left && conversion.zeros)
        for (std::size_t i = 0; i < padding; ++i) sink.put('0');
    for (std::size_t i = 0; i < length; ++i) sink.put(text[i]);
    if (conversion.left)
        for (std::size_t i = 0; i < padding; ++i) sink.put(' ');
}

void put_number(Sink& sink, const Conversion& conversion, const char* sign, std::uint64_t value, unsigned base) {
    char digits[20];
    std::size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put_padded(sink, conversion, sign, digits + first, sizeof digits - first);
}

void put_text(Sink& sink, const Conversion& conversion, const char* text) {
    if (text == nullptr) text = "(null)";
    std::size_t length = 0;
    while (text[length] != '\0') ++length;
    put_padded(sink, {conversion.left, false, conversion.width, 0}, "", text, length);
}

// Flags, width and length of the conversion at `at`; leaves `at` at its letter.
Conversion parse(const char*& at, std::va_list arguments) {
    Conversion conversion;
    for (; *at == '0' || *at == '-'; ++at) (*at == '0' ? conversion.zeros : conversion.left) = true;
    if (*at == '*') {
        const int width = va_arg(arguments, int);
        conversion.width = width > 0 ? static_cast<unsigned>(width) : 0;
        ++at;
    }
    for (; *at >= '0' && *at <= '9'; ++at) conversion.width = conversion.width * 10 + static_cast<unsigned>(*at - '0');
    for (; *at == 'l' || *at == 'z'; ++at) ++conversion.longs;
    return conversion;
}

void convert(Sink& sink, char letter, const Conversion& conversion, std::va_list arguments) {
    const auto unsigned_argument = [&]() -> std::uint64_t {
        return conversion.longs != 0 ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned);
    };
    switch (letter) {
        case 's': return put_text(sink, conversion, va_arg(arguments, const char*));
        case 'c': return sink.put(static_cast<char>(va_arg(arguments, int)));
        case 'u': return put_number(sink, conversion, "", unsigned_argument(), 10);
        case 'x': return put_number(sink, conversion, "", unsigned_argument(), 16);
        case 'p':
            return put_number(sink, conversion, "0x", reinterpret_cast<std::uint64_t>(va_arg(arguments, void*)), 16);
        case 'd':
        case 'i': {
            const std::int64_t value = conversion.longs != 0 ? va_arg(arguments, long) : va_arg(arguments, int);
            const std::uint64_t size = static_cast<std::uint64_t>(value);
            return put_number(sink, conversion, value < 0 ? "-" : "", value < 0 ? 0 - size : size, 10);
        }
        default: return sink.put(letter);  // %% and what -Wformat refuses at compile time
    }
}

void write_all(Sink& sink, const char* format, std::va_list arguments) {
    std::va_list rest;
    va_copy(rest, arguments);
    for (const char* at = format; *at != '\0'; ++at) {
        if (*at != '%') {
            sink.put(*at);
            continue;
        }
        ++at;
        const Conversion conversion = parse(at, rest);
        if (*at == '\0') break;
        convert(sink, *at, conversion, rest);
    }
    va_end(rest);
}

}  // namespace

void vprint(const char* format, std::va_list arguments) {
    SerialSink sink;
    write_all(sink, format, arguments);
}

void print(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    vprint(format, arguments);
    va_end(arguments);
}

std::size_t vformat(char* buffer, std::size_t size, const char* format, std::va_list arguments) {
    BufferSink sink(buffer, size);
    write_all(sink, format, arguments);
    return sink.finish();
}

std::size_t format(char* buffer, std::size_t size, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    const std::size_t length = vformat(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

}  // namespace remap::guest
