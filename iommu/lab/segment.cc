// SPDX-License-Identifier: MIT
#include "iommu/lab/segment.h"

#include "iommu/lab/rule.h"

#include <chrono>
#include <cstring>

#include <signal.h>
#include <unistd.h>

namespace remap::lab {

using namespace std::chrono_literals;

namespace {

constexpr auto refresh_interval = 50ms;

std::uint64_t nanoseconds_since_1970() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
}

SegmentHeader header_for(const SegmentOptions& options) {
    SegmentHeader header;
    header.version = segment_version;
    header.header_bytes = sizeof header;
    header.pid = static_cast<std::uint32_t>(::getpid());
    header.stage = static_cast<std::uint32_t>(Stage::Running);
    header.started = nanoseconds_since_1970();
    std::copy(options.name.begin(), options.name.end(), header.name.begin());
    std::strncpy(header.build.data(), REMAPLAB_VERSION, header.build.size() - 1);
    lay_out(header, {options.trace.bytes(), sizeof(CounterTable), most_rules * sizeof(RuleCounter),
                     sizeof(MailboxLayout), rules_text_bytes});
    return header;
}

// A new thread has all signals blocked but those of faults: they are for the threads of the program around us.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) ::sigdelset(&all, fault);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

}  // namespace

Result<std::unique_ptr<Segment>, std::string> Segment::create(const SegmentOptions& options) {
    if (!is_machine_name(options.name))
        return Failure{"\"" + options.name +
                       "\" cannot be a machine's name: it has 1 to 63 letters, digits, and . _ - " + "but not first"};
    if (!options.trace.makes_sense())
        return Failure{std::string("a lane of the trace has a power of two of bytes, from 64 KiB to 1 GiB")};
    std::unique_ptr<Segment> segment(new Segment);
    segment->place_ = options.file.empty() ? place_of_machine(options.name) : ObjectPlace{true, options.file};
    auto object = SharedObject::create(segment->place_, segment->place_.is_file ? is_segment_remains : is_dead_name);
    if (!object) return Failure{object.error()};
    segment->object_ = std::move(*object);
    segment->owner_ = ::getpid();
    segment->name_ = options.name;
    if (std::string what = segment->begin(options); !what.empty()) {
        SharedObject::remove(segment->place_);
        segment->owner_ = 0;
        return Failure{"cannot create " + segment->place_.text() + ": " + what};
    }
    return segment;
}

std::string Segment::begin(const SegmentOptions& options) {
    const SegmentHeader header = header_for(options);
    if (std::string what = object_.resize(header.bytes); !what.empty()) return what;
    auto mapping = GuardedMapping::map(object_, Access::Write, 0, header.bytes);
    if (!mapping) return mapping.error();
    mapping_ = std::move(*mapping);
    places_ = header.places;
    if (std::string what = recorder_.use(part(Part::Trace), options.trace, options.clock); !what.empty()) return what;
    auto* const there = new (mapping_->bytes().data()) SegmentHeader(header);
    std::atomic_ref(there->magic).store(segment_magic, std::memory_order_release);
    return {};
}

Segment::~Segment() {
    if (owner_ == 0) return;
    if (owner_ != ::getpid()) {
        (void)thread_.release();  // it is the parent's, and does not exist here
        return;
    }
    if (thread_) {
        thread_->request_stop();
        server_->wake();
        thread_->join();
    }
    if (refresh_) refresh_();
    recorder_.refresh();
    auto* const header = reinterpret_cast<SegmentHeader*>(mapping_->bytes().data());
    std::atomic_ref(header->ended).store(nanoseconds_since_1970());
    std::atomic_ref(header->stage).store(static_cast<std::uint32_t>(Stage::Ended));
    if (!place_.is_file) SharedObject::remove(place_);
}

std::span<std::byte> Segment::part(Part part) const {
    const PartPlace& place = places_[static_cast<unsigned>(part)];
    return mapping_->bytes().subspan(place.offset, place.bytes);
}

std::span<RuleCounter> Segment::rule_counters() const {
    return {reinterpret_cast<RuleCounter*>(part(Part::RuleCounts).data()), most_rules};
}

void Segment::serve(MailboxServer::Handler handler, std::function<void()> refresh) {
    server_ = std::make_unique<MailboxServer>(part(Part::Mailbox), std::move(handler));
    refresh_ = std::move(refresh);
    const SignalsBlocked blocked;
    thread_ = std::make_unique<std::jthread>([this](std::stop_token stop) { run(stop); });
}

void Segment::run(std::stop_token stop) {
    auto next = std::chrono::steady_clock::now();
    while (!stop.stop_requested() && !lost()) {
        server_->serve(refresh_interval);
        const auto now = std::chrono::steady_clock::now();
        if (now < next) continue;
        next = now + refresh_interval;
        recorder_.refresh();
        if (refresh_) refresh_();
    }
    if (lost()) recorder_.switch_on(false);
}

}  // namespace remap::lab
