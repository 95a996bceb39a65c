// SPDX-License-Identifier: MIT
// The domain of a running adapter is switched while its driver keeps it silent (WDK page "IOMMU-based GPU isolation",
// Exclusive access): not every chip set swaps domains under traffic.
#include "callbacks/core/parts.h"

namespace remap::callbacks {

namespace {

// How long the adapter reaches nothing, in rounds of ExecutionPort::relax: long enough that one which goes on working
// is heard.
constexpr unsigned listening_rounds = 10'000;

// Refused accesses that are looked for when the switch is over.
constexpr unsigned last_rounds = 16;

// Everything that the adapter reaches in physical mode, mapped one to one; what was mapped is taken back on failure.
class Isolation {
public:
    explicit Isolation(Adapter& adapter) : adapter_(adapter) {}

    NTSTATUS map_all() {
        NTSTATUS status = adapter_.view.isolate_reserved();
        if (!NT_SUCCESS(status)) return status;
        status = for_each_run([this](auto runs) { return adapter_.view.isolate(runs); });
        if (NT_SUCCESS(status)) return status;
        unmap(done_);
        return status;
    }

    void unmap_all() { unmap(~std::uint64_t{0}); }

private:
    // In a fixed order, so that the first `count` lists can be named again.
    template <typename Visit>
    NTSTATUS for_each_run(Visit visit) {
        done_ = 0;
        NTSTATUS status = STATUS_SUCCESS;
        const auto next = [&](auto runs, const Subject& subject) {
            adapter_.view.do_for(subject);
            status = visit(runs);
            done_ += NT_SUCCESS(status);
            return NT_SUCCESS(status);
        };
        for (const AdapterObject* opened = adapter_.objects.first(); opened != nullptr; opened = opened->next)
            for (const Adl* adl = opened->adls.first(); adl != nullptr; adl = adl->next)
                if (!next(adl->runs(), opened->object.subject())) return status;
        for (const TrackedMemory* tracked = adapter_.tracked.first(); tracked != nullptr; tracked = tracked->next)
            if (!next(tracked->runs_of_adapter(), tracked->subject())) return status;
        return status;
    }

    void unmap(std::uint64_t lists) {
        std::uint64_t index = 0;
        (void)for_each_run([&](auto runs) -> NTSTATUS {
            if (index++ == lists) return STATUS_UNSUCCESSFUL;
            adapter_.view.unisolate(runs);
            return STATUS_SUCCESS;
        });
        adapter_.view.unisolate_reserved();
    }

    Adapter& adapter_;
    std::uint64_t done_ = 0;
};

}  // namespace

// Keeps the first access that is refused while the devices have to be silent.
void Dxgkrnl::Parts::listen(Adapter& adapter, unsigned rounds, std::optional<DmaFault>& first) {
    for (unsigned round = 0; round < rounds; ++round) {
        if (const auto fault = adapter.view.port()->take_fault(); fault && !first) first = fault;
        ports.execution.relax();
    }
}

// The adapter reaches nothing, and is to reach its domain.
NTSTATUS Dxgkrnl::Parts::attach_domain(Adapter& adapter, Findings& findings) {
    DmaPort& port = *adapter.view.port();
    const bool turns_on = adapter.view.mode() == DmaMode::Physical;
    Isolation isolation(adapter);
    if (turns_on) {
        const NTSTATUS status = isolation.map_all();
        if (!NT_SUCCESS(status)) return (void)port.attach(Attachment::Untranslated), status;
    }
    if (port.attach(Attachment::Domain)) {
        if (turns_on) adapter.view.set_isolated();
        return STATUS_SUCCESS;
    }
    if (turns_on) {
        isolation.unmap_all();
        (void)port.attach(Attachment::Untranslated);
    }
    findings.add(Check::ReattachFailed, Text{}.add("the domain could not be attached to the adapter's devices"));
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}

NTSTATUS Dxgkrnl::Parts::switch_silent_adapter(Adapter& adapter, Findings& findings) {
    check_dma(adapter, findings);
    (void)adapter.view.port()->attach(Attachment::Nothing);
    std::optional<DmaFault> heard;
    listen(adapter, options.enabled ? listening_rounds : 1, heard);
    const NTSTATUS status = attach_domain(adapter, findings);
    // What was refused up to now is of the switch: later it would look like an access to memory that is not mapped.
    listen(adapter, last_rounds, heard);
    if (heard)
        findings.add(Check::AccessDuringSwitch, Text{}
                                                    .add("a device of the adapter accessed ")
                                                    .add_hex(heard->address.value)
                                                    .add(" while it had to be silent"));
    return status;
}

NTSTATUS Dxgkrnl::switch_domain(HANDLE handle) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    DriverPort* driver = nullptr;
    {
        Guard guard(parts_->lock, &parts_->ports.execution);
        Adapter* adapter = parts_->find_adapter(handle);
        if (adapter == nullptr) return STATUS_INVALID_HANDLE;
        const bool stays_physical = adapter->view.mode() == DmaMode::Physical && !adapter->supports_isolation();
        if (adapter->view.port() == nullptr || stays_physical) return STATUS_NOT_SUPPORTED;
        if (adapter->switching) return STATUS_DEVICE_BUSY;
        adapter->switching = true;
        driver = adapter->driver();
    }
    // The driver's DDIs run without the lock: the driver may call back, or wait for a thread that does.
    NTSTATUS status = driver != nullptr ? driver->begin_exclusive_access() : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        status = parts_->call(Callback::SwitchDomain, nullptr, [&](Findings& findings) -> NTSTATUS {
            Adapter* adapter = parts_->find_adapter(handle);
            return adapter == nullptr ? STATUS_INVALID_HANDLE : parts_->switch_silent_adapter(*adapter, findings);
        });
        const NTSTATUS ended = driver != nullptr ? driver->end_exclusive_access() : STATUS_SUCCESS;
        if (NT_SUCCESS(status)) status = ended;
    }
    Guard guard(parts_->lock, &parts_->ports.execution);
    if (Adapter* adapter = parts_->find_adapter(handle)) adapter->switching = false;
    return status;
}

}  // namespace remap::callbacks
