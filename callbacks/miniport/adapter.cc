// SPDX-License-Identifier: MIT
#include "callbacks/miniport/adapter.h"

#include "callbacks/miniport/services.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace remap::miniport {

namespace {

constinit std::atomic<ULONG> started_devices{0};

Outcome out_of_order(const char* step) {
    Outcome outcome = failure(STATUS_INVALID_DEVICE_STATE, step);
    outcome.why.add(" is not the next step of this adapter");
    return outcome;
}

// The first failure is the one to report.
void keep_first(Outcome& kept, const Outcome& next) {
    if (kept.ok() && !next.ok()) kept = next;
}

}  // namespace

LogicalAdapter::~LogicalAdapter() {
    if (calls_.exclusive()) end_exclusive_of(count_);
    stop();
    remove();
}

Outcome LogicalAdapter::add(std::span<const DeviceDescription> descriptions) {
    if (state_ != State::Empty || !driver_.started()) return out_of_order("AddDevice");
    if (descriptions.empty() || descriptions.size() > longest_chain)
        return failure(STATUS_INVALID_PARAMETER, "a logical adapter has 1 to 8 physical adapters");
    for (const DeviceDescription& description : descriptions) {
        if (const Outcome outcome = add_device(count_, description); !outcome.ok()) {
            while (count_ != 0) remove_device(--count_);
            return outcome;
        }
        ++count_;
    }
    state_ = State::Added;
    return {};
}

Outcome LogicalAdapter::add_device(unsigned index, const DeviceDescription& description) {
    Device& device = devices_[index];
    device.describe(description, device_port_);
    PVOID context = nullptr;
    const Outcome outcome = calls_.call("DxgkDdiAddDevice", ddis().DxgkDdiAddDevice, device.object(), &context);
    if (!outcome.ok()) return outcome;
    device.set_context(context);
    const auto used = devices_.begin() + index;
    const bool twice = std::any_of(devices_.begin(), used, [&](const Device& d) { return d.context() == context; });
    if (context != nullptr && !twice) return {};
    // RemoveDevice would get a context that is not this device's.
    return failure(STATUS_DEVICE_CONFIGURATION_ERROR, context == nullptr
                                                          ? "DxgkDdiAddDevice succeeded without a context"
                                                          : "DxgkDdiAddDevice gave two devices the same context");
}

Outcome LogicalAdapter::query() {
    if (state_ != State::Added && state_ != State::Queried) return out_of_order("QueryAdapterInfo");
    std::array<PVOID, longest_chain> contexts{};
    for (unsigned i = 0; i < count_; ++i) contexts[i] = devices_[i].context();
    state_ = State::Added;
    const Outcome outcome = query_caps(calls_, ddis(), {contexts.data(), count_}, caps_);
    if (outcome.ok()) state_ = State::Queried;
    return outcome;
}

Outcome LogicalAdapter::start() {
    if (state_ != State::Queried) return out_of_order("StartDevice");
    const std::span<DXGKRNL_INTERFACE> interfaces(interfaces_.data(), count_);
    if (const NTSTATUS status = core_.start(caps_, *this, interfaces); !NT_SUCCESS(status)) {
        Outcome outcome = failure(status, "the adapter cannot be started with these caps: NTSTATUS ");
        outcome.why.add_hex(static_cast<ULONG>(status));
        return outcome;
    }
    Outcome outcome;
    if (!bind_services(*this, interfaces))
        outcome = failure(STATUS_INSUFFICIENT_RESOURCES, "too many adapters are started");
    if (outcome.ok()) outcome = start_devices();
    if (outcome.ok()) {
        state_ = State::Started;
        return outcome;
    }
    release_services(*this);
    core_.stop();
    return outcome;
}

// All or none.
Outcome LogicalAdapter::start_devices() {
    for (unsigned i = 0; i < count_; ++i) {
        if (const Outcome outcome = start_device(i); !outcome.ok()) {
            while (i != 0) stop_device(--i);
            return outcome;
        }
    }
    return {};
}

Outcome LogicalAdapter::start_device(unsigned index) {
    Device& device = devices_[index];
    // The driver may keep neither: both are copied by value.
    DXGKRNL_INTERFACE interface = interfaces_[index];
    DXGK_START_INFO info{};
    const ULONG number = ++started_devices;  // no two starts have the same identifiers
    info.AdapterGuid = {0x52454d41, 0x504c, 0x4142, {0}};
    std::memcpy(info.AdapterGuid.Data4, &number, sizeof number);
    info.AdapterLuid.LowPart = number;
    device.set_handle(interface.DeviceHandle);
    device.show_resources(true);
    ULONG sources = 0;
    ULONG children = 0;
    Outcome outcome = calls_.call("DxgkDdiStartDevice", ddis().DxgkDdiStartDevice, device.context(), &info, &interface,
                                  &sources, &children);
    device.show_resources(false);
    if (!outcome.ok()) {
        device.take_back_views();
        device.set_handle(nullptr);
    }
    return outcome;
}

Outcome LogicalAdapter::stop() {
    if (state_ != State::Started) return state_ == State::Empty ? Outcome{} : out_of_order("StopDevice");
    if (calls_.exclusive()) return out_of_order("StopDevice");
    Outcome outcome;
    for (unsigned i = count_; i != 0; --i) keep_first(outcome, stop_device(i - 1));
    core_.stop();
    release_services(*this);
    state_ = State::Added;
    return outcome;
}

Outcome LogicalAdapter::stop_device(unsigned index) {
    Device& device = devices_[index];
    Outcome outcome = calls_.call("DxgkDdiStopDevice", ddis().DxgkDdiStopDevice, device.context());
    const unsigned views = device.take_back_views();
    if (outcome.ok() && views != 0) {
        outcome = failure(STATUS_INVALID_DEVICE_STATE, "the driver stopped and left views of DxgkCbMapMemory: ");
        outcome.why.add_number(views);
    }
    device.set_handle(nullptr);
    return outcome;
}

Outcome LogicalAdapter::remove() {
    if (state_ == State::Empty) return {};
    if (state_ == State::Started) return out_of_order("RemoveDevice");
    Outcome outcome;
    while (count_ != 0) keep_first(outcome, remove_device(--count_));
    state_ = State::Empty;
    return outcome;
}

Outcome LogicalAdapter::remove_device(unsigned index) {
    PVOID context = devices_[index].context();
    devices_[index].set_context(nullptr);
    return calls_.call("DxgkDdiRemoveDevice", ddis().DxgkDdiRemoveDevice, context);
}

NTSTATUS LogicalAdapter::begin_exclusive() {
    exclusive_outcome_ = calls_.exclusive() ? out_of_order("BeginExclusiveAccess") : Outcome{};
    unsigned begun = 0;
    for (; exclusive_outcome_.ok() && begun < count_; begun += exclusive_outcome_.ok()) {
        DXGKARG_BEGINEXCLUSIVEACCESS arguments{};
        exclusive_outcome_ = calls_.call("DxgkDdiBeginExclusiveAccess", ddis().DxgkDdiBeginExclusiveAccess,
                                         devices_[begun].context(), &arguments);
    }
    if (exclusive_outcome_.ok()) {
        calls_.set_exclusive(true);
    } else if (!calls_.exclusive()) {
        end_exclusive_of(begun);
    }
    return exclusive_outcome_.status;
}

NTSTATUS LogicalAdapter::end_exclusive() {
    exclusive_outcome_ = calls_.exclusive() ? end_exclusive_of(count_) : out_of_order("EndExclusiveAccess");
    return exclusive_outcome_.status;
}

// Every device that has begun must hear of the end.
Outcome LogicalAdapter::end_exclusive_of(unsigned count) {
    Outcome outcome;
    for (unsigned i = 0; i < count; ++i) {
        DXGKARG_ENDEXCLUSIVEACCESS arguments{};
        keep_first(outcome, calls_.call_always("DxgkDdiEndExclusiveAccess", ddis().DxgkDdiEndExclusiveAccess,
                                               devices_[i].context(), &arguments));
    }
    calls_.set_exclusive(false);
    return outcome;
}

Outcome LogicalAdapter::escape(unsigned index, void* data, UINT bytes) {
    if (state_ != State::Started || index >= count_) return out_of_order("DxgkDdiEscape");
    DXGKARG_ESCAPE arguments{};
    arguments.pPrivateDriverData = data;
    arguments.PrivateDriverDataSize = bytes;
    return calls_.call("DxgkDdiEscape", ddis().DxgkDdiEscape, devices_[index].context(), &arguments);
}

Device* LogicalAdapter::find_device(HANDLE handle) {
    if (handle == nullptr) return nullptr;
    const auto end = devices_.begin() + count_;
    const auto found = std::find_if(devices_.begin(), end, [&](const Device& d) { return d.handle() == handle; });
    return found == end ? nullptr : &*found;
}

}  // namespace remap::miniport
