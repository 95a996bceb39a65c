// SPDX-License-Identifier: MIT
// Requests of tools and the machine's answers, as texts in shared memory. One tool at a time, by a lock that the kernel
// takes back when a process dies. The machine's side believes nothing it reads there, and waits for nobody: whoever
// dies or writes nonsense at any point loses the own answer.
#pragma once

#include "base/result.h"
#include "iommu/lab/guarded_mapping.h"
#include "iommu/lab/shared_object.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace remap::lab {

inline constexpr std::size_t longest_request = 64 * 1024;       // bytes
inline constexpr std::size_t longest_answer = 4 * 1024 * 1024;  // bytes

// Requests are numbered. A number is odd while its text is being written; the answer bears the number of its request.
struct MailboxLayout {
    std::atomic<std::uint32_t> request;  // the latest; the machine waits for it to change
    std::atomic<std::uint32_t> request_bytes;
    std::atomic<std::uint32_t> answer;  // the tool waits for it to be its number
    std::atomic<std::uint32_t> answer_bytes;
    std::array<char, 4096 - 16> unused;
    std::array<char, longest_request> request_text;
    std::array<char, longest_answer> answer_text;
};

// The machine's side, for one thread.
class MailboxServer {
public:
    using Handler = std::function<std::string(std::string_view)>;

    // The memory, at least as large as the layout, aligned to a page, outlives us. The handler gives the answer; it may
    // be asked anything. An answer that is too long is cut off, one to a request that was withdrawn is lost.
    MailboxServer(std::span<std::byte> memory, Handler handler);

    // Waits for a request for so long at most, and answers it.
    void serve(std::chrono::milliseconds longest);

    // Makes a serve() of another thread return early.
    void wake() const;

private:
    bool take_request(std::uint32_t number);
    void answer(std::uint32_t number);

    MailboxLayout* mailbox_;
    Handler handler_;
    std::uint32_t served_ = 0;
    std::string request_;
};

// The tool's side. The object is that which the mailbox lies in, opened by this process for reading and writing.
class MailboxClient {
public:
    MailboxClient(const SharedObject& object, std::span<std::byte> memory);

    // The answer to a request, or a sentence for people why there is none: the request is too long, another tool keeps
    // the machine busy, the machine is gone, it does not answer in time.
    Result<std::string, std::string> ask(std::string_view request, std::chrono::milliseconds longest);

private:
    Result<std::string, std::string> wait_for_answer(std::uint32_t number, std::chrono::steady_clock::time_point end);

    const SharedObject* object_;
    MailboxLayout* mailbox_;
};

}  // namespace remap::lab
