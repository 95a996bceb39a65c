// SPDX-License-Identifier: MIT
#include "callbacks/tests/model/actor.h"

#include <gtest/gtest.h>

#include <sstream>

namespace remap::callbacks::tests {

Actor::Actor(Platform& platform, const ActorOptions& options, std::vector<reference::Adapter> shared,
             Contended& contended)
    : platform_(platform),
      options_(options),
      contended_(contended),
      random_(options.seed),
      shared_(std::move(shared)) {}

void Actor::begin(const char* name, const void* a, std::uint64_t b, std::uint64_t c) {
    constexpr std::size_t most_notes = 40;
    ++calls_;
    if (notes_.size() == most_notes) notes_.pop_front();
    notes_.push_back({name, reinterpret_cast<std::uintptr_t>(a), b, c, 0});
}

bool Actor::fail(const char* what) {
    std::ostringstream text;
    text << what << "\nseed " << options_.seed << ", thread " << options_.index << ", call " << calls_
         << "; the last calls:" << std::hex;
    for (const Note& note : notes_)
        text << "\n  " << note.name << "(" << note.a << ", " << note.b << ", " << note.c
             << ") = " << static_cast<std::uint32_t>(note.status);
    if (!failed_) ADD_FAILURE() << text.str();
    failed_ = true;
    return false;
}

bool Actor::expect_reports(const Reports& expected) {
    std::vector<Seen> seen = platform_.take_reports();
    for (const Expected& wanted : expected) {
        const auto found = std::ranges::find_if(seen, [&](const Seen& report) {
            if (report.check != wanted.check || report.object != wanted.object) return false;
            return !wanted.count || std::strtoull(report.message.c_str(), nullptr, 10) == *wanted.count;
        });
        if (found == seen.end()) {
            std::string text = std::string("not reported as it should be: ") + text_of(wanted.check).name;
            for (const Seen& other : seen)
                text += std::string("; but: ") + text_of(other.check).name + ", " + other.message;
            return fail(text.c_str());
        }
        seen.erase(found);
    }
    if (seen.empty()) return true;
    return fail((std::string("reported: ") + text_of(seen[0].check).name + ", " + seen[0].message).c_str());
}

bool Actor::end(NTSTATUS status, NTSTATUS expected, const Reports& reports) {
    notes_.back().status = status;
    if (status != expected) {
        std::ostringstream text;
        text << "the status is " << std::hex << static_cast<std::uint32_t>(status) << ", not "
             << static_cast<std::uint32_t>(expected);
        return fail(text.str().c_str());
    }
    return expect_reports(reports);
}

// Lets one of the next requests of this thread to a port fail, now and then.
void Actor::arm(unsigned in_thousand) {
    blew_ = false;
    armed_ = chance(in_thousand);
    if (armed_) platform_.fail_port_call(static_cast<unsigned>(below(4)));
}

// Whether a call was made to fail: then nothing may have changed. A request to a port that failed may also be made in
// another way.
bool Actor::refused(NTSTATUS status) {
    if (armed_) blew_ = platform_.stop_failing();
    armed_ = false;
    notes_.back().status = status;
    if (status == injected_status) {
        ++injected_;
        return true;
    }
    return blew_ && (status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY);
}

bool Actor::step() {
    using Step = bool (Actor::*)();
    struct Weighted {
        unsigned weight;
        Step step;
    };
    static constexpr Weighted steps[] = {
        {150, &Actor::create},
        {25, &Actor::create_illegal},
        {130, &Actor::destroy},
        {60, &Actor::open},
        {45, &Actor::close},
        {170, &Actor::allocate_list},
        {160, &Actor::free_list},
        {110, &Actor::map_view},
        {110, &Actor::unmap_view},
        {25, &Actor::allocate_contiguous},
        {25, &Actor::allocate_pages},
        {25, &Actor::map_mdl},
        {75, &Actor::free_older},
        {20, &Actor::frame_buffer},
        {20, &Actor::end_frame_buffer},
        {15, &Actor::probe},
        {15, &Actor::move_pages},
        {6, &Actor::at_wrong_irql},
        {3, &Actor::null_arguments},
        {5, &Actor::start},
        {3, &Actor::stop},
        {1, &Actor::switch_domain},
        {40, &Actor::audit},
        {4, &Actor::change_list},
        {60, &Actor::contend},
    };
    static constexpr unsigned all = [] {
        unsigned sum = 0;
        for (const Weighted& one : steps) sum += one.weight;
        return sum;
    }();
    std::uint64_t chosen = below(all);
    for (const Weighted& one : steps) {
        if (chosen < one.weight) return (this->*one.step)();
        chosen -= one.weight;
    }
    return true;
}

bool Actor::run(std::uint64_t calls) {
    platform_.set_process(1 + options_.index * 4);
    (void)platform_.take_reports();
    while (calls_ < calls && !failed_ && !testing::Test::HasFatalFailure()) (void)step();
    return !failed_;
}

}  // namespace remap::callbacks::tests
