// SPDX-License-Identifier: MIT
#include "iommu/lab/mailbox.h"

#include "iommu/lab/futex.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace remap::lab {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

namespace {

// Texts lie in memory that others write at the same time: byte by byte, each read once.
void copy_out(const char* from, std::string& to) {
    for (char& byte : to) byte = __atomic_load_n(from++, __ATOMIC_RELAXED);
}

void copy_in(std::string_view from, char* to) {
    for (const char byte : from) __atomic_store_n(to++, byte, __ATOMIC_RELAXED);
}

std::chrono::milliseconds until(Clock::time_point end) {
    return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()));
}

// A lock of an open file, not of a process or a thread: the kernel gives it back with the last descriptor. It lies on
// a byte of the object; nobody locks others.
class ClientLock {
public:
    ClientLock(int descriptor, Clock::time_point end) : descriptor_(descriptor) {
        while (!(held_ = set(F_WRLCK)) && (errno == EAGAIN || errno == EACCES) && Clock::now() < end)
            std::this_thread::sleep_for(2ms);
    }
    ~ClientLock() {
        if (held_) set(F_UNLCK);
    }
    ClientLock(const ClientLock&) = delete;
    ClientLock& operator=(const ClientLock&) = delete;
    bool held() const { return held_; }

private:
    bool set(short type) const {
        struct flock lock {};
        lock.l_type = type;
        lock.l_whence = SEEK_SET;
        lock.l_len = 1;
        return ::fcntl(descriptor_, F_OFD_SETLK, &lock) == 0;
    }
    int descriptor_;
    bool held_ = false;
};

}  // namespace

MailboxServer::MailboxServer(std::span<std::byte> memory, Handler handler)
    : mailbox_(reinterpret_cast<MailboxLayout*>(memory.data())), handler_(std::move(handler)) {}

void MailboxServer::serve(std::chrono::milliseconds longest) {
    std::uint32_t number = mailbox_->request.load(std::memory_order_acquire);
    if (number == served_ || (number & 1) != 0) {
        if (!wait_for_change(mailbox_->request, number, longest)) std::this_thread::sleep_for(longest);
        number = mailbox_->request.load(std::memory_order_acquire);
    }
    if (number == served_ || (number & 1) != 0) return;
    if (!take_request(number)) return;
    served_ = number;
    answer(number);
}

// False: another request has come meanwhile, and this one may be half that one.
bool MailboxServer::take_request(std::uint32_t number) {
    request_.resize(std::min<std::size_t>(mailbox_->request_bytes.load(std::memory_order_relaxed), longest_request));
    copy_out(mailbox_->request_text.data(), request_);
    std::atomic_thread_fence(std::memory_order_acquire);
    return mailbox_->request.load(std::memory_order_relaxed) == number;
}

void MailboxServer::answer(std::uint32_t number) {
    const std::string text = handler_(request_);
    const std::string_view fits = std::string_view(text).substr(0, longest_answer);
    mailbox_->answer.store(number + 1, std::memory_order_relaxed);  // odd: nobody's, while it is written
    std::atomic_thread_fence(std::memory_order_release);
    copy_in(fits, mailbox_->answer_text.data());
    mailbox_->answer_bytes.store(static_cast<std::uint32_t>(fits.size()), std::memory_order_relaxed);
    mailbox_->answer.store(number, std::memory_order_release);
    wake_all(mailbox_->answer);
}

void MailboxServer::wake() const { wake_all(mailbox_->request); }

MailboxClient::MailboxClient(const SharedObject& object, std::span<std::byte> memory)
    : object_(&object), mailbox_(reinterpret_cast<MailboxLayout*>(memory.data())) {}

Result<std::string, std::string> MailboxClient::ask(std::string_view request, std::chrono::milliseconds longest) {
    if (request.size() > longest_request)
        return Failure{"a request has at most " + std::to_string(longest_request) + " bytes, and this one has " +
                       std::to_string(request.size())};
    const auto end = Clock::now() + longest;
    if (!object_->is_owned()) return Failure{std::string("the machine has ended")};
    const ClientLock lock(object_->descriptor(), end);
    if (!lock.held()) return Failure{std::string("another tool keeps the machine busy")};
    const std::uint32_t writing = mailbox_->request.load(std::memory_order_relaxed) | 1;
    mailbox_->request.store(writing, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    copy_in(request, mailbox_->request_text.data());
    mailbox_->request_bytes.store(static_cast<std::uint32_t>(request.size()), std::memory_order_relaxed);
    mailbox_->request.store(writing + 1, std::memory_order_release);
    wake_all(mailbox_->request);
    return wait_for_answer(writing + 1, end);
}

Result<std::string, std::string> MailboxClient::wait_for_answer(std::uint32_t number, Clock::time_point end) {
    for (;;) {
        const std::uint32_t answered = mailbox_->answer.load(std::memory_order_acquire);
        if (answered == number) break;
        if (!object_->is_owned()) return Failure{std::string("the machine ended before it answered")};
        if (Clock::now() >= end) return Failure{std::string("the machine does not answer; is it stopped?")};
        if (!wait_for_change(mailbox_->answer, answered, std::min(until(end), 200ms)))
            return Failure{std::string("the machine's control segment was cut off")};
    }
    std::string text(std::min<std::size_t>(mailbox_->answer_bytes.load(std::memory_order_relaxed), longest_answer), 0);
    copy_out(mailbox_->answer_text.data(), text);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (mailbox_->answer.load(std::memory_order_relaxed) != number)
        return Failure{std::string("somebody else wrote to the mailbox at the same time")};
    return text;
}

}  // namespace remap::lab
