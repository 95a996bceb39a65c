// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/interrupts.h"

#include "base/bits.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest {

namespace {

constexpr std::uint32_t apic_base_msr = 0x1b;
using ApicEnabled = Flag<11>;
using X2ApicEnabled = Flag<10>;
using ApicBasePage = Field<51, 12>;

// Registers of the local APIC in its memory-mapped form (SDM volume 3, table "Local APIC Register Address Map"). In
// x2APIC mode each is an MSR.
constexpr std::uint32_t first_x2apic_msr = 0x800;
constexpr std::uint64_t bytes_per_register = 16;
constexpr std::uint64_t id_register = 0x20;
constexpr std::uint64_t task_priority = 0x80;
constexpr std::uint64_t end_of_interrupt = 0xb0;
constexpr std::uint64_t logical_destination = 0xd0;
constexpr std::uint64_t destination_format = 0xe0;
constexpr std::uint64_t spurious_vector = 0xf0;
using ApicId = Field<31, 24>;
using LogicalId = Field<31, 24>;
constexpr std::uint32_t flat_model = ~std::uint32_t{0};
using SoftwareEnabled = Flag<8>;

constexpr std::uint64_t timer_vector = 0x320;
constexpr std::uint64_t timer_initial_count = 0x380;
constexpr std::uint64_t timer_divider = 0x3e0;
using TimerPeriodic = Flag<17>;
constexpr std::uint32_t divide_by_one = 0xb;

constexpr unsigned first_vector = 0x30;
constexpr unsigned last_vector = 0xef;  // above: the runtime's own
constexpr unsigned spurious = 0xff;

// The 8259 pair: all sources masked. Their vectors are moved off the exceptions' all the same, because a spurious
// interrupt can come even when masked.
constexpr std::uint16_t first_pic = 0x20;
constexpr std::uint16_t second_pic = 0xa0;
constexpr std::uint8_t pic_vectors = 0x20;

struct Registration {
    InterruptHandler handler = nullptr;
    void* context = nullptr;
};

Registration registrations[256];
volatile std::uint8_t* apic;
bool x2apic;
std::uint64_t unexpected;
unsigned handlers_running;

std::uint32_t read_apic(std::uint64_t offset) {
    if (x2apic)
        return static_cast<std::uint32_t>(
            cpu::read_msr(first_x2apic_msr + static_cast<std::uint32_t>(offset / bytes_per_register)));
    return *reinterpret_cast<volatile std::uint32_t*>(apic + offset);
}

void write_apic(std::uint64_t offset, std::uint32_t value) {
    if (x2apic) {
        cpu::write_msr(first_x2apic_msr + static_cast<std::uint32_t>(offset / bytes_per_register), value);
    } else {
        *reinterpret_cast<volatile std::uint32_t*>(apic + offset) = value;
    }
}

void silence_pics() {
    for (const std::uint16_t pic : {first_pic, second_pic}) {
        const bool first = pic == first_pic;
        cpu::out8(pic, 0x11);                                                          // ICW1: begin, ICW4 follows
        cpu::out8(pic + 1, static_cast<std::uint8_t>(pic_vectors + (first ? 0 : 8)));  // ICW2: vectors
        cpu::out8(pic + 1, first ? 4 : 2);                                             // ICW3: how they are chained
        cpu::out8(pic + 1, 1);                                                         // ICW4: 8086 mode
        cpu::out8(pic + 1, 0xff);                                                      // mask all
    }
}

}  // namespace

void start_interrupts() {
    silence_pics();
    std::uint64_t base = cpu::read_msr(apic_base_msr);
    if (X2ApicEnabled::get(base)) panic("the local APIC was left in x2APIC mode");
    base = ApicEnabled::set(base, true);
    cpu::write_msr(apic_base_msr, base);
    apic = static_cast<volatile std::uint8_t*>(map_device({ApicBasePage::get(base) << page_shift}, page_size));
    if (apic == nullptr) panic("no room to map the local APIC");
    write_apic(task_priority, 0);
    write_apic(destination_format, flat_model);
    write_apic(logical_destination, static_cast<std::uint32_t>(LogicalId::of(1)));
    write_apic(spurious_vector, static_cast<std::uint32_t>(SoftwareEnabled::of(true) | spurious));
    cpu::enable_interrupts();
}

std::optional<std::uint8_t> register_interrupt(InterruptHandler handler, void* context) {
    for (unsigned vector = first_vector; vector <= last_vector; ++vector) {
        if (registrations[vector].handler != nullptr) continue;
        registrations[vector].context = context;
        registrations[vector].handler = handler;
        return static_cast<std::uint8_t>(vector);
    }
    return std::nullopt;
}

void unregister_interrupt(std::uint8_t vector) { registrations[vector] = {}; }

InterruptMessage message_for(std::uint8_t vector) {
    return {0xfee00000 | std::uint64_t{local_apic_id()} << 12, vector};
}

bool enter_x2apic() {
    constexpr std::uint32_t x2apic_feature = 1 << 21;
    if ((cpu::identify(1).c & x2apic_feature) == 0) return false;
    cpu::write_msr(apic_base_msr, X2ApicEnabled::set(cpu::read_msr(apic_base_msr), true));
    x2apic = true;
    return true;
}

std::uint32_t local_apic_id() {
    const std::uint32_t id = read_apic(id_register);
    return x2apic ? id : static_cast<std::uint32_t>(ApicId::get(id));
}

std::uint32_t logical_apic_id() {
    const std::uint32_t id = read_apic(logical_destination);
    return x2apic ? id : static_cast<std::uint32_t>(LogicalId::get(id));
}

std::uint64_t unexpected_interrupts() { return unexpected; }

void start_timer(std::uint8_t vector, std::uint32_t periods) {
    write_apic(timer_divider, divide_by_one);
    write_apic(timer_vector, static_cast<std::uint32_t>(TimerPeriodic::of(true) | vector));
    write_apic(timer_initial_count, periods);
}

void acknowledge_interrupt() { write_apic(end_of_interrupt, 0); }

void handle_interrupt(std::uint8_t vector) {
    const Registration registration = registrations[vector];
    ++handlers_running;
    if (registration.handler != nullptr) {
        const std::uint64_t priority = cpu::read_cr8();
        cpu::write_cr8(vector >> 4);
        registration.handler(registration.context);
        cpu::write_cr8(priority);
    } else {
        ++unexpected;
    }
    --handlers_running;
    // Neither the APIC's spurious interrupt nor one of the masked PICs is in service anywhere.
    if (vector != spurious && vector >= first_vector) acknowledge_interrupt();
}

void abandon_interrupts() {
    for (; handlers_running != 0; --handlers_running) acknowledge_interrupt();
}

}  // namespace remap::guest
