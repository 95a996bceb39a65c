/* SPDX-License-Identifier: MIT */
/* What a test asks of the sample driver (callbacks/tests/driver), by DxgkDdiEscape. For C and C++. */
#ifndef SAMPLE_PROTOCOL_H
#define SAMPLE_PROTOCOL_H

#define SAMPLE_MAGIC 0x504d5331u
#define SAMPLE_APERTURE_PAGES 64
#define SAMPLE_APERTURE_SEGMENT 1
#define SAMPLE_HIGHEST_ADDRESS 0xffffffffffull /* the part puts 40 bits on the bus */
#define SAMPLE_SAVE_BYTES 0x4000
#define SAMPLE_MARK 0x5a3c96a55a3c96a5ull

enum SAMPLE_COMMAND {
    SAMPLE_KERNEL_SERVICES = 1, /* pool, locks, MDLs */
    SAMPLE_MEMORY_OBJECTS = 2,  /* the eight callbacks */
    SAMPLE_REGISTERS = 3,       /* Value: the part's magic word; STATUS_NOT_SUPPORTED without registers */
    SAMPLE_GPU_COPY = 4,        /* a copy by the GPU through ADLs; STATUS_NOT_SUPPORTED without registers */
    SAMPLE_APERTURE_PAGE = 5,   /* Value: index of a page of the aperture; out: the page it leads to */
    SAMPLE_COUNTS = 6,          /* Value: exclusive periods begun in 31:0, ended in 63:32 */
    SAMPLE_LEAVE_IRQL = 7,      /* returns at APC_LEVEL */
    SAMPLE_LEAK = 8             /* allocates pool that it never frees */
};

typedef struct _SAMPLE_REQUEST {
    unsigned int Magic;
    unsigned int Command;
    int Status;
    unsigned int Line; /* of the sources, where a check failed; else 0 */
    unsigned long long Value;
} SAMPLE_REQUEST;

#endif
