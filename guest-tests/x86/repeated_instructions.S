// SPDX-License-Identifier: MIT
// Instructions that access memory, each many times over, as functions: whoever executes each copy once has every
// execution told apart by its address. A copy lies at the beginning of 16 bytes, as repeated_instructions.h has it.

    .text

    .macro repeated name, instruction:vararg
    .balign 16
    .globl \name
\name:
    .rept 512
    .balign 16
    \instruction
    ret
    .endr
    .endm

// The first argument is the address, the second the value; what is loaded is the result.
    repeated repeated_store_1, movb %sil, (%rdi)
    repeated repeated_store_2, movw %si, (%rdi)
    repeated repeated_store_4, movl %esi, (%rdi)
    repeated repeated_store_8, movq %rsi, (%rdi)
    repeated repeated_load_8, movq (%rdi), %rax
    repeated repeated_exchange_8, xchgq %rsi, (%rdi)
    repeated repeated_clflush, clflush (%rdi)
    repeated repeated_clflushopt, clflushopt (%rdi)
    repeated repeated_clwb, clwb (%rdi)

    .section .note.GNU-stack, "", @progbits
