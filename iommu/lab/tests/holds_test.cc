// SPDX-License-Identifier: MIT
// A queue that a rule holds: by what it goes on, and by what it does not.
#include "iommu/lab/tests/lab_bench.h"

namespace remap::lab {
namespace {

class Holds : public Lab {
protected:
    static Rule delay(std::uint64_t nanoseconds) {
        return rule(Kind::Completion, {.deed = Deed::Delay, .nanoseconds = nanoseconds}, "delays");
    }
    static Rule stick() { return rule(Kind::Completion, {.deed = Deed::Stick}, "sticks"); }
    static Rule once(Rule made) {
        made.when.times = 1;
        return made;
    }
    void wait() { put_all({{wait_all, status}}); }

    // What was held is forgotten by the unit, which tells nobody of it.
    void disable_and_enable_the_queue() {
        write32(0x18, 0x80000000);
        tail = 0;
        write64(0x88, 0);
        write32(0x18, 0x84000000);
    }

    // Behind a wait that was held and is forgotten.
    void wait_in_a_new_queue() {
        wait();
        disable_and_enable_the_queue();
        wait();
    }
    void pass_until(std::uint64_t time) {
        port.time = time;
        laboratory.timer_expired();
    }
};

TEST_F(Holds, ADelayThatIsPastDoesNotEndALaterStandstill) {
    use({once(delay(10)), stick()});
    wait_in_a_new_queue();
    pass_until(10);
    EXPECT_FALSE(waited());
    remove("sticks");
    EXPECT_TRUE(waited());
}

TEST_F(Holds, ADelayThatIsPastDoesNotEndALaterDelay) {
    use({once(delay(10)), rule(Kind::Completion, {.deed = Deed::Delay, .nanoseconds = 50}, "longer")});
    wait_in_a_new_queue();
    pass_until(10);
    EXPECT_FALSE(waited());
    pass_until(50);
    EXPECT_TRUE(waited());
}

TEST_F(Holds, AStandstillThatIsPastDoesNotEndALaterDelay) {
    use({once(stick()), delay(10)});
    wait_in_a_new_queue();
    remove("sticks");
    EXPECT_FALSE(waited());
    expire_timer();
    EXPECT_TRUE(waited());
}

TEST_F(Holds, ADevicesResetEndsNone) {
    use({delay(10)});
    wait();
    laboratory.reset(device);
    EXPECT_FALSE(waited());
    expire_timer();
    EXPECT_TRUE(waited());
}

// Nobody would ever release it.
TEST_F(Holds, ACommandThatHasNoPlaceLaterIsExecuted) {
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 30}, "fills"), delay(10)});
    for (std::size_t i = 0; i < Later::most; ++i) answer_page(1);
    injections();
    wait();
    EXPECT_TRUE(waited());
    EXPECT_TRUE(injections().empty());
}

}  // namespace
}  // namespace remap::lab
