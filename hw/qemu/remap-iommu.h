/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of the remap-iommu device. Each function is described where it is defined, unless somebody else calls it.
 */
#ifndef REMAP_IOMMU_DEVICE_H
#define REMAP_IOMMU_DEVICE_H

#include "exec/memory.h"
#include "hw/pci/pci_bus.h"
#include "hw/qdev-core.h"
#include "qemu/event_notifier.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qom/object.h"
#include "system/runstate.h"

#include "remap-lab.h"
#include "remap-soon.h"
#include "remap-state.h"
#include "remap-worker.h"
#include "remap_iommu.h"

typedef struct RemapIommuClient RemapIommuClient;

#define TYPE_REMAP_IOMMU "remap-iommu"
OBJECT_DECLARE_SIMPLE_TYPE(RemapIommuDevice, REMAP_IOMMU)

#define REMAP_IOMMU_BASE 0xfed90000ULL
#define REMAP_IOMMU_LONGEST_DELAY 1000000 /* microseconds */

typedef struct RemapIommuMessage {
    bool pending;
    uint64_t address;
    uint32_t data;
} RemapIommuMessage;

/* remap-iommu-tail.c */
typedef struct RemapIommuTail {
    RemapIommuQueue queue;
    unsigned written;       /* times that came to QEMU, all of this width in bytes */
    unsigned width;
    EventNotifier *signals; /* one for each place of the queue; NULL: none yet */
    int poll;               /* ready when one of them is */
} RemapIommuTail;

struct RemapIommuDevice {
    DeviceState parent;

    RemapIommuOptions options;
    OnOffAuto intremap;
    OnOffAuto eim;
    bool ioapic_source_check;
    bool async_invalidation;
    bool ioeventfd;
    uint32_t invalidation_delay; /* microseconds */
    uint32_t stale_grace;        /* milliseconds */

    RemapIommu *engine;
    RemapState state;
    MemoryRegion registers;
    PCIBus *bus;
    GHashTable *spaces;
    Notifier machine_done;

    /* Does what the registers set off, as far as their write has not. It stands still while the machine does. */
    RemapWorker worker;
    VMChangeStateEntry *state_handler;
    bool machine_runs;
    bool unannounced; /* atomic: devices that the engine does not know of have translated since the last drain */

    /* remap-iommu-devices.c: those that keep translations or ask for pages. */
    QemuMutex clients_lock;
    QLIST_HEAD(, RemapIommuClient) clients;
    QEMUTimer *device_timer;
    uint32_t device_timeout; /* milliseconds */

    RemapIommuTail tail;
    RemapLabState lab;

    /* Where the interrupts of devices go, and those of the IOAPIC; what stands for us towards KVM, if anything does. */
    MemoryRegion interrupt_region;
    AddressSpace interrupt_space;
    MemoryRegion ioapic_root;
    MemoryRegion ioapic_interrupts;
    AddressSpace ioapic_space;
    Object *routes;

    /*
     * The unit's own interrupts are sent from the main loop: an access to a device region takes the BQL, which the threads
     * that cause them may not wait for. A message that is pending is not pending twice.
     */
    QemuMutex interrupt_lock;
    RemapSoon send_interrupts;
    RemapIommuMessage interrupts[REMAP_IOMMU_INTERRUPTS];
};

/* remap-iommu-space.c: what PCI functions see instead of system memory. */
void remap_iommu_take_bus(RemapIommuDevice *s);

/* One of those spaces; NULL for any other. */
typedef struct RemapIommuSpace RemapIommuSpace;
RemapIommuSpace *remap_iommu_space_of(AddressSpace *as);

/* What is behind it, and who looks at it. Any thread. */
RemapIommuDevice *remap_iommu_space_device(const RemapIommuSpace *space);
RemapIommu *remap_iommu_space_engine(const RemapIommuSpace *space);
uint16_t remap_iommu_space_source(const RemapIommuSpace *space);

/* The engine's answer to an access that was announced to it: as it is, with a PASID, translated already. Any thread. */
RemapTranslation remap_iommu_space_translate(const RemapIommuSpace *space, hwaddr address, bool is_write);
RemapTranslation remap_iommu_space_translate_in(const RemapIommuSpace *space, const RemapContext *context,
                                                hwaddr address, bool is_write);
RemapTranslation remap_iommu_space_check(const RemapIommuSpace *space, hwaddr address, bool is_write);

/* See remap_iommu_expect. */
void remap_iommu_space_expect(const RemapIommuSpace *space, const uint64_t *from, uint64_t *to, size_t count);

/*
 * remap-iommu-devices.c: a device that keeps translations or asks for pages, and what it is told. The calls come on any
 * thread and must not block nor add or remove anybody; none comes once the device is removed.
 */
struct RemapIommuClient {
    void (*invalidate)(RemapIommuClient *client, const RemapInvalidation *invalidation);
    void (*answer_page)(RemapIommuClient *client, const RemapPageAnswer *answer);
    RemapIommuSpace *space; /* NULL: not added */
    bool silent;            /* it was pulled out: it hears nothing, and answers nothing */
    QLIST_ENTRY(RemapIommuClient) next;
};

void remap_iommu_add_client(RemapIommuClient *client, RemapIommuSpace *space);
void remap_iommu_remove_client(RemapIommuClient *client);
/* Who has the source id is told nothing any more; all are told again. With the BQL. */
void remap_iommu_silence_client(RemapIommuDevice *s, uint16_t source);
void remap_iommu_heed_all_clients(RemapIommuDevice *s);
void remap_iommu_init_devices(RemapIommuDevice *s);
void remap_iommu_reset_devices(RemapIommuDevice *s);
/* For the engine. */
void remap_iommu_tell_invalidation(void *device, const RemapInvalidation *invalidation);
void remap_iommu_tell_page_answer(void *device, const RemapPageAnswer *answer);
void remap_iommu_start_device_timer(void *device);

/* remap-iommu-interrupts.c: interrupts of devices, of the IOAPIC, and of the unit itself. */
extern const uint16_t remap_iommu_ioapic_source;
RemapInterruptRequest remap_iommu_ioapic_request(RemapIommuDevice *s, uint64_t address, uint32_t data);
bool remap_iommu_decide_interrupts(RemapIommuDevice *s, Error **errp);
void remap_iommu_take_interrupts(RemapIommuDevice *s);
bool remap_iommu_is_interrupt(hwaddr address);
IOMMUTLBEntry remap_iommu_interrupt_entry(RemapIommuDevice *s, uint16_t source);
/* A message of the unit itself, which is not remapped. With the BQL. */
void remap_iommu_deliver(RemapIommuDevice *s, uint64_t address, uint32_t data);

/* remap-iommu-routes.c: interrupts of which KVM knows the messages beforehand. */
void remap_iommu_take_routes(RemapIommuDevice *s);
void remap_iommu_routes_changed(RemapIommuDevice *s);

/* remap-iommu-tail.c: the tail of the invalidation queue is written without an exit to QEMU. All with the BQL. */
void remap_iommu_tail_collect(void *device); /* takes in what was written, before any other access to the registers */
void remap_iommu_tail_after_write(RemapIommuDevice *s, hwaddr offset, unsigned width);
void remap_iommu_tail_reset(RemapIommuDevice *s);

/* remap-iommu-watch.c: what goes on inside the engine, as trace events. */
extern const RemapIommuWatch remap_iommu_watch;

/* remap-iommu-dmar.c: adds the DMAR to the tables that the firmware publishes. */
bool remap_iommu_publish_dmar(RemapIommuDevice *s, Error **errp);

/* remap-iommu-properties.c: options of the command line, counters for QMP. */
void remap_iommu_add_properties(ObjectClass *class);

#endif
