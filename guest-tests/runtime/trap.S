// SPDX-License-Identifier: MIT
// Entry of all 256 vectors, and the frame that a trap can be left through.

    .text

// trap_entries + 16 * vector. Vectors with an error code of the CPU's own (SDM volume 3, table "Protected-Mode
// Exceptions and Interrupts"): 8, 10 to 14, 17, 21, 29, 30; the others push a zero in its place.
    .balign 16
    .globl trap_entries
trap_entries:
    vector = 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    vector = vector + 1
    .endr

trap_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    movq %rsp, %rbp
    andq $-16, %rsp
    call guest_trap
    movq %rbp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

// bool guest_call(void (*body)(void *), void *context, uint64_t *stack)
// Calls body(context) and returns false; returns true when guest_resume(*stack) is called meanwhile.
    .globl guest_call
guest_call:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, (%rdx)
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    xorl %eax, %eax
1:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// [[noreturn]] void guest_resume(uint64_t stack)
    .globl guest_resume
guest_resume:
    movq %rdi, %rsp
    cld
    movl $1, %eax
    jmp 1b

    .section .note.GNU-stack, "", @progbits
