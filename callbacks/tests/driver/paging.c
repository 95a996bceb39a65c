/* SPDX-License-Identifier: MIT */
/* The aperture: a table of pages, which a real part would have in its own memory. */
#include "sample.h"

static BOOLEAN InAperture(UINT SegmentId, SIZE_T Offset, SIZE_T Pages) {
    return SegmentId == SAMPLE_APERTURE_SEGMENT && Offset <= SAMPLE_APERTURE_PAGES &&
           Pages <= SAMPLE_APERTURE_PAGES - Offset;
}

NTSTATUS NTAPI SampleBuildPagingBuffer(HANDLE Adapter, DXGKARG_BUILDPAGINGBUFFER* Build) {
    SAMPLE_DEVICE* Device = (SAMPLE_DEVICE*)Adapter;
    SIZE_T Index;

    if (Build->Operation == DXGK_OPERATION_MAP_APERTURE_SEGMENT2) {
        const SIZE_T Offset = Build->MapApertureSegment2.OffsetInPages;
        const SIZE_T Pages = Build->MapApertureSegment2.NumberOfPages;
        const DXGK_ADL* Adl = &Build->MapApertureSegment2.Adl;
        const ULONG AdlOffset = Build->MapApertureSegment2.AdlOffset;
        if (!InAperture(Build->MapApertureSegment2.SegmentId, Offset, Pages)) return STATUS_INVALID_PARAMETER;
        if (AdlOffset > Adl->PageCount || Pages > Adl->PageCount - AdlOffset) return STATUS_INVALID_PARAMETER;
        for (Index = 0; Index < Pages; ++Index)
            Device->Aperture[Offset + Index] = SamplePage(Adl, AdlOffset + (ULONG)Index);
        return STATUS_SUCCESS;
    }
    if (Build->Operation == DXGK_OPERATION_UNMAP_APERTURE_SEGMENT) {
        const SIZE_T Offset = Build->UnmapApertureSegment.OffsetInPages;
        const SIZE_T Pages = Build->UnmapApertureSegment.NumberOfPages;
        if (!InAperture(Build->UnmapApertureSegment.SegmentId, Offset, Pages)) return STATUS_INVALID_PARAMETER;
        for (Index = 0; Index < Pages; ++Index)
            Device->Aperture[Offset + Index] =
                (DXGK_PAGE_NUMBER)(Build->UnmapApertureSegment.DummyPage.QuadPart >> PAGE_SHIFT);
        return STATUS_SUCCESS;
    }
    return STATUS_NOT_SUPPORTED;
}
