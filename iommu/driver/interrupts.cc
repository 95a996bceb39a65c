// SPDX-License-Identifier: MIT
#include "iommu/driver/interrupts.h"

#include "iommu/driver/commands.h"
#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace entry = vtd::interrupt_entry;
namespace gcmd = vtd::global_command;
namespace irta = vtd::interrupt_table;

namespace {

constexpr unsigned words_per_entry = entry::bytes / sizeof(std::uint64_t);
constexpr unsigned size_field = 7;  // 2^8 entries fill a page
static_assert(irta::entries(size_field) == InterruptTable::entries);

}  // namespace

InterruptSender InterruptSender::function(std::uint16_t source, unsigned qualifier) {
    return InterruptSender(entry::SourceValidation::of(entry::Validation::Source) | entry::Qualifier::of(qualifier) |
                           entry::Source::of(source));
}

InterruptSender InterruptSender::buses(std::uint8_t first, std::uint8_t last) {
    return InterruptSender(entry::SourceValidation::of(entry::Validation::BusRange) |
                           entry::Source::of(std::uint64_t{first} << 8 | last));
}

// While the unit may still read the table it is leaked rather than freed.
InterruptTable::~InterruptTable() {
    if (table_ && !running_) tables_.free_table(*table_);
}

// Section 6.7: the pointer, then a global invalidation, then the switch.
Error InterruptTable::start(Invalidator& invalidator, bool extended) {
    if (!capabilities_.interrupt_remapping() || (extended && !capabilities_.extended_interrupts()))
        return Error::NotOffered;
    table_ = tables_.allocate_table();
    if (!table_) return Error::NoMemory;
    tables_.publish(*table_, 0, page_size / sizeof(std::uint64_t));
    invalidator_ = &invalidator;
    extended_ = extended;
    registers_.write64(irta::offset,
                       table_->address().value | irta::ExtendedMode::of(extended) | irta::Size::of(size_field));
    Commands commands(registers_);
    running_ = true;
    if (const Error error = commands.set(gcmd::SetInterruptTable::mask); error != Error::None) return error;
    if (const Error error = forget_all(); error != Error::None) return error;
    if (const Error error = commands.clear(gcmd::CompatibilityInterrupt::mask); error != Error::None) return error;
    return commands.set(gcmd::InterruptRemapping::mask);
}

Error InterruptTable::stop() {
    if (!running_) return Error::None;
    const Error error = Commands(registers_).clear(gcmd::InterruptRemapping::mask);
    if (error == Error::None) running_ = false;
    return error;
}

std::optional<std::uint16_t> InterruptTable::allocate(unsigned count) {
    if (!is_power_of_two(count) || count > 64) return std::nullopt;
    const std::uint64_t block = low_bits(count);
    for (unsigned first = 0; first < entries; first += count) {
        std::uint64_t& used = used_[first / 64];
        if ((used & block << first % 64) != 0) continue;
        used |= block << first % 64;
        return static_cast<std::uint16_t>(first);
    }
    return std::nullopt;
}

Error InterruptTable::free(std::uint16_t first, unsigned count) {
    for (unsigned i = first; i < first + count; ++i) {
        if (const Error error = take_away(static_cast<std::uint16_t>(i)); error != Error::None) return error;
        used_[i / 64] &= ~(std::uint64_t{1} << i % 64);
    }
    return Error::None;
}

volatile std::uint64_t* InterruptTable::words(std::uint16_t index) {
    return tables_.words(*table_) + index * words_per_entry;
}

void InterruptTable::write(std::uint16_t index, unsigned word, std::uint64_t value) {
    words(index)[word] = value;
    tables_.publish(*table_, index * words_per_entry + word, 1);
}

// What was not present is cached in caching mode only (section 6.1).
Error InterruptTable::take_away(std::uint16_t index) {
    if (!entry::Present::get(words(index)[0])) return Error::None;
    write(index, 0, 0);
    return forget(index);
}

std::uint64_t InterruptTable::low_word(const InterruptTarget& target) const {
    const std::uint64_t destination =
        extended_ ? entry::Destination::of(target.destination) : entry::ShortDestination::of(target.destination);
    return destination | entry::Present::of(true) | entry::LogicalDestination::of(target.logical) |
           entry::RedirectionHint::of(target.redirection_hint) | entry::LevelTriggered::of(target.level) |
           entry::Delivery::of(target.delivery) | entry::Vector::of(target.vector);
}

// The unit reads both words as one. So an entry of another sender is taken away before it is written anew, its word
// with the present bit last; where only the target changes, one store does it.
Error InterruptTable::set(std::uint16_t index, const InterruptTarget& target, const InterruptSender& sender) {
    const bool was_present = entry::Present::get(words(index)[0]);
    if (words(index)[1] != sender.word()) {
        if (const Error error = take_away(index); error != Error::None) return error;
        write(index, 1, sender.word());
    }
    write(index, 0, low_word(target));
    if (was_present || capabilities_.caching_mode()) return forget(index);
    return capabilities_.write_buffer() ? Commands(registers_).flush_write_buffer() : Error::None;
}

Error InterruptTable::forget(std::uint16_t index, unsigned index_mask) {
    const Forget list[] = {Forget::interrupts_of(index, index_mask)};
    return invalidator_->run(list);
}

Error InterruptTable::forget_all() {
    const Forget list[] = {Forget::all_interrupts()};
    return invalidator_->run(list);
}

}  // namespace remap::vtd_driver
