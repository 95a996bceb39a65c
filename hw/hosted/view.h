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
    // Maps runs of pages, or single ones, in the order given. A run of consecutive pages costs one mapping of the host
    // kernel, and the kernel limits their number (vm.max_map_count, 65530 as it ships). The error is a sentence for
    // people.
    static Result<std::unique_ptr<View>, std::string> map(const Memory& memory, std::span<const MemoryRange> runs,
                                                          bool writable);
    static Result<std::unique_ptr<View>, std::string> map(const Memory& memory, std::span<const PhysicalPage> pages,
                                                          bool writable);
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    // Part of the view is about to show other pages. Until show, a thread of this process that touches it waits.
    void hold(std::size_t first_page, std::size_t pages);

    // Puts runs of pages, as many as were held, behind it and lets the threads go on. An error leaves it held.
    Result<bool, std::string> show(const Memory& memory, std::size_t first_page, std::span<const MemoryRange> runs);

    std::byte* base() const { return base_; }
    std::size_t size() const { return size_; }  // bytes

private:
    View() = default;
    Result<bool, std::string> fill(const Memory& memory, std::byte* at, std::span<const MemoryRange> runs) const;

    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
    bool writable_ = true;
};

}  // namespace remap::hosted
