// SPDX-License-Identifier: MIT
// A machine's control segment: the memory that tools attach to. It holds the trace, counters, and a mailbox for
// commands. Its owner writes to it and never believes what it finds there: all numbers that decide where something is
// written are in private memory. It is this user's alone (mode 0600), and goes with the machine unless it is a file.
#pragma once

#include "base/result.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/guarded_mapping.h"
#include "iommu/lab/layout.h"
#include "iommu/lab/mailbox.h"
#include "iommu/lab/recorder.h"
#include "iommu/lab/rule_counters.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

namespace remap::lab {

struct SegmentOptions {
    std::string name;  // see is_machine_name
    std::string file;  // the segment lies in this file and outlives the machine; empty: in shared memory
    TraceShape trace;
    TraceClock clock;
};

class Segment {
public:
    // The error is a sentence for people: a name that cannot be or that another machine has, a file that is something
    // else, no memory. What a dead machine of this name left is replaced.
    static Result<std::unique_ptr<Segment>, std::string> create(const SegmentOptions& options);

    // After the last event was recorded and the last counter written.
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    const std::string& name() const { return name_; }
    Recorder& recorder() { return recorder_; }

    // Tables that tools read, zero at first. A thread that writes to one and neither records nor is the one that
    // refreshes calls GuardedMapping::admit_this_thread before.
    CounterTable& counters() const { return *reinterpret_cast<CounterTable*>(part(Part::Counters).data()); }
    std::span<RuleCounter> rule_counters() const;  // for Decisions::publish_to

    // Memory for a TextPublisher: which rules there are and were.
    std::span<std::byte> rules_text() const { return part(Part::Rules); }

    // Starts the thread that answers tools by `handler` and calls `refresh` about twenty times a second, and once more
    // at the end; both may be called until the segment is gone. Once.
    void serve(MailboxServer::Handler handler, std::function<void()> refresh = {});

    // Whether somebody cut the segment off under us: the machine goes on, and nobody sees it any more.
    bool lost() const { return mapping_->lost(); }

private:
    Segment() = default;
    std::string begin(const SegmentOptions& options);
    std::span<std::byte> part(Part part) const;
    void run(std::stop_token stop);

    ObjectPlace place_;
    std::string name_;
    int owner_ = 0;  // the process: a child that was forked must not remove the name
    SharedObject object_;
    std::unique_ptr<GuardedMapping> mapping_;
    std::array<PartPlace, parts> places_ = {};
    Recorder recorder_;
    std::unique_ptr<MailboxServer> server_;
    std::function<void()> refresh_;
    std::unique_ptr<std::jthread> thread_;
};

}  // namespace remap::lab
