// SPDX-License-Identifier: MIT
#include "callbacks/miniport/tests/fake_driver.h"

#include "callbacks/miniport/tests/irql.h"

#include <algorithm>

namespace remap::miniport {

namespace {

FakeDriver* current;

constexpr std::uintptr_t first_context = 0x1000;

PVOID context_of(unsigned index) { return reinterpret_cast<PVOID>(first_context + index); }
unsigned index_of(PVOID context) {
    return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(context) - first_context);
}

NTSTATUS hear(const char* name, PVOID context) {
    const std::string call = name + std::to_string(index_of(context));
    current->log.push_back(call);
    return current->status ? current->status(call) : STATUS_SUCCESS;
}

NTSTATUS NTAPI add_device(PDEVICE_OBJECT object, PVOID* context) {
    const unsigned index = current->added++;
    *context = current->context ? current->context(index) : context_of(index);
    return object->DeviceType == FILE_DEVICE_VIDEO ? hear("add", context_of(index)) : STATUS_INVALID_PARAMETER;
}

NTSTATUS NTAPI start_device(PVOID context, PDXGK_START_INFO info, PDXGKRNL_INTERFACE interface, PULONG, PULONG) {
    current->luids.push_back(info->AdapterLuid.LowPart);
    if (current->on_start) current->on_start(*interface);
    return hear("start", context);
}

NTSTATUS NTAPI stop_device(PVOID context) { return hear("stop", context); }

NTSTATUS NTAPI remove_device(PVOID context) {
    --current->added;
    return hear("remove", context);
}

VOID NTAPI unload() { current->log.push_back("unload"); }

NTSTATUS NTAPI query_adapter_info(HANDLE context, const DXGKARG_QUERYADAPTERINFO* query) {
    const unsigned index = index_of(context);
    current->log.push_back("query" + std::to_string(query->Type) + "." + std::to_string(index));
    return current->on_query(index, *query);
}

NTSTATUS NTAPI begin_exclusive(HANDLE context, DXGKARG_BEGINEXCLUSIVEACCESS*) { return hear("begin", context); }
NTSTATUS NTAPI end_exclusive(HANDLE context, DXGKARG_ENDEXCLUSIVEACCESS*) { return hear("end", context); }

NTSTATUS NTAPI escape(HANDLE context, const DXGKARG_ESCAPE* arguments) {
    *static_cast<int*>(arguments->pPrivateDriverData) += 1;
    return hear("escape", context);
}

NTSTATUS NTAPI build_paging_buffer(HANDLE, DXGKARG_BUILDPAGINGBUFFER* arguments) {
    return current->on_paging(*arguments);
}

}  // namespace

FakeDriver::FakeDriver() : on_query(good_answer), previous_(current) {
    current = this;
    set_irql(PASSIVE_LEVEL);
    ddis.Version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
    ddis.DxgkDdiAddDevice = add_device;
    ddis.DxgkDdiStartDevice = start_device;
    ddis.DxgkDdiStopDevice = stop_device;
    ddis.DxgkDdiRemoveDevice = remove_device;
    ddis.DxgkDdiUnload = unload;
    ddis.DxgkDdiQueryAdapterInfo = query_adapter_info;
    ddis.DxgkDdiBeginExclusiveAccess = begin_exclusive;
    ddis.DxgkDdiEndExclusiveAccess = end_exclusive;
    ddis.DxgkDdiEscape = escape;
    ddis.DxgkDdiBuildPagingBuffer = build_paging_buffer;
    on_entry = [this](PDRIVER_OBJECT object, PUNICODE_STRING path) {
        return Driver::register_ddis(object, path, &ddis);
    };
}

FakeDriver::~FakeDriver() {
    driver.unload();
    current = previous_;
}

NTSTATUS NTAPI FakeDriver::entry(PDRIVER_OBJECT object, PUNICODE_STRING path) {
    return current->on_entry(object, path);
}

std::string FakeDriver::take_log() {
    std::string text;
    for (const std::string& call : log) text += (text.empty() ? "" : " ") + call;
    log.clear();
    return text;
}

NTSTATUS good_answer(unsigned, const DXGKARG_QUERYADAPTERINFO& query) {
    switch (query.Type) {
        case DXGKQAITYPE_DRIVERCAPS:
            answer<DXGK_DRIVERCAPS>(query).WDDMVersion = DXGKDDI_WDDMv3_0;
            answer<DXGK_DRIVERCAPS>(query).HighestAcceptableAddress.QuadPart = 0xffffffff;
            answer<DXGK_DRIVERCAPS>(query).MemoryManagementCaps.MapAperture2Supported = 1;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
            answer<DXGK_PHYSICAL_MEMORY_CAPS>(query).HighestVisibleAddress.QuadPart = 0xffffffffff;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_IOMMU_CAPS:
            answer<DXGK_IOMMU_CAPS>(query).IommuIsolationSupported = 1;
            answer<DXGK_IOMMU_CAPS>(query).DmaRemappingSupported = 1;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:
            answer<DXGK_FRAMEBUFFERSAVEAREA>(query).MaximumSize = 0x4000;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_HARDWARERESERVEDRANGES: {
            auto& ranges = answer<DXGK_HARDWARERESERVEDRANGES>(query);
            if (ranges.pPhysicalRanges != nullptr) {
                ranges.pPhysicalRanges[0].BaseAddress.QuadPart = 0x80000000;
                ranges.pPhysicalRanges[0].NumberOfBytes.QuadPart = 0x10000;
                ranges.pPhysicalRanges[1].BaseAddress.QuadPart = 0x80010000;
                ranges.pPhysicalRanges[1].NumberOfBytes.QuadPart = 0x1000;
            }
            ranges.NumRanges = 2;
            return STATUS_SUCCESS;
        }
        default: return STATUS_NOT_SUPPORTED;
    }
}

NTSTATUS FakeCore::start(const Caps& caps, callbacks::DriverPort& port, std::span<DXGKRNL_INTERFACE> interfaces) {
    seen = caps;
    driver = &port;
    if (!NT_SUCCESS(status)) return status;
    ++starts;
    for (std::size_t i = 0; i < interfaces.size(); ++i)
        interfaces[i].DeviceHandle = reinterpret_cast<HANDLE>(std::uintptr_t{0xd000} + i);
    return STATUS_SUCCESS;
}

void* FakeDevices::map_device_memory(PhysicalAddress first, std::uint64_t bytes, MEMORY_CACHING_TYPE cache) {
    if (bytes == 0x5000) return nullptr;  // no room for one of this size
    views.push_back({first.value, bytes, cache});
    return reinterpret_cast<void*>(first.value + 0xffff000000000000);
}

void FakeDevices::unmap_device_memory(void* base, std::uint64_t bytes) {
    const std::uint64_t first = reinterpret_cast<std::uint64_t>(base) - 0xffff000000000000;
    std::erase_if(views, [&](const View& view) { return view.first == first && view.bytes == bytes; });
}

Outcome AdapterBench::add(unsigned n) {
    std::vector<DeviceDescription> descriptions(n);
    for (unsigned i = 0; i < n; ++i) {
        descriptions[i].ranges[0] = {{0xfe000000 + i * 0x10000ull}, 0x4000, false};
        descriptions[i].ranges[1] = {{0x8000000000 + (std::uint64_t{i} << 34)}, std::uint64_t{1} << 33, true};
        descriptions[i].range_count = 2;
        descriptions[i].bus = 3;
    }
    return adapter.add(descriptions);
}

Outcome AdapterBench::start(unsigned n) {
    Outcome outcome = add(n);
    if (outcome.ok()) outcome = adapter.query();
    if (outcome.ok()) outcome = adapter.start();
    return outcome;
}

}  // namespace remap::miniport
