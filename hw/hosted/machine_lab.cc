// SPDX-License-Identifier: MIT
#include "hw/hosted/machine_lab.h"

#include "iommu/lab/engine_events.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <unistd.h>

namespace remap::hosted {

namespace {

// Machines of one process have different names.
std::string next_name() {
    static std::atomic<unsigned> machines{0};
    return "hosted-" + std::to_string(::getpid()) + "-" + std::to_string(++machines);
}

}  // namespace

MachineLab::MachineLab()
    : timer_(std::make_unique<Timer>(std::chrono::milliseconds(0), [this] { laboratory().timer_expired(); })) {}

// The timer and the station's thread use each other: first there are no calls any more, then no commands.
MachineLab::~MachineLab() { timer_->end(); }

Result<std::unique_ptr<MachineLab>, std::string> MachineLab::create(const LaboratoryOptions& options) {
    std::unique_ptr<MachineLab> made(new MachineLab);
    lab::StationOptions wanted;
    wanted.name = options.name.empty() ? next_name() : options.name;
    wanted.file = options.file;
    wanted.rules = options.rules;
    wanted.seed = options.seed;
    wanted.trace = options.trace;
    if (options.trace_bytes != 0) wanted.trace_shape.lane_bytes = options.trace_bytes;
    auto station = lab::Station::create(wanted, *made);
    if (!station) return Failure{station.error()};
    made->station_ = std::move(*station);
    return made;
}

void MachineLab::connect(iommu::Iommu* unit, MachineDevices& devices) {
    devices_ = &devices;
    if (unit == nullptr) return;
    laboratory().attach(*unit);
    station_->show(unit_.emplace(*unit));
}

// A message of this machine is its vector: nothing between a GPU and its driver remaps it.
bool MachineLab::interrupt(std::uint16_t source, unsigned vector) {
    const iommu::InterruptMessage message{.address = 0, .data = vector};
    const lab::Event event = lab::event_of(iommu::SourceId{source}, message);
    const lab::Order order = laboratory().order(event);
    const bool dropped = order.deed == lab::Deed::Drop;
    if (dropped) laboratory().carried_out(event, order);
    laboratory().interrupted({source}, message, {.allowed = !dropped, .message = message, .tampered = dropped});
    return !dropped;
}

std::uint64_t MachineLab::now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

void MachineLab::wait(std::uint64_t nanoseconds) { std::this_thread::sleep_for(std::chrono::nanoseconds(nanoseconds)); }

void MachineLab::call_later(std::uint64_t nanoseconds) { timer_->restart(std::chrono::nanoseconds(nanoseconds)); }

bool MachineLab::raise(std::uint16_t source, std::uint32_t vector) { return devices_->raise(source, vector); }

bool MachineLab::remove(std::uint16_t source) { return devices_->unplug(source); }

}  // namespace remap::hosted
