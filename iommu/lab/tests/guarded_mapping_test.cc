// SPDX-License-Identifier: MIT
#include "iommu/lab/guarded_mapping.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csetjmp>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace remap::lab {
namespace {

constexpr std::size_t pages = 64, page = 4096;

struct GuardedMappingTest : testing::Test {
    SharedObject object = std::move(*SharedObject::create_unnamed());
    std::unique_ptr<GuardedMapping> mapping;

    void SetUp() override {
        ASSERT_EQ(object.resize(pages * page), "");
        auto result = GuardedMapping::map(object, Access::Write, 0, pages * page);
        ASSERT_TRUE(result) << result.error();
        mapping = std::move(*result);
    }
    std::atomic_ref<std::byte> byte(std::size_t at) const { return std::atomic_ref(mapping->bytes()[at]); }
    void cut_short() { ASSERT_EQ(object.resize(0), ""); }
};

TEST_F(GuardedMappingTest, AnObjectThatIsCutShortReadsAsZerosAndTakesWrites) {
    mapping->bytes()[10 * page] = std::byte{7};
    EXPECT_FALSE(mapping->lost());
    cut_short();
    EXPECT_EQ(byte(10 * page).load(), std::byte{0});
    byte(10 * page).store(std::byte{9});
    EXPECT_EQ(byte(10 * page).load(), std::byte{9});
    EXPECT_TRUE(mapping->lost());
}

TEST_F(GuardedMappingTest, OthersAreNotTouched) {
    auto other_object = std::move(*SharedObject::create_unnamed());
    ASSERT_EQ(other_object.resize(page), "");
    const auto other = std::move(*GuardedMapping::map(other_object, Access::Write, 0, page));
    other->bytes()[1] = std::byte{5};
    cut_short();
    EXPECT_EQ(byte(0).load(), std::byte{0});
    EXPECT_FALSE(other->lost());
    EXPECT_EQ(other->bytes()[1], std::byte{5});
}

TEST_F(GuardedMappingTest, ManyThreadsMayFaultAtOnce) {
    cut_short();
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < pages; i += 8) {
                byte(i * page).store(std::byte{1});
            }
        });
    }
    threads.clear();
    EXPECT_TRUE(mapping->lost());
}

TEST_F(GuardedMappingTest, AThreadWithTheSignalBlockedIsAdmitted) {
    cut_short();
    std::thread([&] {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        GuardedMapping::admit_this_thread();
        byte(0).store(std::byte{1});
    }).join();
    EXPECT_TRUE(mapping->lost());
}

TEST_F(GuardedMappingTest, ThereAreOnlySoMany) {
    std::vector<std::unique_ptr<GuardedMapping>> all;
    for (std::size_t i = 0; i < GuardedMapping::most; ++i) {
        auto next = GuardedMapping::map(object, Access::Read, 0, page);
        if (!next) break;
        all.push_back(std::move(*next));
    }
    EXPECT_EQ(all.size(), GuardedMapping::most - 1);
    all.pop_back();
    EXPECT_TRUE(GuardedMapping::map(object, Access::Read, 0, page));
}

// What happens to faults of other memory is the affair of whoever was there before: in a process of its own, because a
// handler is installed once.
int status_of_child(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(10);  // a handler that takes such a fault for its own meets it again and again
        work();
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

// A page of an object without bytes.
const volatile char* page_beyond_the_end(const SharedObject& object) {
    return static_cast<const volatile char*>(::mmap(nullptr, page, PROT_READ, MAP_SHARED, object.descriptor(), 0));
}

sigjmp_buf back;

bool jumps_back(const volatile char* memory) {
    if (::sigsetjmp(back, 1) != 0) return true;
    (void)*memory;
    return false;
}

TEST(GuardedMappingChain, FaultsOfOthersGoToTheHandlerThatWasThere) {
    // In this process the handler may be ours already; a new program has none.
    const int status = status_of_child([] {
        ::execl("/proc/self/exe", "lab-segment-tests", "--gtest_also_run_disabled_tests",
                "--gtest_filter=GuardedMappingChain.DISABLED_InAProcessOfItsOwn", nullptr);
    });
    EXPECT_EQ(status, 0);
}

TEST(GuardedMappingChain, DISABLED_InAProcessOfItsOwn) {
    struct sigaction action {};
    action.sa_sigaction = [](int, siginfo_t*, void*) { ::siglongjmp(back, 1); };
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
    auto object = std::move(*SharedObject::create_unnamed());
    ASSERT_EQ(object.resize(page), "");
    // One on either side of ours: the kernel goes one way through the addresses.
    const auto empty = std::move(*SharedObject::create_unnamed());
    const volatile char* const older = page_beyond_the_end(empty);
    const auto mapping = std::move(*GuardedMapping::map(object, Access::Write, 0, page));
    const volatile char* const newer = page_beyond_the_end(empty);
    EXPECT_TRUE(jumps_back(older));
    EXPECT_TRUE(jumps_back(newer));
    EXPECT_FALSE(mapping->lost());
}

TEST_F(GuardedMappingTest, WithoutAnotherHandlerOthersFaultsEndTheProcessAsEver) {
    const int status = status_of_child([] {
        ::signal(SIGABRT, SIG_DFL);
        (void)*page_beyond_the_end(std::move(*SharedObject::create_unnamed()));
    });
    // A sanitizer has a handler of its own, which ends the process otherwise.
    if (WIFSIGNALED(status)) {
        EXPECT_NE(WTERMSIG(status), SIGALRM);
    } else {
        EXPECT_NE(WEXITSTATUS(status), 0);
    }
}

}  // namespace
}  // namespace remap::lab
