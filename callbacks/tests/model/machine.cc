// SPDX-License-Identifier: MIT
#include "callbacks/tests/model/machine.h"

#include <gtest/gtest.h>

#include <thread>

namespace remap::callbacks::tests {

namespace {

struct ThreadState {
    KIRQL irql = PASSIVE_LEVEL;
    std::uint64_t process = 1;
    std::int64_t calls_until_failure = -1;  // negative: none fails
    bool failing = false;
    unsigned relaxed = 0;
    std::vector<Seen> reports;
};
thread_local ThreadState thread;

}  // namespace

bool port_call_fails() { return thread.failing && thread.calls_until_failure-- == 0; }

// ---- memory --------------------------------------------------------------------------------------------------------

std::atomic<std::uint64_t>& Words::operator[](std::uint64_t frame) {
    return frame < memory_pages ? memory_[frame] : io_.at(frame - io_first);
}

ModelFrames::ModelFrames(Words& words) : words_(words) { EXPECT_TRUE(pool_.add({0}, Words::memory_pages)); }

bool ModelFrames::allocate(const FrameRequest& request, FrameList& frames) {
    const std::uint64_t before = frames.size();
    if (port_call_fails() || !pool_.allocate(request, frames)) return false;
    for (std::uint64_t i = before; i < frames.size(); ++i) words_[frames[i].number] = 0;
    return true;
}

void ModelFrames::free(const FrameList& frames) { EXPECT_TRUE(pool_.free(frames)) << "a frame is free already"; }

bool ModelFrames::copy(const FrameList& from, const FrameList& to) {
    if (port_call_fails()) return false;
    for (std::uint64_t i = 0; i < from.size(); ++i) words_[to[i].number] = words_[from[i].number].load();
    return true;
}

// ---- views ---------------------------------------------------------------------------------------------------------

void* ModelViews::map(const ViewRequest& request) {
    if (port_call_fails()) return nullptr;
    View view{{}, std::vector<bool>(request.pages), thread.process};
    for (std::uint64_t i = 0; i < request.pages; ++i) view.frames.push_back(request.frames[request.first + i].number);
    const std::lock_guard guard(lock_);
    const std::uintptr_t base = next_;
    next_ += (request.pages + 1) * page_size;
    views_[base] = std::move(view);
    return reinterpret_cast<void*>(base);
}

void ModelViews::unmap(void* base, std::uint64_t pages, std::uint64_t process) {
    const std::lock_guard guard(lock_);
    const auto found = views_.find(reinterpret_cast<std::uintptr_t>(base));
    ASSERT_NE(found, views_.end());
    EXPECT_EQ(found->second.frames.size(), pages);
    EXPECT_EQ(found->second.process, process);
    views_.erase(found);
}

ModelViews::View* ModelViews::find(const void* page, std::size_t& index) {
    const auto address = reinterpret_cast<std::uintptr_t>(page);
    auto found = views_.upper_bound(address);
    if (found == views_.begin()) return nullptr;
    --found;
    index = (address - found->first) / page_size;
    return index < found->second.frames.size() ? &found->second : nullptr;
}

void ModelViews::hold(void* part, std::uint64_t pages, std::uint64_t process) {
    const std::lock_guard guard(lock_);
    std::size_t index = 0;
    View* view = find(part, index);
    ASSERT_NE(view, nullptr);
    EXPECT_EQ(view->process, process);
    for (std::uint64_t i = 0; i < pages; ++i) view->held.at(index + i) = true;
}

void ModelViews::show(void* part, const ViewRequest& request, std::uint64_t) {
    const std::lock_guard guard(lock_);
    std::size_t index = 0;
    View* view = find(part, index);
    ASSERT_NE(view, nullptr);
    for (std::uint64_t i = 0; i < request.pages; ++i) {
        EXPECT_TRUE(view->held.at(index + i));
        view->held[index + i] = false;
        view->frames.at(index + i) = request.frames[request.first + i].number;
    }
}

std::uint64_t ModelViews::exchange(const void* page, std::optional<std::uint64_t> value) {
    for (;; std::this_thread::yield()) {
        const std::lock_guard guard(lock_);
        std::size_t index = 0;
        View* view = find(page, index);
        if (view == nullptr) return ADD_FAILURE() << "no view at " << page, 0;
        if (view->held[index]) continue;
        auto& word = words_[view->frames[index]];
        return value ? word.exchange(*value) : word.load();
    }
}

std::uint64_t ModelViews::count() {
    const std::lock_guard guard(lock_);
    return views_.size();
}

// ---- devices -------------------------------------------------------------------------------------------------------

bool ModelDma::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    if (port_call_fails()) return false;
    const std::lock_guard guard(lock_);
    for (std::uint64_t i = 0; i < pages; ++i)
        EXPECT_TRUE(table_.emplace(first.number + i, to.number + i).second) << "page is mapped already";
    return true;
}

void ModelDma::unmap(LogicalPage first, std::uint64_t pages) {
    const std::lock_guard guard(lock_);
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_EQ(table_.erase(first.number + i), 1u) << "page is not mapped";
}

bool ModelDma::attach(Attachment to) {
    const std::lock_guard guard(lock_);
    attached_ = to;
    return true;
}

std::optional<DmaFault> ModelDma::take_fault() {
    const std::lock_guard guard(lock_);
    if (faults_.empty()) return std::nullopt;
    const DmaFault fault = faults_.front();
    faults_.pop_front();
    return fault;
}

std::optional<std::uint64_t> ModelDma::reach(std::uint64_t page, bool write) {
    const std::lock_guard guard(lock_);
    if (attached_ == Attachment::Untranslated) return page;
    const auto found = table_.find(page);
    if (attached_ == Attachment::Domain && found != table_.end()) return found->second;
    faults_.push_back({LogicalPage{page}.address(), write});
    return std::nullopt;
}

std::uint64_t ModelDma::mapped() {
    const std::lock_guard guard(lock_);
    return table_.size();
}

// ---- the rest ------------------------------------------------------------------------------------------------------

KIRQL ModelExecution::irql() const { return thread.irql; }
std::uint64_t ModelExecution::process() const { return thread.process; }
// A domain switch listens for thousands of rounds: most of them are short.
void ModelExecution::relax() {
    if (++thread.relaxed % 64 == 0) std::this_thread::yield();
}

void ModelReports::report(const Report& report) {
    thread.reports.push_back({report.check, report.object, report.context, report.message});
}
std::vector<Seen> ModelReports::take() { return std::exchange(thread.reports, {}); }

ModelMachine::ModelMachine(unsigned slots, const VerifierOptions& verifier)
    : dma_(slots), dxgkrnl_(std::make_unique<Dxgkrnl>(Ports{frames_, views_, execution_, reports_}, verifier)) {}

std::optional<std::uint64_t> ModelMachine::dma_read(unsigned slot, std::uint64_t page) {
    const auto frame = dma_[slot].reach(page, false);
    return frame ? std::optional(words_[*frame].load()) : std::nullopt;
}

bool ModelMachine::dma_write(unsigned slot, std::uint64_t page, std::uint64_t value) {
    const auto frame = dma_[slot].reach(page, true);
    if (frame) words_[*frame] = value;
    return frame.has_value();
}

void ModelMachine::set_irql(KIRQL irql) { thread.irql = irql; }
void ModelMachine::set_process(std::uint64_t number) { thread.process = number; }

void ModelMachine::fail_port_call(unsigned nth) {
    thread.failing = true;
    thread.calls_until_failure = nth;
}

bool ModelMachine::stop_failing() {
    const bool failed = thread.failing && thread.calls_until_failure < 0;
    thread.failing = false;
    return failed;
}

Leftovers ModelMachine::end() {
    dxgkrnl_.reset();
    Leftovers left{frames_.owned(), views_.count(), 0};
    for (ModelDma& dma : dma_) left.mapped += dma.mapped();
    return left;
}

}  // namespace remap::callbacks::tests
