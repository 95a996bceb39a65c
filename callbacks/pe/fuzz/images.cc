// SPDX-License-Identifier: MIT
// Files of any bytes, and a driver image with some of its words changed: refused with a problem that has a sentence, or
// loaded, and then only what relocations, imports and the security cookie name differs from the file.
#include "base/fuzz/input.h"
#include "callbacks/pe/imports.h"
#include "callbacks/pe/loader.h"
#include "callbacks/pe/relocations.h"
#include "callbacks/pe/tests/builder.h"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace remap::fuzz {
namespace {

using namespace pe;

// Memory of exactly the image's size, so that the sanitizer sees a step beyond it.
class Memory final : public MemoryPort {
public:
    std::byte* allocate(std::uint64_t pages) override {
        require(base == nullptr, "one allocation an image");
        base = static_cast<std::byte*>(std::aligned_alloc(page_size, pages * page_size));
        if (base == nullptr) return nullptr;
        std::memset(base, 0, pages * page_size);
        rights.assign(pages, 0);
        return base;
    }
    bool protect(std::byte* first, std::uint64_t pages, const Rights& given) override {
        const std::uint64_t page = static_cast<std::uint64_t>(first - base) / page_size;
        require(first == base + page * page_size && page < rights.size() && pages != 0 && pages <= rights.size() - page,
                "protection is of whole pages of the image", page, pages);
        require(!(given.write && given.execute), "no page is both writable and executable", page);
        for (std::uint64_t i = page; i < page + pages; ++i) require(++rights[i] == 1, "one protection a page", i);
        return true;
    }
    void free(std::byte* given, std::uint64_t pages) override {
        require(given == base && pages == rights.size(), "what was allocated is freed");
        std::free(base);
        base = nullptr;
    }
    std::uint64_t random() override { return 0x0123456789abcdef; }

    static constexpr std::uint64_t page_size = 4096;
    std::byte* base = nullptr;
    std::vector<unsigned> rights;  // how often each page was protected
};

class Missing final : public MissingImports {
public:
    void missing(std::string_view module, std::string_view name) override {
        require(!module.empty() && !name.empty(), "a missing import has names");
        ++count;
    }
    unsigned count = 0;
};

const Export kernel_exports[] = {{"GetNumber", &kernel_exports}, {"GetOther", &kernel_exports}};
const Export hal_exports[] = {{"HalThing", &hal_exports}};
const ExportTable modules[] = {{"ntoskrnl.exe", kernel_exports}, {"HAL.dll", hal_exports}};

std::vector<std::byte> any_file(Input& input) {
    const auto* bytes = reinterpret_cast<const std::byte*>(input.rest().data());
    return {bytes, bytes + input.rest().size()};
}

// Values that sit at the edges of the image, of its sections and of 32 bits, or any.
std::uint64_t word_from(Input& input) {
    static constexpr std::uint64_t edges[] = {
        0,     1,     0xffffffff,  0x80000000, 0x7fffffff, 0x1000, 0x2000, 0x3000, 0x4000,     0x5000,    0x6000,
        0x200, 0xc00, 0x140003000, 0x31f8,     0x47f8,     0x2080, 0x20d0, 0xa000, 0x60000020, 0xc0000040};
    const unsigned choice = input.below(std::size(edges) + 2);
    if (choice >= std::size(edges)) return input.number(4);
    return edges[choice] + static_cast<std::uint64_t>(static_cast<std::int8_t>(input.below(9))) - 4;
}

std::vector<std::byte> changed_driver(Input& input) {
    Builder builder;
    const bool checksum = (input.byte() & 1) != 0;
    while (input.more()) {
        const std::uint64_t place = input.number(2);
        const unsigned bytes = 1u << (place >> 12 & 3);
        const std::size_t offset = (place & 0xfff) % (builder.file().size() - 8);
        const std::uint64_t word = word_from(input);
        for (unsigned i = 0; i < bytes; ++i) builder.put8(offset + i, static_cast<std::uint8_t>(word >> 8 * i));
    }
    if (checksum) builder.put32(0xd8, checksum_of(builder, 0xd8));
    return {builder.file().begin(), builder.file().end()};
}

std::size_t places_that_change(const Image& image) {
    std::size_t count = 1;  // the cookie
    for (Relocations places(image); places.next();) ++count;
    for (Imports imports(image); imports.next();) ++count;
    return count;
}

void check_loaded(const LoadedImage& loaded, const Image& image) {
    require(loaded.bytes() == image.bytes() && loaded.contains(loaded.entry()), "the entry point is in the image");
    std::size_t differences = 0;
    for (const Section& section : image.sections()) {
        const auto data = image.data_of(section);
        for (std::size_t i = 0; i < section.bytes; ++i) {
            const std::byte expected = i < data.size() ? data[i] : std::byte{0};
            differences += loaded.base()[section.address + i] != expected;
        }
    }
    require(differences <= 8 * places_that_change(image), "nothing else changes", differences);
    require(std::memcmp(loaded.base(), image.headers().data(), image.header_bytes()) == 0, "headers stay");
}

void load(const std::vector<std::byte>& file) {
    Memory memory;
    Missing missing;
    LoadedImage loaded(memory);
    const Problem problem = loaded.load(file, ExportTables(modules), missing);
    require(loaded.loaded() == !problem, "a problem, or an image");
    require((missing.count != 0) == (problem.error == Error::MissingImports), "missing imports are a problem");
    require(problem.sentence().c_str()[0] != '\0' && sentence_of(problem.error) != sentence_of(static_cast<Error>(255)),
            "each problem has a sentence");
    const auto image = Image::parse(file);
    if (!image) {
        require(image.error().error == problem.error && image.error().where == problem.where, "the same problem again");
        return;
    }
    if (problem) return;
    for (const unsigned times : memory.rights) require(times == 1, "each page is protected");
    check_loaded(loaded, *image);
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    load(input.below(4) == 0 ? any_file(input) : changed_driver(input));
    return 0;
}
