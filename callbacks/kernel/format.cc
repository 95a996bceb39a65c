// SPDX-License-Identifier: MIT
#include "callbacks/kernel/format.h"

#include <algorithm>

namespace remap::kernel {

namespace {

constexpr std::uint64_t longest_field = 4096;  // widths and precisions beyond it mean nothing in a line of text

struct Conversion {
    bool left = false, zeros = false, plus = false, space = false, prefix = false;
    std::uint64_t width = 0;
    std::uint64_t precision = 0;
    bool has_precision = false;
    char size = 0;  // H (hh), h, l, q (64 bits), w
    char type = 0;
};

class Writer {
public:
    explicit Writer(std::span<char> buffer) : buffer_(buffer) {}

    void put(char character) {
        if (length_ < buffer_.size()) buffer_[length_++] = character;
    }
    void repeat(char character, std::uint64_t count) {
        for (; count != 0 && length_ < buffer_.size(); --count) put(character);
    }
    void put(std::string_view text) {
        for (const char character : text) put(character);
    }
    std::string_view written() const { return {buffer_.data(), length_}; }

private:
    std::span<char> buffer_;
    std::size_t length_ = 0;
};

std::uint64_t take(Arguments& arguments) { return *arguments.next++; }

std::uint64_t number(const char*& text) {
    std::uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; ++text)
        value = std::min(value * 10 + static_cast<unsigned>(*text - '0'), longest_field);
    return value;
}

void read_flags(const char*& text, Conversion& conversion) {
    for (;; ++text) switch (*text) {
            case '-': conversion.left = true; break;
            case '0': conversion.zeros = true; break;
            case '+': conversion.plus = true; break;
            case ' ': conversion.space = true; break;
            case '#': conversion.prefix = true; break;
            default: return;
        }
}

void read_size(const char*& text, Conversion& conversion) {
    const auto is = [&](const char* prefix) {
        const char* at = text;
        for (; *prefix != '\0'; ++prefix, ++at)
            if (*at != *prefix) return false;
        text = at;
        return true;
    };
    if (is("hh"))
        conversion.size = 'H';
    else if (is("h"))
        conversion.size = 'h';
    else if (is("ll") || is("I64") || is("z") || is("j") || is("t"))
        conversion.size = 'q';
    else if (is("I32") || is("l"))
        conversion.size = 'l';
    else if (is("I"))
        conversion.size = 'q';
    else if (is("w"))
        conversion.size = 'w';
}

void read_conversion(const char*& text, Conversion& conversion, Arguments& arguments) {
    read_flags(text, conversion);
    if (*text == '*') {
        const auto width = static_cast<std::int32_t>(take(arguments));
        conversion.left |= width < 0;
        conversion.width = std::min<std::uint64_t>(width < 0 ? -std::int64_t{width} : width, longest_field);
        ++text;
    } else {
        conversion.width = number(text);
    }
    if (*text == '.') {
        conversion.has_precision = true;
        ++text;
        if (*text == '*') {
            const auto precision = static_cast<std::int32_t>(take(arguments));
            conversion.has_precision = precision >= 0;
            conversion.precision = precision >= 0 ? std::min<std::uint64_t>(precision, longest_field) : 0;
            ++text;
        } else {
            conversion.precision = number(text);
        }
    }
    read_size(text, conversion);
    conversion.type = *text;
    if (*text != '\0') ++text;
}

// `sign` and prefix stay in front of zeros, which fill up to the precision, or to the width when asked.
void put_number(Writer& writer, const Conversion& conversion, std::string_view digits, std::string_view sign) {
    std::uint64_t zeros =
        conversion.has_precision && conversion.precision > digits.size() ? conversion.precision - digits.size() : 0;
    const std::uint64_t length = sign.size() + zeros + digits.size();
    std::uint64_t spaces = conversion.width > length ? conversion.width - length : 0;
    if (conversion.zeros && !conversion.left && !conversion.has_precision) zeros += spaces, spaces = 0;
    if (!conversion.left) writer.repeat(' ', spaces);
    writer.put(sign);
    writer.repeat('0', zeros);
    writer.put(digits);
    if (conversion.left) writer.repeat(' ', spaces);
}

std::string_view digits_of(std::uint64_t value, unsigned base, bool capitals, std::span<char, 24> buffer) {
    const char* const letters = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::size_t at = buffer.size();
    do buffer[--at] = letters[value % base], value /= base;
    while (value != 0);
    return {buffer.data() + at, buffer.size() - at};
}

std::uint64_t narrowed(std::uint64_t value, char size, bool is_signed) {
    unsigned bits = 64;
    switch (size) {
        case 'q': break;
        case 'h': bits = 16; break;
        case 'H': bits = 8; break;
        default: bits = 32;
    }
    value <<= 64 - bits;
    return is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> (64 - bits))
                     : value >> (64 - bits);
}

void put_integer(Writer& writer, const Conversion& conversion, std::uint64_t value) {
    char buffer[24];
    const bool is_signed = conversion.type == 'd' || conversion.type == 'i';
    const unsigned base = conversion.type == 'o' ? 8 : conversion.type == 'x' || conversion.type == 'X' ? 16 : 10;
    value = narrowed(value, conversion.size, is_signed);
    const bool negative = is_signed && static_cast<std::int64_t>(value) < 0;
    std::string_view sign = negative                        ? "-"
                            : is_signed && conversion.plus  ? "+"
                            : is_signed && conversion.space ? " "
                                                            : "";
    if (conversion.prefix && base == 16 && value != 0) sign = conversion.type == 'X' ? "0X" : "0x";
    put_number(writer, conversion, digits_of(negative ? 0 - value : value, base, conversion.type == 'X', buffer), sign);
}

template <typename Character>
void put_text(Writer& writer, const Conversion& conversion, const Character* text, std::uint64_t length) {
    const std::uint64_t spaces = conversion.width > length ? conversion.width - length : 0;
    if (!conversion.left) writer.repeat(' ', spaces);
    for (std::uint64_t index = 0; index < length; ++index) {
        const auto character = static_cast<std::uint32_t>(text[index]) & (sizeof(Character) == 1 ? 0xff : 0xffff);
        writer.put(sizeof(Character) == 2 && character > 0x7e ? '?' : static_cast<char>(character));
    }
    if (conversion.left) writer.repeat(' ', spaces);
}

template <typename Character>
void put_string(Writer& writer, const Conversion& conversion, std::uint64_t value) {
    const auto* text = reinterpret_cast<const Character*>(value);
    if (text == nullptr) return put_text(writer, conversion, "(null)", 6);
    const std::uint64_t most = conversion.has_precision ? conversion.precision : longest_field;
    std::uint64_t length = 0;
    while (length < most && text[length] != 0) ++length;
    put_text(writer, conversion, text, length);
}

// A counted string; its length is in bytes.
template <typename String, typename Character>
void put_counted(Writer& writer, const Conversion& conversion, std::uint64_t value) {
    const auto* string = reinterpret_cast<const String*>(value);
    if (string == nullptr || string->Buffer == nullptr) return put_text(writer, conversion, "(null)", 6);
    const std::uint64_t length = string->Length / sizeof(Character);
    put_text(writer, conversion, reinterpret_cast<const Character*>(string->Buffer),
             conversion.has_precision ? std::min(length, conversion.precision) : length);
}

bool is_wide(const Conversion& conversion) {
    const char type = conversion.type;
    if (type == 'C' || type == 'S') return conversion.size != 'h';
    return (conversion.size == 'w' || conversion.size == 'l') && (type == 'c' || type == 's' || type == 'Z');
}

// False when the conversion is not known.
bool convert(Writer& writer, const Conversion& conversion, Arguments& arguments, bool wide_allowed) {
    const bool wide = is_wide(conversion);
    switch (conversion.type) {
        case 'd':
        case 'i':
        case 'u':
        case 'o':
        case 'x':
        case 'X': put_integer(writer, conversion, take(arguments)); return true;
        case 'p': {
            char buffer[24];
            Conversion pointer = conversion;
            pointer.has_precision = true, pointer.precision = 16;
            put_number(writer, pointer, digits_of(take(arguments), 16, true, buffer), "");
            return true;
        }
        case 'c':
        case 'C': {
            const auto character = static_cast<char16_t>(take(arguments));
            if (wide)
                put_text(writer, conversion, &character, 1);
            else
                put_text(writer, conversion, reinterpret_cast<const char*>(&character), 1);
            return true;
        }
        case 's':
        case 'S':
        case 'Z': break;
        default: return false;
    }
    const std::uint64_t value = take(arguments);
    if (wide && !wide_allowed) return put_text(writer, conversion, "(not at this IRQL)", 18), true;
    if (conversion.type == 'Z') {
        if (wide)
            put_counted<UNICODE_STRING, WCHAR>(writer, conversion, value);
        else
            put_counted<STRING, char>(writer, conversion, value);
    } else if (wide) {
        put_string<WCHAR>(writer, conversion, value);
    } else {
        put_string<char>(writer, conversion, value);
    }
    return true;
}

}  // namespace

std::string_view format(std::span<char> buffer, const char* text, Arguments arguments, bool wide) {
    Writer writer(buffer);
    while (*text != '\0') {
        if (*text != '%') {
            writer.put(*text++);
            continue;
        }
        const char* const begin = text++;
        if (*text == '%') {
            writer.put(*text++);
            continue;
        }
        Conversion conversion;
        read_conversion(text, conversion, arguments);
        if (!convert(writer, conversion, arguments, wide)) writer.put({begin, static_cast<std::size_t>(text - begin)});
    }
    return writer.written();
}

}  // namespace remap::kernel
