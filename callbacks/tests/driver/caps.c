/* SPDX-License-Identifier: MIT */
#include "sample.h"

static NTSTATUS DriverCaps(DXGK_DRIVERCAPS* Caps) {
    Caps->HighestAcceptableAddress.QuadPart = SAMPLE_HIGHEST_ADDRESS;
    Caps->WDDMVersion = DXGKDDI_WDDMv3_0;
    Caps->MemoryManagementCaps.MapAperture2Supported = 1;
    Caps->MemoryManagementCaps.IoMmuSecureModeSupported = 1;
    Caps->GpuEngineTopology.NbAsymetricProcessingNodes = 1;
    return STATUS_SUCCESS;
}

static NTSTATUS ReservedRanges(DXGK_HARDWARERESERVEDRANGES* Ranges) {
    Ranges->NumRanges = 0; /* firmware keeps nothing for this part */
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI SampleQueryAdapterInfo(HANDLE Adapter, const DXGKARG_QUERYADAPTERINFO* Query) {
    UNREFERENCED_PARAMETER(Adapter);
    switch (Query->Type) {
        case DXGKQAITYPE_DRIVERCAPS:
            if (Query->OutputDataSize < sizeof(DXGK_DRIVERCAPS)) return STATUS_BUFFER_TOO_SMALL;
            return DriverCaps((DXGK_DRIVERCAPS*)Query->pOutputData);
        case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
            if (Query->OutputDataSize < sizeof(DXGK_PHYSICAL_MEMORY_CAPS)) return STATUS_BUFFER_TOO_SMALL;
            ((DXGK_PHYSICAL_MEMORY_CAPS*)Query->pOutputData)->HighestVisibleAddress.QuadPart = SAMPLE_HIGHEST_ADDRESS;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_IOMMU_CAPS:
            if (Query->OutputDataSize < sizeof(DXGK_IOMMU_CAPS)) return STATUS_BUFFER_TOO_SMALL;
            ((DXGK_IOMMU_CAPS*)Query->pOutputData)->IommuIsolationSupported = 1;
            ((DXGK_IOMMU_CAPS*)Query->pOutputData)->DmaRemappingSupported = 1;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:
            if (Query->OutputDataSize < sizeof(DXGK_FRAMEBUFFERSAVEAREA)) return STATUS_BUFFER_TOO_SMALL;
            ((DXGK_FRAMEBUFFERSAVEAREA*)Query->pOutputData)->MaximumSize = SAMPLE_SAVE_BYTES;
            return STATUS_SUCCESS;
        case DXGKQAITYPE_HARDWARERESERVEDRANGES:
            if (Query->OutputDataSize < sizeof(DXGK_HARDWARERESERVEDRANGES)) return STATUS_BUFFER_TOO_SMALL;
            return ReservedRanges((DXGK_HARDWARERESERVEDRANGES*)Query->pOutputData);
        default: return STATUS_NOT_SUPPORTED;
    }
}
