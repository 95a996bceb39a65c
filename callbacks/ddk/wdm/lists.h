// SPDX-License-Identifier: MIT
// Doubly linked lists with a head of the same type. Links of an entry that is removed or inserted have to agree with
// those of its neighbours, as on Windows since version 8: else the machine stops with bugcheck 0x139, 3.
#ifndef REMAP_DDK_WDM_LISTS_H
#define REMAP_DDK_WDM_LISTS_H

#include "../bugcodes.h"
#include "debug.h"

#define REMAP_DDK_CORRUPT_LIST_ENTRY 3

FORCEINLINE VOID RemapDdkCheckLink(const LIST_ENTRY* Before, const LIST_ENTRY* After) {
    if (Before->Flink != After || After->Blink != Before)
        KeBugCheckEx(KERNEL_SECURITY_CHECK_FAILURE, REMAP_DDK_CORRUPT_LIST_ENTRY, (ULONG_PTR)Before, (ULONG_PTR)After,
                     0);
}

FORCEINLINE VOID InitializeListHead(_Out_ PLIST_ENTRY ListHead) {
    ListHead->Flink = ListHead;
    ListHead->Blink = ListHead;
}

FORCEINLINE BOOLEAN IsListEmpty(_In_ const LIST_ENTRY* ListHead) { return (BOOLEAN)(ListHead->Flink == ListHead); }

// True when the list is empty afterwards.
FORCEINLINE BOOLEAN RemoveEntryList(_In_ PLIST_ENTRY Entry) {
    PLIST_ENTRY next = Entry->Flink;
    PLIST_ENTRY previous = Entry->Blink;
    RemapDdkCheckLink(previous, Entry);
    RemapDdkCheckLink(Entry, next);
    previous->Flink = next;
    next->Blink = previous;
    return (BOOLEAN)(next == previous);
}

FORCEINLINE PLIST_ENTRY RemoveHeadList(_Inout_ PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Flink;
    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE PLIST_ENTRY RemoveTailList(_Inout_ PLIST_ENTRY ListHead) {
    PLIST_ENTRY entry = ListHead->Blink;
    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE VOID InsertHeadList(_Inout_ PLIST_ENTRY ListHead, _Out_ PLIST_ENTRY Entry) {
    PLIST_ENTRY first = ListHead->Flink;
    RemapDdkCheckLink(ListHead, first);
    Entry->Flink = first;
    Entry->Blink = ListHead;
    first->Blink = Entry;
    ListHead->Flink = Entry;
}

FORCEINLINE VOID InsertTailList(_Inout_ PLIST_ENTRY ListHead, _Out_ PLIST_ENTRY Entry) {
    PLIST_ENTRY last = ListHead->Blink;
    RemapDdkCheckLink(last, ListHead);
    Entry->Flink = ListHead;
    Entry->Blink = last;
    last->Flink = Entry;
    ListHead->Blink = Entry;
}

// Joins two lists whose heads are entries of a ring.
FORCEINLINE VOID AppendTailList(_Inout_ PLIST_ENTRY ListHead, _Inout_ PLIST_ENTRY ListToAppend) {
    PLIST_ENTRY last = ListHead->Blink;
    ListHead->Blink->Flink = ListToAppend;
    ListHead->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = ListHead;
    ListToAppend->Blink = last;
}

FORCEINLINE PSINGLE_LIST_ENTRY PopEntryList(_Inout_ PSINGLE_LIST_ENTRY ListHead) {
    PSINGLE_LIST_ENTRY first = ListHead->Next;
    if (first != NULL) ListHead->Next = first->Next;
    return first;
}

FORCEINLINE VOID PushEntryList(_Inout_ PSINGLE_LIST_ENTRY ListHead, _Inout_ PSINGLE_LIST_ENTRY Entry) {
    Entry->Next = ListHead->Next;
    ListHead->Next = Entry;
}

#endif
