// SPDX-License-Identifier: MIT
// Random calls on a machine without hardware, compared with the reference. REMAP_MODEL_CALLS and REMAP_MODEL_SEED
// change how many calls, and which.
#include "callbacks/tests/model/actor.h"
#include "callbacks/tests/model/machine.h"
#include "callbacks/tests/model/rounds.h"

#include <gtest/gtest.h>

namespace remap::callbacks::tests {
namespace {

TEST(CallbackModel, OneThreadAgreesWithTheReference) {
    ModelMachine machine(model_slots(1));
    run_model(machine, {.threads = 1, .calls = model_calls(400'000), .seed = model_seed(1)});
}

TEST(CallbackModel, SeveralThreadsAgreeWithTheReference) {
    ModelMachine machine(model_slots(4));
    run_model(machine,
              {.threads = 4, .calls = model_calls(1'000'000), .seed = model_seed(2), .fail_per_million = 5'000});
}

TEST(CallbackModel, CallsThatAreMadeToFailChangeNothing) {
    ModelMachine machine(model_slots(1));
    run_model(machine,
              {.threads = 1, .calls = model_calls(100'000), .seed = model_seed(3), .fail_per_million = 200'000});
}

TEST(CallbackModel, WithoutTheVerifierTheSameIsTrue) {
    const VerifierOptions verifier{.enabled = false};
    ModelMachine machine(model_slots(1), verifier);
    run_model(machine, {.threads = 1, .calls = model_calls(100'000), .seed = model_seed(4), .verifier = false});
}

TEST(CallbackModel, SectionsThatMoveAllTheTimeKeepTheirContent) {
    const VerifierOptions verifier{.enabled = true, .move_sections = true};
    ModelMachine machine(model_slots(2), verifier);
    run_model(machine, {.threads = 2, .calls = model_calls(60'000), .seed = model_seed(5), .moves = true});
}

}  // namespace
}  // namespace remap::callbacks::tests
