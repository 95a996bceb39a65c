// SPDX-License-Identifier: MIT
#include "iommu/lab/mailbox.h"

#include "iommu/lab/attachment.h"
#include "iommu/lab/commands.h"
#include "iommu/lab/tests/bench.h"

#include <chrono>
#include <random>
#include <thread>

namespace remap::lab {
namespace {

using namespace test;
using namespace std::chrono_literals;

struct LabMailbox : testing::Test {
    std::unique_ptr<Segment> machine;

    void start(MailboxServer::Handler handler) {
        machine = std::move(*Segment::create(small_segment()));
        machine->serve(std::move(handler));
    }
    std::unique_ptr<Attachment> tool() const {
        auto result = Attachment::open(place_of_machine(machine->name()));
        EXPECT_TRUE(result) << result.error();
        return std::move(*result);
    }
    static std::string twice(std::string_view text) { return std::string(text) + std::string(text); }
};

TEST_F(LabMailbox, AnswersOneRequestAfterTheOther) {
    start(twice);
    const auto client = tool();
    for (int i = 0; i < 200; ++i) {
        const auto answer = client->ask(std::to_string(i), 5s);
        ASSERT_TRUE(answer) << answer.error();
        EXPECT_EQ(*answer, std::to_string(i) + std::to_string(i));
    }
}

TEST_F(LabMailbox, CarriesTheLongestTextsAndNoLonger) {
    start([](std::string_view text) { return std::string(text.size() == longest_request ? longest_answer : 1, 'x'); });
    const auto client = tool();
    const auto answer = client->ask(std::string(longest_request, 'a'), 10s);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->size(), longest_answer);
    EXPECT_FALSE(client->ask(std::string(longest_request + 1, 'a'), 10s));
}

TEST_F(LabMailbox, ManyClientsGetTheirOwnAnswers) {
    start(twice);
    std::atomic<unsigned> wrong{0};
    std::vector<std::jthread> clients;
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&, c] {
            const auto client = tool();
            for (int i = 0; i < 50; ++i) {
                const std::string text = std::to_string(c) + ":" + std::to_string(i) + ";";
                const auto answer = client->ask(text, 20s);
                if (!answer || *answer != text + text) ++wrong;
            }
        });
    }
    clients.clear();
    EXPECT_EQ(wrong, 0u);
}

TEST_F(LabMailbox, AClientThatDiesAtAnyPointCostsOthersNothing) {
    start(twice);
    std::mt19937 random(3);
    for (int round = 0; round < 30; ++round) {
        Child client([this] {
            const auto mine = tool();
            for (;;) (void)mine->ask(std::string(longest_request, 'd'), 5s);
        });
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
        client.kill();
        const auto answer = tool()->ask("mine", 10s);
        ASSERT_TRUE(answer) << answer.error();
        ASSERT_EQ(*answer, "minemine");
    }
}

TEST_F(LabMailbox, AMachineThatDoesNotAnswerIsAnErrorInTime) {
    std::atomic<bool> go{false};
    start([&](std::string_view) {
        while (!go) std::this_thread::sleep_for(1ms);
        return std::string("late");
    });
    const auto client = tool();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(client->ask("first", 100ms));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    go = true;
    const auto answer = client->ask("second", 5s);
    ASSERT_TRUE(answer) << answer.error();
}

TEST_F(LabMailbox, AMachineThatIsGoneIsAnErrorAtOnce) {
    start(twice);
    const auto client = tool();
    machine.reset();
    const auto answer = client->ask("hello", 10s);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), "the machine has ended");
}

// ---- what others write there ----

struct HostileMailbox : testing::Test {
    std::unique_ptr<MailboxLayout> mailbox = std::make_unique<MailboxLayout>();
    std::vector<std::size_t> requests;
    MailboxServer server{std::as_writable_bytes(std::span(mailbox.get(), 1)), [this](std::string_view request) {
                             requests.push_back(request.size());
                             return std::string(longest_answer + 1, 'x');
                         }};
};

TEST_F(HostileMailbox, TextsEndWithTheirPlaces) {
    mailbox->request_bytes = ~0u;
    mailbox->request = 2;
    server.serve(0ms);
    EXPECT_EQ(requests, std::vector{longest_request});
    EXPECT_EQ(mailbox->answer, 2u);
    EXPECT_EQ(mailbox->answer_bytes, longest_answer);
}

TEST_F(HostileMailbox, ARequestIsServedOnceAndNotBeforeItIsWritten) {
    mailbox->request_bytes = 1;
    mailbox->request = 3;
    server.serve(0ms);
    EXPECT_TRUE(requests.empty());
    mailbox->request = 4;
    server.serve(0ms);
    server.serve(0ms);
    EXPECT_EQ(requests.size(), 1u);
}

// In the machine's place, or beside it.
TEST_F(LabMailbox, AnAnswerEndsWithItsPlace) {
    machine = std::move(*Segment::create(small_segment()));
    const auto client = tool();
    const auto object = SharedObject::open(place_of_machine(machine->name()), Access::Write);
    ASSERT_TRUE(object);
    const auto memory = GuardedMapping::map(*object, Access::Write, client->header().place(Part::Mailbox).offset,
                                            sizeof(MailboxLayout));
    ASSERT_TRUE(memory) << memory.error();
    auto& mailbox = *reinterpret_cast<MailboxLayout*>((*memory)->bytes().data());
    const std::jthread liar([&mailbox] {
        while (mailbox.request.load() != 2) std::this_thread::sleep_for(1ms);
        mailbox.answer_bytes = ~0u;
        mailbox.answer = 2;
    });
    const auto answer = client->ask("how are you?", 20s);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->size(), longest_answer);
}

TEST(LabCommands, WhateverIsAskedIsAnsweredWithJson) {
    Commands commands;
    commands.add("empty",
                 [](const rapidjson::Value&) -> Result<std::string, std::string> { return std::string("{}"); });
    commands.add("fails", [](const rapidjson::Value&) -> Result<std::string, std::string> {
        return Failure{std::string("a \"quote\"")};
    });
    EXPECT_EQ(commands.answer(R"({"command":"empty"})"), R"({"ok":true})");
    EXPECT_EQ(commands.answer(R"({"command":"fails"})"), R"({"ok":false,"error":"a \"quote\""})");
    for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("{\"command\":7}"),
                                    std::string("{\"command\":\"none\"}"), std::string(longest_request, '['),
                                    std::string("{\"command\":\"\xff\"}")}) {
        rapidjson::Document answer;
        const std::string said = commands.answer(text);
        answer.Parse(said.data(), said.size());
        ASSERT_TRUE(answer.IsObject()) << said;
        EXPECT_FALSE(answer["ok"].GetBool());
        EXPECT_TRUE(answer["error"].IsString());
    }
}

TEST(LabCommands, TraceIsSwitchedByATruthValueOnly) {
    TraceMemory memory;
    Recorder recorder;
    ASSERT_EQ(recorder.use(memory.bytes(), small_trace), "");
    Commands commands;
    add_trace_commands(commands, recorder);
    recorder.record_injection(even_event(1));
    EXPECT_EQ(commands.answer(R"({"command":"trace"})"), R"({"ok":true,"on":false,"recorded":1,"dropped":0})");
    EXPECT_EQ(commands.answer(R"({"command":"trace","on":1})"), R"({"ok":false,"error":"\"on\" is true or false"})");
    EXPECT_EQ(commands.answer(R"({"command":"trace","on":true})"), R"({"ok":true,"on":true,"recorded":1,"dropped":0})");
}

}  // namespace
}  // namespace remap::lab
