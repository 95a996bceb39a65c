// SPDX-License-Identifier: MIT
#include "iommu/driver/unit.h"

#include "iommu/driver/capabilities.h"
#include "iommu/driver/commands.h"
#include "iommu/driver/context_tables.h"
#include "iommu/driver/domain.h"
#include "iommu/driver/errors.h"
#include "iommu/driver/fault_reader.h"
#include "iommu/driver/interrupts.h"
#include "iommu/driver/invalidator.h"
#include "iommu/spec/tables.h"

#include <memory>
#include <new>

namespace remap::vtd_driver {

namespace gcmd = vtd::global_command;
namespace ctx = vtd::context_entry;
using paging::EditError;

struct Unit::Parts {
    Parts(RegisterPort& registers, paging::TablePort& tables, const Capabilities& offered, unsigned levels_used)
        : capabilities(offered),
          levels(levels_used),
          commands(registers),
          contexts(tables),
          register_form(registers, capabilities),
          queue_form(registers, tables, capabilities),
          interrupts(registers, tables, capabilities),
          faults(registers, capabilities),
          ids(offered.domains()) {}

    const Capabilities capabilities;
    const unsigned levels;
    Commands commands;
    ContextTables contexts;
    RegisterInvalidator register_form;
    QueueInvalidator queue_form;
    InterruptTable interrupts;
    bool remaps_interrupts = false;
    Invalidator* invalidator = &register_form;
    FaultReader faults;
    DomainIds ids;
    std::uint16_t pass_through_id = 0;

    Error start(const UnitOptions& options);
    Error set_root_table();
    Error stop();
};

Unit::Unit(RegisterPort& registers, paging::TablePort& tables) : registers_(registers), tables_(tables) {}

Unit::~Unit() {
    stop();
    while (domains_ != nullptr) destroy_domain(domains_);
}

Error Unit::Parts::set_root_table() {
    const Error error = commands.set_root_table(contexts.root().address().value);
    if (error != Error::None) return error;
    // Section 6.6, in this order. Units with CAP.ESRTPS have done it already; once more does no harm.
    const Forget everything[] = {Forget::all_contexts(), Forget::all_translations()};
    return invalidator->run(everything);
}

Error Unit::Parts::start(const UnitOptions& options) {
    if (const Error error = commands.take_over(); error != Error::None) return error;
    const auto id = ids.take();
    if (!id || !contexts.create()) return Error::NoMemory;
    pass_through_id = *id;
    if (options.invalidation == Invalidation::Queue) {
        invalidator = &queue_form;
        if (const Error error = queue_form.start(); error != Error::None) return error;
    }
    if (options.interrupts != Interrupts::Direct) {
        const Error error = interrupts.start(queue_form, options.interrupts == Interrupts::Extended);
        if (error != Error::None) return error;
        remaps_interrupts = true;
    }
    if (const Error error = set_root_table(); error != Error::None) return error;
    faults.start_empty();
    return commands.set(gcmd::Translation::mask);
}

Error Unit::Parts::stop() {
    if (const Error error = commands.clear(gcmd::Translation::mask); error != Error::None) return error;
    if (const Error error = interrupts.stop(); error != Error::None) return error;
    if (invalidator == &queue_form) {
        if (const Error error = queue_form.stop(); error != Error::None) return error;
    }
    contexts.destroy();
    return Error::None;
}

Error Unit::start(const UnitOptions& options) {
    if (parts_ != nullptr) {
        if (const Error error = stop(); error != Error::None) return error;
    }
    const Capabilities offered(capability(), extended_capability());
    if (!offered.exists()) return Error::NoUnit;
    const unsigned levels = options.levels != 0 ? options.levels : offered.most_levels();
    if (!offered.has_levels(levels)) return Error::NotOffered;
    if (options.invalidation == Invalidation::Queue && !offered.queue()) return Error::NotOffered;
    if (options.interrupts != Interrupts::Direct && options.invalidation != Invalidation::Queue)
        return Error::NotOffered;

    parts_ = new (std::nothrow) Parts(registers_, tables_, offered, levels);
    if (parts_ == nullptr) return Error::NoMemory;
    for (const Domain* domain = domains_; domain != nullptr; domain = domain->next) parts_->ids.reserve(domain->id);
    const Error error = parts_->start(options);
    if (error != Error::None) stop();
    return error;
}

// A unit that does not let go keeps its tables: they are leaked rather than freed under it.
Error Unit::stop() {
    if (parts_ == nullptr) return Error::None;
    const Error error = parts_->stop();
    runaway_ |= error != Error::None;
    delete parts_;
    parts_ = nullptr;
    return error;
}

Domain* Unit::create_domain(Error& error) {
    error = Error::NotOffered;
    if (parts_ == nullptr) return nullptr;
    error = Error::NoMemory;
    const auto id = parts_->ids.take();
    if (!id) return nullptr;
    std::unique_ptr<Domain> domain(new (std::nothrow) Domain(tables_, *id, parts_->levels));
    if (!domain || domain->editor.create() != EditError::None) {
        parts_->ids.give(*id);
        return nullptr;
    }
    error = Error::None;
    domain->next = domains_;
    domains_ = domain.get();
    return domain.release();
}

// Before its id and its tables are used for anything else the unit has to forget both (section 6.5.3.3, table 28).
void Unit::destroy_domain(Domain* domain) {
    if (domain == nullptr) return;
    Domain** link = &domains_;
    while (*link != nullptr && *link != domain) link = &(*link)->next;
    if (*link == nullptr) return;
    *link = domain->next;
    Error error = runaway_ ? Error::Timeout : Error::None;
    if (parts_ != nullptr) {
        const Forget list[] = {Forget::contexts_of(domain->id), Forget::translations_of(domain->id)};
        error = parts_->invalidator->run(list);
        if (error == Error::None) parts_->ids.give(domain->id);
    }
    if (error == Error::None) {
        domain->retired.free_all();
    } else {
        domain->editor.abandon();  // the unit may still walk the tables: they are lost
    }
    delete domain;
}

// Takes the old entry away, makes the unit forget it, and only then writes the new one (section 6.5.3.3). In caching
// mode the unit may have kept that there was none, under domain id 0 (section 6.1).
Error Unit::replace_context(std::uint16_t source, std::optional<std::uint16_t> new_domain, std::uint64_t low,
                            std::uint64_t high) {
    const auto old_domain = parts_->contexts.domain_of(source);
    if (old_domain) {
        parts_->contexts.clear(source);
        const Forget list[] = {Forget::context_of(*old_domain, source), Forget::translations_of(*old_domain)};
        if (const Error error = parts_->invalidator->run(list); error != Error::None) return error;
    }
    if (!new_domain) return Error::None;
    if (!parts_->contexts.set(source, low, high)) return Error::NoMemory;
    if (parts_->capabilities.caching_mode()) {
        const Forget list[] = {Forget::context_of(0, source), Forget::translations_of(*new_domain)};
        return parts_->invalidator->run(list);
    }
    return parts_->capabilities.write_buffer() ? parts_->commands.flush_write_buffer() : Error::None;
}

Error Unit::attach(std::uint16_t source, Domain& domain) {
    if (parts_ == nullptr) return Error::NotOffered;
    const std::uint64_t low = domain.editor.root().address().value | ctx::Present::of(true) |
                              ctx::Type::of(ctx::TranslationType::SecondStage);
    const std::uint64_t high =
        ctx::AddressWidth::of(ctx::width_of(domain.editor.levels())) | ctx::Domain::of(domain.id);
    return replace_context(source, domain.id, low, high);
}

// The width must be the largest the unit has (section 9.3).
Error Unit::attach_pass_through(std::uint16_t source) {
    if (parts_ == nullptr || !parts_->capabilities.pass_through()) return Error::NotOffered;
    const std::uint64_t low = ctx::Present::of(true) | ctx::Type::of(ctx::TranslationType::PassThrough);
    const std::uint64_t high = ctx::AddressWidth::of(ctx::width_of(parts_->capabilities.most_levels())) |
                               ctx::Domain::of(parts_->pass_through_id);
    return replace_context(source, parts_->pass_through_id, low, high);
}

Error Unit::detach(std::uint16_t source) {
    if (parts_ == nullptr) return Error::NotOffered;
    return replace_context(source, std::nullopt, 0, 0);
}

// Also frees the tables that nothing in the unit can point to any more.
Error Unit::invalidate_range(Domain& domain, LogicalPage first, std::uint64_t pages) {
    const Forget list[] = {domain.stale
                               ? Forget::translations_of(domain.id)
                               : Forget::pages_of(parts_->capabilities, domain.id, first, first + (pages - 1))};
    const Error error = parts_->invalidator->run(list);
    domain.stale = error != Error::None;
    if (!domain.stale) domain.retired.free_all();
    return error;
}

Error Unit::map(Domain& domain, LogicalPage first, PhysicalPage to, std::uint64_t pages, Rights rights) {
    using Format = paging::VtdSecondStage;
    if (parts_ == nullptr) return Error::NotOffered;
    const std::uint64_t end = std::uint64_t{1} << (address_width() - page_shift);
    if (first.number >= end || pages > end - first.number) return Error::OutOfRange;
    const EditError error =
        domain.editor.map({.first = first,
                           .to = to,
                           .pages = pages,
                           .attributes = (rights.read ? Format::read : 0) | (rights.write ? Format::write : 0),
                           .largest_leaf = parts_->capabilities.largest_leaf()});
    if (error != EditError::None) return error_of(error);
    // What was not present is cached in caching mode only (section 6.1).
    if (parts_->capabilities.caching_mode()) return invalidate_range(domain, first, pages);
    return parts_->capabilities.write_buffer() ? parts_->commands.flush_write_buffer() : Error::None;
}

Error Unit::unmap(Domain& domain, LogicalPage first, std::uint64_t pages) {
    if (parts_ == nullptr) return Error::NotOffered;
    // A leaf that has to be split is forgotten as a whole (section 6.5.2.3: the mask of the leaf's size).
    const auto first_leaf = domain.editor.lookup(first);
    const auto last_leaf = domain.editor.lookup(first + (pages - 1));
    if (const EditError error = domain.editor.unmap(first, pages, domain.retired); error != EditError::None)
        return error_of(error);
    const std::uint64_t begin = round_down(first.number, std::uint64_t{1} << (first_leaf->shift - page_shift));
    const std::uint64_t end = round_up(first.number + pages, std::uint64_t{1} << (last_leaf->shift - page_shift));
    return invalidate_range(domain, {begin}, end - begin);
}

std::optional<PhysicalAddress> Unit::lookup(const Domain& domain, LogicalAddress address) const {
    const auto leaf = domain.editor.lookup(address.page());
    if (!leaf) return std::nullopt;
    return leaf->address + address.page_offset();
}

InterruptTable* Unit::interrupts() {
    return parts_ != nullptr && parts_->remaps_interrupts ? &parts_->interrupts : nullptr;
}

std::optional<Fault> Unit::take_fault() { return parts_ != nullptr ? parts_->faults.take() : std::nullopt; }

void Unit::enable_fault_event(std::uint64_t message_address, std::uint32_t message_data) {
    if (parts_ != nullptr) parts_->faults.enable_event(message_address, message_data);
}

unsigned Unit::address_width() const {
    return parts_ != nullptr ? parts_->capabilities.address_width(parts_->levels) : 0;
}

std::uint64_t Unit::capability() const { return registers_.read64(vtd::capability::offset); }
std::uint64_t Unit::extended_capability() const { return registers_.read64(vtd::extended_capability::offset); }

}  // namespace remap::vtd_driver
