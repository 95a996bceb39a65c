// SPDX-License-Identifier: MIT
// From the PVH entry (Xen's x86/HVM direct boot ABI: 32-bit flat protected mode, paging off, EBX = hvm_start_info) to
// long mode, on tables that identity-map the first 4 GiB until the runtime has built its own.

    .section .note.pvh, "a", @note
    .balign 4
    .long 4                         // name size
    .long 8                         // descriptor size: QEMU reads a native word
    .long 18                        // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

    .section .boot_tables, "aw", @nobits
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4 * 4096

    .section .boot, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl %ebx, %ebp

    // The ABI promises nothing about .bss: it is zeroed here, before the first table entry is written.
    movl $bss_begin, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    movl $boot_pdpt + 3, boot_pml4          // present, writable
    movl $boot_pdpt, %edi
    movl $boot_pd + 3, %eax
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 1b

    movl $boot_pd, %edi
    movl $0x83, %eax                        // present, writable, 2 MiB leaf
    movl $4 * 512, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b

    movl %cr4, %eax
    orl $0x620, %eax                        // PAE; OSFXSR, OSXMMEXCPT: driver binaries use SSE
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx                  // IA32_EFER
    rdmsr
    orl $0x900, %eax                        // LME, NXE
    wrmsr
    movl %cr0, %eax
    andl $~0x60000004, %eax                 // caching on (CD, NW clear); EM clear
    orl $0x80010003, %eax                   // PG, WP, MP, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmpl $8, $long_mode

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff                // 64-bit code
    .quad 0x00cf93000000ffff                // data
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt

    .code64
long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    leaq boot_stack_top(%rip), %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    call guest_start
3:  cli
    hlt
    jmp 3b

    .section .note.GNU-stack, "", @progbits
