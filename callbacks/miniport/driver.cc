// SPDX-License-Identifier: MIT
#include "callbacks/miniport/driver.h"

#include <algorithm>
#include <array>

namespace remap::miniport {

namespace {

// DxgkInitialize gets no context but the driver object, which is the driver's to write to: so it is only compared.
constinit std::array<Driver*, driver_slots> drivers{};

constexpr CSHORT type_driver = 4;  // IO_TYPE_DRIVER of wdm.h

constexpr char registry_name[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\RemapDriver";
constexpr USHORT registry_path_bytes = (sizeof registry_name - 1) * sizeof(WCHAR);

// A string of the kernel has characters of 16 bits.
constinit std::array<WCHAR, sizeof registry_name> registry_path = [] {
    std::array<WCHAR, sizeof registry_name> path{};
    std::copy(std::begin(registry_name), std::end(registry_name), path.begin());
    return path;
}();

}  // namespace

Driver::~Driver() {
    if (started_) unload();
    leave_slot();
}

bool Driver::take_slot() {
    const auto slot = std::find(drivers.begin(), drivers.end(), nullptr);
    if (slot == drivers.end()) return false;
    *slot = this;
    return true;
}

void Driver::leave_slot() { std::replace(drivers.begin(), drivers.end(), this, static_cast<Driver*>(nullptr)); }

NTSTATUS NTAPI Driver::register_ddis(PDRIVER_OBJECT object, PUNICODE_STRING path, PDRIVER_INITIALIZATION_DATA ddis) {
    if (object == nullptr || path == nullptr || ddis == nullptr) return STATUS_INVALID_PARAMETER;
    const auto found = std::find_if(drivers.begin(), drivers.end(), [&](const Driver* driver) {
        return driver != nullptr && &driver->object_ == object;
    });
    if (found == drivers.end()) return STATUS_INVALID_PARAMETER;
    Driver& driver = **found;
    if (++driver.registrations_ > 1) return STATUS_INVALID_DEVICE_STATE;
    driver.registered_ = copy_registration(ddis, driver.ddis_);
    return driver.registered_.status;
}

Outcome Driver::start(const Source& source) {
    if (started_) return failure(STATUS_INVALID_DEVICE_STATE, "the driver is started already");
    if (!take_slot()) return failure(STATUS_INSUFFICIENT_RESOURCES, "too many drivers are loaded");
    object_ = DRIVER_OBJECT{};
    object_.Type = type_driver;
    object_.Size = sizeof object_;
    object_.DriverStart = const_cast<void*>(source.image);
    object_.DriverSize = static_cast<ULONG>(source.bytes);
    object_.DriverExtension = &extension_;
    object_.DriverInit = source.entry;
    extension_ = DRIVER_EXTENSION{};
    extension_.DriverObject = &object_;
    registrations_ = 0;
    registered_ = {};
    UNICODE_STRING path{registry_path_bytes, registry_path_bytes, registry_path.data()};
    const Outcome outcome = judge_entry(calls_.call("DriverEntry", source.entry, &object_, &path));
    started_ = outcome.ok();
    if (!started_) leave_slot();
    return outcome;
}

// The registration's own failure says more than the status that DriverEntry hands on.
Outcome Driver::judge_entry(Outcome called) const {
    if (!registered_.ok()) return registered_;
    if (registrations_ > 1) return failure(STATUS_INVALID_DEVICE_STATE, "DriverEntry called DxgkInitialize twice");
    if (called.ok() && registrations_ == 0)
        return failure(STATUS_INVALID_DEVICE_STATE, "DriverEntry returned success and had not called DxgkInitialize");
    return called;
}

Outcome Driver::unload() {
    if (!started_) return {};
    started_ = false;
    const auto unload_and_succeed = [this]() -> NTSTATUS {
        ddis_.DxgkDdiUnload();
        return STATUS_SUCCESS;
    };
    const Outcome outcome = calls_.call("DxgkDdiUnload", &unload_and_succeed);
    leave_slot();
    return outcome;
}

}  // namespace remap::miniport
