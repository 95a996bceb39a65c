// SPDX-License-Identifier: MIT
// Packets that wait for a page, and what becomes of them: docs/gpu.md, section 8.
#include "hw/tests/translation_bench.h"

namespace remap::gpu {
namespace {

using spec::system_memory;
using Request = RootComplex::Request;

class PageRequests : public TranslationBench {
protected:
    PageRequests() {
        start(all);
        submit({spec::context(5)});
        set_word(memory_base, 0x1234);
    }

    void answer(std::uint16_t group, unsigned code = 0) {
        const unsigned wakes = host.wakes;
        gpu.answer_page({group, code});
        EXPECT_GT(host.wakes, wakes);
        run();
    }
    void map() { complex.map(5, 0x7000000, {.target = memory_base}); }
    const spec::Packet read_it = spec::copy(spec::vram(0), system_memory(0x7000000), 8);
};

TEST_F(PageRequests, APacketWaitsForItsPageAndGoesOn) {
    submit({read_it, spec::fence(spec::vram(8), 1)});
    EXPECT_TRUE(waits());
    EXPECT_EQ(complex.requests, (std::vector<Request>{{5, 0x7000000, false, 0}}));
    EXPECT_EQ(read64(0x70), 0u);
    run();
    run();
    EXPECT_EQ(complex.requests.size(), 1u) << "asked once";
    map();
    answer(0);
    EXPECT_FALSE(waits());
    EXPECT_EQ(vram_word(0), 0x1234u);
    EXPECT_EQ(read64(0x70), 1u);
    EXPECT_EQ(read64(0xe0), 1u) << "PAGE_REQUESTS";
    EXPECT_EQ(read64(0xe8), 1u) << "PAGE_ANSWERS";
    EXPECT_EQ(fault(), 0u);
}

TEST_F(PageRequests, EveryKindOfAccessCanWait) {
    // Pages that come when they are asked for.
    complex.on_request = [&](const Request& request) {
        complex.map(request.pasid, request.page, {.target = memory_base + (request.page & 0xff000)});
        gpu.answer_page({request.group, 0});
    };
    submit({spec::fill(system_memory(0x7000ffc), 8, 0x01010101),
            spec::copy(system_memory(0x7010000), system_memory(0x7000ff0), 0x1010),
            spec::fence(system_memory(0x7020000), 0x99)});
    EXPECT_EQ(read32(0x24), 1u);
    EXPECT_EQ(word(memory_base + 0x20000), 0x99u);
    EXPECT_EQ(word(memory_base + 0x1000c), 0x0101010101010101u);
    EXPECT_EQ(complex.requests.size(), 5u);
}

TEST_F(PageRequests, ARingThatIsNotThereIsAskedForWithoutAPasid) {
    complex.unmap({}, ring_base);
    gpu.invalidate({.first = ring_base, .last = ring_base});
    submit({spec::fence(spec::vram(0), 4)});
    EXPECT_TRUE(waits());
    EXPECT_EQ(complex.requests.back(), (Request{{}, ring_base, false, 0}));
    complex.map({}, ring_base, {.target = ring_base});
    answer(0);
    EXPECT_EQ(read64(0x70), 4u);
    EXPECT_EQ(read32(0x90), 0x80000005u) << "and the context is still there";
}

TEST_F(PageRequests, ARefusedPageIsAFaultOfTheBus) {
    for (const unsigned code : {1u, 15u, 7u}) {
        gpu.clear_page_request_status({.failed = true});
        submit({spec::fill(system_memory(0x7000123), 4, 0)});
        ASSERT_TRUE(waits());
        EXPECT_TRUE(complex.requests.back().write);
        answer(complex.requests.back().group, code);
        EXPECT_EQ(fault(), 2u) << code;
        EXPECT_EQ(read64(0x88), 0x7000123u);
        EXPECT_EQ(gpu.page_request_status().failed, code != 1) << code;
        clear_fault();
    }
}

TEST_F(PageRequests, AFailureEndsThemUntilItIsCleared) {
    submit({read_it});
    answer(0, 15);
    EXPECT_EQ(fault(), 1u);
    EXPECT_EQ(read32(0xc0), 0x10fu) << "TRANSLATION says so";
    clear_fault();
    submit({read_it});
    EXPECT_EQ(fault(), 1u);
    EXPECT_EQ(complex.requests.size(), 1u);
    clear_fault();
    gpu.clear_page_request_status({.failed = true});
    EXPECT_EQ(read32(0xc0), 0x00fu);
    submit({read_it});
    EXPECT_TRUE(waits());
}

// The queue of requests was full, say: the unit answers with success, and the device asks again.
TEST_F(PageRequests, ASuccessThatBringsNothingIsTriedAgainAndThenGivenUp) {
    complex.on_request = [&](const Request& request) { gpu.answer_page({request.group, 0}); };
    submit({read_it});
    EXPECT_EQ(fault(), 1u);
    EXPECT_EQ(complex.requests.size(), 16u);
    complex.on_request = [&](const Request& request) {
        if (complex.requests.size() == 20) map();
        gpu.answer_page({request.group, 0});
    };
    clear_fault();
    submit({read_it});
    EXPECT_EQ(fault(), 0u);
    EXPECT_EQ(vram_word(0), 0x1234u);
}

TEST_F(PageRequests, ACopyWaitsForBothSidesAndDoesNotForgetThatOneWasRefused) {
    map();
    submit({spec::copy(system_memory(0x7100000), system_memory(0x7000000), 8)});
    ASSERT_TRUE(waits());
    EXPECT_TRUE(complex.requests.back().write);
    answer(0, 1);
    EXPECT_EQ(fault(), 2u);
    EXPECT_EQ(complex.requests.size(), 1u);
}

TEST_F(PageRequests, WithoutThemAnEmptyAnswerIsAFault) {
    for (TranslationServices services : {TranslationServices{.cache = true, .pasid = true},
                                         TranslationServices{.cache = true, .page_requests = true, .pasid = true}}) {
        gpu.set_translation_services(services);  // not enabled, or none allowed at a time
        submit({read_it});
        EXPECT_EQ(fault(), 1u);
        clear_fault();
    }
    EXPECT_TRUE(complex.requests.empty());
}

TEST_F(PageRequests, ARingThatIsDisabledDoesNotWait) {
    for (const std::uint32_t control : {0u, 2u}) {
        submit({read_it});
        ASSERT_TRUE(waits());
        const unsigned wakes = host.wakes;
        gpu.write(0x20, control, 4);
        EXPECT_EQ(read32(0x24), 4u) << "STOPPING";
        EXPECT_GT(host.wakes, wakes);
        EXPECT_FALSE(gpu.run());
        EXPECT_EQ(read32(0x24), 0u);
        start(all);
        submit({spec::context(5)});
    }
    // What was asked is answered for nobody.
    EXPECT_FALSE(gpu.page_request_status().idle);
    answer(0);
    answer(1);
    EXPECT_TRUE(gpu.page_request_status().idle);
    EXPECT_FALSE(gpu.page_request_status().unexpected_answer);
    EXPECT_EQ(read32(0x24), 1u);
}

TEST_F(PageRequests, ThereAreAsManyAtATimeAsSoftwareAllows) {
    for (const std::uint32_t most : {1u, 2u, 4u, 100u}) {
        TranslationServices services = all;
        services.most_page_requests = most;
        complex.requests.clear();
        gpu.set_translation_services(services);
        // Each ring is abandoned with a request open.
        for (int i = 0; i < 6; ++i) {
            submit({read_it});
            EXPECT_TRUE(waits());
            gpu.write(0x20, 0, 4);
            run();
            start(services);
            submit({spec::context(5)});
        }
        EXPECT_EQ(complex.requests.size(), std::min(most, 4u));
        submit({read_it});
        EXPECT_TRUE(waits());
        const auto open = complex.requests;
        answer(open.front().group);  // makes room
        ASSERT_EQ(complex.requests.size(), open.size() + 1);
        for (std::size_t i = 1; i < open.size(); ++i) answer(open[i].group);
        map();
        answer(complex.requests.back().group);
        EXPECT_EQ(vram_word(0), 0x1234u);
        EXPECT_TRUE(gpu.page_request_status().idle);
        complex.unmap(5, 0x7000000);
        gpu.invalidate({.first = 0, .last = ~std::uint64_t{0}, .pasid = 5});
        vram[0] = vram[1] = {};
    }
}

TEST_F(PageRequests, AnAnswerNobodyAskedForIsNoticed) {
    answer(5);
    EXPECT_TRUE(gpu.page_request_status().unexpected_answer);
    EXPECT_EQ(read64(0xe8), 0u);
    gpu.clear_page_request_status({.unexpected_answer = true});
    EXPECT_FALSE(gpu.page_request_status().unexpected_answer);
    submit({read_it});
    answer(1);
    EXPECT_TRUE(waits()) << "another group's";
}

TEST_F(PageRequests, SwitchedOffTheyAreNotWaitedFor) {
    submit({read_it});
    ASSERT_TRUE(waits());
    TranslationServices services = all;
    services.page_requests = false;
    gpu.set_translation_services(services);
    run();
    EXPECT_EQ(fault(), 1u);
    gpu.reset_page_requests();
    answer(0);
    EXPECT_TRUE(gpu.page_request_status().unexpected_answer) << "the reset has forgotten it";
}

// An invalidation is obeyed, and answered, while the packet waits.
TEST_F(PageRequests, InvalidationsDoNotWaitForPages) {
    submit({read_it});
    gpu.invalidate({.tag = 4});
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{4});
    EXPECT_TRUE(waits());
    EXPECT_EQ(complex.requests.size(), 1u);
}

TEST_F(PageRequests, GroupsGoRoundAndSkipThoseThatAreOpen) {
    submit({read_it});
    gpu.write(0x20, 0, 4);
    run();  // group 0 stays open
    start(all);
    complex.on_request = [&](const Request& request) {
        map();
        gpu.answer_page({request.group, 0});
    };
    submit({spec::context(5)});
    for (int i = 0; i < 600; ++i) {
        complex.unmap(5, 0x7000000);
        gpu.invalidate({.first = 0, .last = ~std::uint64_t{0}, .pasid = 5});
        run();
        submit({read_it});
        if (tail > 1000) {
            gpu.write(0x20, 0, 4);
            run();
            start(all);
            submit({spec::context(5)});
        }
    }
    ASSERT_EQ(complex.requests.size(), 601u);
    for (std::size_t i = 1; i < 601; ++i) EXPECT_EQ(complex.requests[i].group, (i - 1) % 511 + 1);
}

}  // namespace
}  // namespace remap::gpu
