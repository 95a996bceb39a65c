// SPDX-License-Identifier: MIT
// Random calls on the hosted machine, compared with the reference: what CPUs write through views, devices read through
// lists, by the real tables, the real engine and the real memory, and the other way round.
#include "callbacks/hosted/tests/hosted_platform.h"
#include "callbacks/tests/model/rounds.h"

#include <gtest/gtest.h>

namespace remap::hosted::tests {
namespace {

using namespace callbacks::tests;

TEST(HostedModel, OneThreadAgreesWithTheReference) {
    HostedPlatform machine(model_slots(1), {});
    run_model(machine, {.threads = 1, .calls = model_calls(200'000), .seed = model_seed(21), .has_io = false});
}

TEST(HostedModel, SeveralThreadsAgreeWithTheReference) {
    HostedPlatform machine(model_slots(3), {});
    run_model(machine, {.threads = 3,
                        .calls = model_calls(300'000),
                        .seed = model_seed(22),
                        .fail_per_million = 10'000,
                        .has_io = false});
}

TEST(HostedModel, SectionsThatMoveAllTheTimeKeepTheirContent) {
    const callbacks::VerifierOptions verifier{.enabled = true, .move_sections = true};
    HostedPlatform machine(model_slots(1), {}, verifier);
    run_model(machine,
              {.threads = 1, .calls = model_calls(10'000), .seed = model_seed(23), .moves = true, .has_io = false});
}

}  // namespace
}  // namespace remap::hosted::tests
