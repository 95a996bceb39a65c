// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/laboratory.h"

#include "callbacks/lab/event_witness.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest {

namespace {

class Registers final : public callbacks::DriverEventPort {
public:
    explicit Registers(const lab_driver::Laboratory& laboratory) : laboratory_(laboratory) {}
    void post(const spec::lab::DriverEvent& event) override { laboratory_.post(event); }

private:
    lab_driver::Laboratory laboratory_;
};

}  // namespace

std::optional<lab_driver::Laboratory> find_laboratory() {
    static auto* const registers =
        static_cast<volatile std::uint64_t*>(map_device({spec::lab::base}, spec::lab::bytes));
    if (registers == nullptr) panic("no view for the laboratory's registers");
    const lab_driver::Laboratory laboratory(registers);
    return laboratory.is_there() ? std::optional(laboratory) : std::nullopt;
}

callbacks::Witness* laboratory_witness() {
    const auto laboratory = find_laboratory();
    if (!laboratory) return nullptr;
    static Registers registers(*laboratory);
    static callbacks::EventWitness witness(registers);
    return &witness;
}

}  // namespace remap::guest
