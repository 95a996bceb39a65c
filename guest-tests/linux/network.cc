// SPDX-License-Identifier: MIT
#include "guest-tests/linux/network.h"

#include "guest-tests/linux/content.h"
#include "guest-tests/linux/host.h"
#include "guest-tests/linux/packet_socket.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace remap::linux_guest {

namespace {

constexpr std::size_t shortest_payload = 48, longest_payload = 1496;  // with the header: 64 and 1512 bytes
constexpr std::int64_t in_flight = 128;                               // frames that may be on their way
constexpr auto patience = std::chrono::milliseconds(300);             // then they are taken for lost
constexpr unsigned idle_windows = 10;                                 // in a row: then nothing will come any more
constexpr unsigned rounds = 50;

// Header, number, words of the frame's own series. The number alone says how long a frame is.
struct Frame {
    FrameHeader header;
    std::uint64_t number = 0;
    std::uint64_t words[(longest_payload - 8) / 8];

    static std::size_t length_of(std::uint64_t number) {
        const std::uint64_t step = content::word({0, number * 8}) % ((longest_payload - shortest_payload) / 8 + 1);
        return sizeof(FrameHeader) + shortest_payload + step * 8;
    }
    static std::size_t words_bytes(std::uint64_t number) { return length_of(number) - sizeof(FrameHeader) - 8; }
    static Place place(std::uint64_t series, std::uint64_t number) { return {series, number * 2048}; }
};

// One direction: a thread that sends, a thread that receives, and the books that they share.
class Stream {
public:
    Stream(const PacketSocket& from, const PacketSocket& to, std::uint64_t bytes, std::uint64_t series)
        : from_(from), to_(to), series_(series), arrived_(frames_for(bytes)) {}

    void run() {
        const std::jthread receiver([this] { receive(); });
        for (unsigned round = 0; round < rounds && !finished(); ++round) send_what_is_missing();
        stopped_ = true;
    }

    // Empty when all has arrived as it was sent.
    std::string problem() const {
        if (!problem_.empty()) return problem_;
        if (received_ == arrived_.size()) return {};
        return std::to_string(arrived_.size() - received_) + " of " + std::to_string(arrived_.size()) +
               " frames did not arrive, " + std::to_string(sent_) + " were sent";
    }

    std::uint64_t frames() const { return arrived_.size(); }
    std::uint64_t sent_again() const { return sent_ - arrived_.size(); }

private:
    static std::uint64_t frames_for(std::uint64_t bytes) {
        std::uint64_t frames = 0;
        for (std::uint64_t sum = 0; sum < bytes; ++frames) sum += Frame::words_bytes(frames);
        return frames;
    }

    bool finished() const { return stopped_ || received_ == arrived_.size(); }

    void send_what_is_missing() {
        Frame frame{.header = {.to = to_.address(), .from = from_.address()}, .number = 0, .words = {}};
        open_window();
        for (std::uint64_t number = 0; number < arrived_.size() && !stopped_; ++number) {
            if (arrived_[number]) continue;
            frame.number = number;
            content::fill(frame.words, Frame::words_bytes(number), Frame::place(series_, number));
            wait_until_on_the_way(in_flight - 1);
            if (from_.send(std::as_bytes(std::span(&frame, 1)).first(Frame::length_of(number))))
                ++sent_;
            else
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        wait_until_on_the_way(0);
    }

    // What is on the way counts from here: what was sent before has arrived or is lost.
    void open_window() {
        sent_before_ = sent_;
        received_before_ = received_;
    }

    // Can be less than none, when what was taken for lost arrives after all.
    std::int64_t on_the_way() const {
        return static_cast<std::int64_t>(sent_ - sent_before_) -
               static_cast<std::int64_t>(received_ - received_before_);
    }

    // Until no more than so many frames are on the way; those that do not come are given up.
    void wait_until_on_the_way(std::int64_t frames) {
        auto last = received_.load();
        auto since = std::chrono::steady_clock::now();
        while (on_the_way() > frames && !stopped_) {
            std::this_thread::sleep_for(std::chrono::microseconds(50));
            const auto now = std::chrono::steady_clock::now();
            if (received_ != last) {
                last = received_;
                since = now;
                idle_ = 0;
            } else if (now - since > patience) {
                open_window();
                if (++idle_ == idle_windows) stopped_ = true;
            }
        }
    }

    void receive() {
        Frame frame{};
        while (!finished()) {
            const std::size_t length = to_.receive(std::as_writable_bytes(std::span(&frame, 1)));
            if (length == 0 || frame.header.to != to_.address()) continue;
            if (std::string wrong = check(frame, length); !wrong.empty()) {
                problem_ = "a frame of " + std::to_string(length) + " bytes: " + wrong;
                stopped_ = true;
            }
        }
    }

    std::string check(const Frame& frame, std::size_t length) {
        if (frame.number >= arrived_.size()) return "number " + std::to_string(frame.number) + " was not sent";
        if (length != Frame::length_of(frame.number))
            return "number " + std::to_string(frame.number) + " is longer or shorter";
        const Place place = Frame::place(series_, frame.number);
        if (const auto wrong = content::compare(frame.words, Frame::words_bytes(frame.number), place))
            return content::describe(*wrong);
        if (!arrived_[frame.number].exchange(true)) ++received_;
        return {};
    }

    const PacketSocket& from_;
    const PacketSocket& to_;
    std::uint64_t series_;
    std::vector<std::atomic<bool>> arrived_;
    std::atomic<std::uint64_t> received_ = 0;
    std::uint64_t sent_ = 0, sent_before_ = 0, received_before_ = 0;
    unsigned idle_ = 0;
    std::atomic<bool> stopped_ = false;
    std::string problem_;  // the receiver's, until it has ended
};

}  // namespace

testing::AssertionResult exchange(const std::string& left, const std::string& right, std::uint64_t bytes,
                                  std::uint64_t series) {
    const PacketSocket ends[] = {PacketSocket(left), PacketSocket(right)};
    for (const PacketSocket& end : ends)
        if (!end.problem().empty()) return testing::AssertionFailure() << end.problem();

    Stream there(ends[0], ends[1], bytes, series), back(ends[1], ends[0], bytes, series + 1);
    {
        const std::jthread other([&] { back.run(); });
        there.run();
    }
    for (const Stream* stream : {&there, &back}) {
        const char* way = stream == &there ? "to" : "from";
        if (std::string problem = stream->problem(); !problem.empty())
            return testing::AssertionFailure() << left << " " << way << " " << right << ": " << problem;
        note("%s %s %s: %lu frames, %lu sent again", left.c_str(), way, right.c_str(), stream->frames(),
             stream->sent_again());
    }
    return testing::AssertionSuccess();
}

}  // namespace remap::linux_guest
