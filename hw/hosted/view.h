// SPDX-License-Identifier: MIT
// A view: pages of the hosted machine's memory, scattered as they may be, mapped side by side in this process.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "hw/hosted/memory.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace remap::hosted {

class View {
public:
    // Maps the pages in the order given. A run of consecutive pages costs one mapping of the host kernel, and the
    // kernel limits their number (vm.max_map_count, 65530 as it ships). The error is a sentence for people.
    static Result<std::unique_ptr<View>, std::string> map(const Memory& memory, std::span<const PhysicalPage> pages,
                                                          bool writable);
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    std::byte* base() const { return base_; }
    std::size_t size() const { return size_; }  // bytes

private:
    View() = default;

    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace remap::hosted
