// SPDX-License-Identifier: MIT
#include "hw/capi/remap_lab.h"

#include "hw/capi/lab.h"
#include "hw/capi/remap_gpu.h"
#include "hw/spec/lab_registers.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/rule_file.h"
#include "iommu/lab/station.h"
#include "iommu/lab/unit_port.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace {

using namespace remap;
using lab::Count;
using lab::CounterTable;

constexpr const char* no_memory = "there is no memory for the laboratory";

void tell(std::string_view sentence, char* why, std::size_t room) {
    if (room == 0) return;
    const std::size_t length = std::min(sentence.size(), room - 1);
    std::memcpy(why, sentence.data(), length);
    why[length] = '\0';
}

lab::Event event_of(const RemapLabAccess& access) {
    std::uint8_t flags = 0;
    if (access.is_write) flags |= lab::flag::write;
    if (access.no_snoop) flags |= lab::flag::no_snoop;
    if (access.translated) flags |= lab::flag::translated;
    return {.kind = lab::Kind::Dma,
            .flags = flags,
            .source = access.source,
            .pasid = access.with_pasid ? access.pasid : lab::no_pasid,
            .address = access.address,
            .length = access.bytes};
}

// Looks of the thread that answers tools, which the machine has to let into its memory.
class Looks final : public lab::UnitPort {
public:
    Looks(iommu::Iommu& unit, const RemapLabOps& ops, void* opaque) : unit_(unit), ops_(ops), opaque_(opaque) {}

    iommu::Explanation explain(const iommu::Request& request) override {
        return inside([&] { return unit_.explain(request); });
    }
    iommu::InterruptExplanation explain_interrupt(iommu::SourceId source,
                                                  const iommu::InterruptMessage& message) override {
        return inside([&] { return unit_.explain_interrupt(source, message); });
    }
    iommu::Reach reach(const iommu::ReachQuestion& question) override {
        return inside([&] { return unit_.reach(question); });
    }

private:
    template <typename Look>
    std::invoke_result_t<Look> inside(const Look& look) {
        struct Visit {
            explicit Visit(const Looks& looks) : looks(looks) { looks.ops_.enter(looks.opaque_); }
            ~Visit() { looks.ops_.leave(looks.opaque_); }
            const Looks& looks;
        } const visit(*this);
        return look();
    }

    iommu::Iommu& unit_;
    const RemapLabOps& ops_;
    void* opaque_;
};

lab::StationOptions station_options(const RemapLabOptions& options) {
    lab::StationOptions wanted{.name = options.name};
    if (options.file != nullptr) wanted.file = options.file;
    if (options.rules != nullptr) wanted.rules = options.rules;
    if (options.seed != nullptr) wanted.seed = *options.seed;
    wanted.trace = options.trace;
    if (options.trace_size != 0) wanted.trace_shape.lane_bytes = options.trace_size;
    wanted.machine_time = options.machine_time;
    return wanted;
}

// A machine's port, and the station behind it. What the station's commands look at goes after it.
class Laboratory final : public RemapLab, private lab::MachinePort {
public:
    Laboratory(const RemapLabOps& ops, void* opaque) : ops_(ops), opaque_(opaque) {}

    // An empty sentence, or why not.
    std::string begin(const RemapLabOptions& options) {
        auto made = lab::Station::create(station_options(options), *this);
        if (!made) return made.error();
        station_ = std::move(*made);
        return {};
    }

    lab::Station& station() const { return *station_; }

    iommu::Machine around(const iommu::Machine& real) override { return station_->laboratory().around(real); }
    void attach(iommu::Iommu& unit) override {
        station_->laboratory().attach(unit);
        looks_.emplace(unit, ops_, opaque_);
        station_->show(*looks_);
    }
    void translated(const iommu::Request& request, const iommu::Translation& answer) override {
        station_->laboratory().translated(request, answer);
    }
    void interrupted(iommu::SourceId source, const iommu::InterruptMessage& message,
                     const iommu::InterruptOutcome& outcome) override {
        station_->laboratory().interrupted(source, message, outcome);
    }
    void reset() override { station_->reset(); }

private:
    std::uint64_t now() override { return ops_.now(opaque_); }
    void wait(std::uint64_t nanoseconds) override { ops_.wait(opaque_, nanoseconds); }
    void call_later(std::uint64_t nanoseconds) override { ops_.call_later(opaque_, nanoseconds); }
    bool raise(std::uint16_t source, std::uint32_t vector) override { return ops_.raise(opaque_, source, vector); }
    bool remove(std::uint16_t source) override { return ops_.remove(opaque_, source); }

    const RemapLabOps& ops_;
    void* opaque_;
    std::optional<Looks> looks_;
    std::unique_ptr<lab::Station> station_;
};

lab::Station& of(const RemapLab* lab) { return static_cast<const Laboratory&>(*lab).station(); }

lab::DmaOrder order_of(const RemapLabDma& dma) {
    lab::DmaOrder order;
    order.refuse = dma.refuse;
    order.flip = dma.flip;
    order.order.deed = static_cast<lab::Deed>(dma.deed);
    order.order.rule = dma.rule;
    order.order.acted = dma.acted;
    return order;
}

}  // namespace

RemapLab* remap_lab_new(const RemapLabOptions* options, const RemapLabOps* ops, void* opaque, char* why, size_t room) {
    try {
        std::unique_ptr<Laboratory> made(new Laboratory(*ops, opaque));
        const std::string what = made->begin(*options);
        if (what.empty()) return made.release();
        tell(what, why, room);
    } catch (const std::exception&) {
        tell(no_memory, why, room);
    }
    return nullptr;
}

void remap_lab_free(RemapLab* lab) { delete static_cast<Laboratory*>(lab); }

const char* remap_lab_name(const RemapLab* lab) { return of(lab).name().c_str(); }

RemapLabInterest remap_lab_interest_in_dma(const RemapLab* lab) {
    const lab::Laboratory& laboratory = of(lab).laboratory();
    if (laboratory.wants(lab::Kind::Dma)) return REMAP_LAB_RULES;
    return laboratory.watches(lab::Kind::Dma) ? REMAP_LAB_LISTENS : REMAP_LAB_COUNTS;
}

void remap_lab_count_dma(RemapLab* lab, uint16_t source, uint64_t read_bytes, uint64_t written_bytes, unsigned untold) {
    of(lab).laboratory().count_dma({source, read_bytes, written_bytes, untold});
}

RemapLabDma remap_lab_dma(RemapLab* lab, const RemapLabAccess* access) {
    const lab::DmaOrder order = of(lab).laboratory().dma(event_of(*access));
    return {.refuse = order.refuse,
            .flip = order.flip,
            .deed = static_cast<std::uint8_t>(order.order.deed),
            .bit = order.order.bit,
            .rule = order.order.rule,
            .acted = order.order.acted};
}

namespace {

void tell_done(lab::Laboratory& laboratory, const RemapLabAccess& access, lab::Event event) {
    if (access.refused) event.flags |= lab::flag::refused;
    laboratory.dma_done(event, access.order != nullptr ? order_of(*access.order) : lab::DmaOrder{}, access.untold);
}

lab::Event done_event_of(const RemapLabAccess& access, std::uint64_t ticks) {
    lab::Event event = event_of(access);
    event.time = ticks;
    event.result = access.physical;
    return event;
}

}  // namespace

// The clock is read once for both sides.
void remap_lab_dma_done(RemapLab* lab, const RemapLabAccess* from, const RemapLabAccess* to) {
    lab::Station& station = of(lab);
    const std::uint64_t ticks = station.recorder().ticks();
    for (const RemapLabAccess* access : {from, to}) {
        if (access != nullptr) tell_done(station.laboratory(), *access, done_event_of(*access, ticks));
    }
}

void remap_lab_copied(RemapLab* lab, const RemapLabCopy* copy) {
    const auto flags_of = [](bool no_snoop) { return no_snoop ? lab::flag::no_snoop : std::uint8_t{0}; };
    of(lab).laboratory().dma_copied(
        {.source = copy->source,
         .pasid = lab::no_pasid,
         .read_flags = flags_of(copy->from_no_snoop),
         .write_flags = static_cast<std::uint8_t>(lab::flag::write | flags_of(copy->to_no_snoop)),
         .bytes = copy->bytes,
         .read_address = copy->from,
         .read_result = copy->from_physical,
         .write_address = copy->to,
         .write_result = copy->to_physical},
        copy->untold);
}

void remap_lab_flip_bit(void* data, size_t bytes, uint32_t bit) { lab::Laboratory::flip_bit(data, bytes, bit); }

bool remap_lab_packet(RemapLab* lab, std::uint16_t source, std::uint32_t entry, const RemapGpuPacket* packet) {
    lab::Laboratory& laboratory = of(lab).laboratory();
    if (!laboratory.watches(lab::Kind::Packet)) return false;
    return laboratory.packet({.kind = lab::Kind::Packet,
                              .source = source,
                              .address = entry,
                              .length = packet->length,
                              .result = packet->source,
                              .detail = packet->destination,
                              .code = packet->opcode});
}

void remap_lab_halted(RemapLab* lab, uint16_t source, uint32_t entry, unsigned cause, uint64_t address) {
    of(lab).laboratory().happened(
        {.kind = lab::Kind::Halt, .source = source, .address = address, .detail = entry, .code = cause});
}

void remap_lab_device_reset(RemapLab* lab, uint16_t source) { of(lab).laboratory().reset(source); }

void remap_lab_timer_expired(RemapLab* lab) { of(lab).laboratory().timer_expired(); }

void remap_lab_settle(RemapLab* lab) { of(lab).laboratory().settle(); }

bool remap_lab_set_rules(RemapLab* lab, const char* rules, char* why, size_t room) {
    std::string what;
    try {
        what = of(lab).set_rules(rules);
    } catch (const std::exception&) {
        what = no_memory;
    }
    tell(what, why, room);
    return what.empty();
}

char* remap_lab_rules(RemapLab* lab) {
    try {
        return ::strdup(lab::json_of(of(lab).decisions().rules()).c_str());
    } catch (const std::exception&) {
        return nullptr;
    }
}

void remap_lab_free_text(char* text) { std::free(text); }

bool remap_lab_trace(const RemapLab* lab) { return of(lab).recorder().on(); }

void remap_lab_set_trace(RemapLab* lab, bool on) { of(lab).recorder().switch_on(on); }

void remap_lab_statistics(const RemapLab* lab, RemapLabStatistics* statistics) {
    *statistics = {};
    for (unsigned row = 0; row < CounterTable::rows; ++row)
        statistics->injections += of(lab).counters().total(row, Count::Injections);
    for (const lab::LaneCount& lane : of(lab).recorder().counts()) {
        statistics->trace_records += lane.recorded;
        statistics->trace_lost += lane.dropped;
    }
}

bool remap_lab_next_device(const RemapLab* lab, unsigned* row, RemapLabDevice* device) {
    const lab::Counters& counters = of(lab).counters();
    for (; *row < CounterTable::devices; ++*row) {
        const auto source = counters.source_of(*row);
        if (!source) continue;
#define TOTAL(field, number, name) .field = counters.total(*row, Count{number}),
        *device = {.source = *source, REMAP_LAB_COUNTS(TOTAL)};
#undef TOTAL
        ++*row;
        return true;
    }
    return false;
}

// ---- the registers of a driver's side ------------------------------------------------------------------------------

uint64_t remap_lab_register_base(void) { return spec::lab::base; }
uint64_t remap_lab_register_bytes(void) { return spec::lab::bytes; }

uint64_t remap_lab_register_read(const RemapLabRegisters* registers, uint64_t offset) {
    switch (offset) {
        case spec::lab::id: return spec::lab::magic;
        case spec::lab::taken: return registers->taken;
        case spec::lab::refused: return registers->refused;
        default: return 0;
    }
}

void remap_lab_register_write(RemapLab* lab, RemapLabRegisters* registers, uint64_t offset, uint64_t value) {
    switch (offset) {
        case spec::lab::address: registers->address = value; return;
        case spec::lab::length: registers->length = value; return;
        case spec::lab::result: registers->result = value; return;
        case spec::lab::detail: registers->detail = value; return;
        case spec::lab::commit: break;
        default: return;
    }
    spec::lab::DriverEvent said{.address = registers->address,
                                .length = registers->length,
                                .result = registers->result,
                                .detail = registers->detail};
    said.set_head(value);
    ++(of(lab).driver_says(said) ? registers->taken : registers->refused);
    registers->address = registers->length = registers->result = registers->detail = 0;
}
