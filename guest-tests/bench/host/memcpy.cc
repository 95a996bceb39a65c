// SPDX-License-Identifier: MIT
// What no device can beat: memcpy over the same pages in the same order, on the same requests as the guest's (bench.cc:
// copy, row, again). The argument is the number of pages that will be asked for.
#include "guest-tests/bench/pattern.h"

#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace remap;

// Memory as QEMU has a guest's: huge pages where the system gives them.
class Buffer {
public:
    explicit Buffer(std::uint64_t pages) : placement_(pages) {
        const std::uint64_t bytes = pages * page_size;
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no memory");
        madvise(memory, bytes, MADV_HUGEPAGE);
        std::memset(memory, 1, bytes);
        memory_ = static_cast<std::byte*>(memory);
        bench::shuffle(placement_, bench::placement_seed);
    }

    std::uint64_t pages() const { return placement_.size(); }
    std::byte* scattered(std::uint64_t page) { return memory_ + placement_[page] * page_size; }
    std::byte* in_a_row(std::uint64_t page) { return memory_ + page * page_size; }

private:
    std::vector<std::uint32_t> placement_;
    std::byte* memory_;
};

struct Copy {
    std::byte* to;
    const std::byte* from;
    std::size_t bytes;
};

std::uint64_t run(const std::vector<Copy>& copies) {
    const auto begin = std::chrono::steady_clock::now();
    for (const Copy& copy : copies) std::memcpy(copy.to, copy.from, copy.bytes);
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
}

std::vector<Copy> make_list(Buffer& buffer, bool rows, std::istringstream& request) {
    std::string leaves;
    std::uint64_t bytes = 0, pages = 0, copies = 0;
    if (!rows) request >> leaves >> bytes;
    request >> pages >> copies;
    if (!request || pages > buffer.pages()) throw std::runtime_error("a request that is not understood");
    std::vector<std::uint32_t> order(pages);
    bench::shuffle(order, bench::order_seed);
    std::vector<Copy> list;
    for (std::uint64_t n = 0; n < copies; ++n) {
        const bench::Piece piece = rows ? bench::row(pages, n) : bench::piece(order, n, bytes);
        const auto place = [&](std::uint64_t page) {
            return (leaves == "small" ? buffer.scattered(page) : buffer.in_a_row(page)) + piece.offset;
        };
        list.push_back({place(piece.to), place(piece.from), piece.bytes});
    }
    return list;
}

void serve(Buffer& buffer) {
    std::vector<Copy> list;
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
        std::istringstream request(line);
        std::string what;
        unsigned passes = 1;
        request >> what;
        if (what == "again") {
            request >> passes;
        } else {
            list = make_list(buffer, what == "row", request);
        }
        std::cout << "=";
        for (unsigned pass = 0; pass < passes; ++pass) std::cout << ' ' << run(list);
        std::cout << std::endl;
    }
}

}  // namespace

int main(int count, char** arguments) try {
    if (count != 2) throw std::runtime_error("usage: memcpy PAGES");
    Buffer buffer(std::stoul(arguments[1]));
    std::cout << "ready" << std::endl;
    serve(buffer);
} catch (const std::exception& error) {
    std::cerr << "memcpy: " << error.what() << '\n';
    return EXIT_FAILURE;
}
