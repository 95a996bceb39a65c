/* SPDX-License-Identifier: MIT */
#ifndef RING_H
#define RING_H

#define RING_TAG 'gniR'

typedef struct _RING {
    const DXGKRNL_INTERFACE *Dxgk;
    SIZE_T Size;
    HANDLE Object;
    HANDLE AdapterObject;
    DXGK_ADL *Adl;
    PVOID MappedBase;
    SIZE_T MappedSize;
    PUCHAR Base;
    FAST_MUTEX Mutex;
    KSPIN_LOCK Lock;
    KEVENT Idle;
    LIST_ENTRY Packets;
    LONG volatile Pushed;
} RING, *PRING;

typedef struct _RING_PACKET {
    LIST_ENTRY Link;
    ULONG Bytes;
    UCHAR Data[ANYSIZE_ARRAY];
} RING_PACKET, *PRING_PACKET;

EXTERN_C_START
_IRQL_requires_(PASSIVE_LEVEL)
NTSTATUS APIENTRY RingCreate(_In_ const DXGKRNL_INTERFACE *Dxgk, _In_ SIZE_T Size, _Outptr_ PRING *Result);
VOID APIENTRY RingDestroy(_In_ _Post_invalid_ PRING Ring);
BOOLEAN APIENTRY RingPush(_Inout_ PRING Ring, _In_reads_bytes_(Bytes) const VOID *Packet, _In_ ULONG Bytes);
ULONG APIENTRY RingDrain(_Inout_ PRING Ring);
EXTERN_C_END

#endif
