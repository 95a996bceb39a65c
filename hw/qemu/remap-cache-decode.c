/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remap-cache-decode.h"

#include <Zydis/Zydis.h>

/* Serializing instructions, as far as TCG has them (SDM volume 3, section "Serializing Instructions"). */
static bool remap_cache_serializes(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *first)
{
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_INVPCID:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_LLDT:
    case ZYDIS_MNEMONIC_LTR:
    case ZYDIS_MNEMONIC_RSM:
    case ZYDIS_MNEMONIC_SERIALIZE:
    case ZYDIS_MNEMONIC_WRMSR:
        return true;
    case ZYDIS_MNEMONIC_MOV: /* to a control or debug register, but CR8 */
        return first->type == ZYDIS_OPERAND_TYPE_REGISTER && first->reg.value != ZYDIS_REGISTER_CR8 &&
               (ZydisRegisterGetClass(first->reg.value) == ZYDIS_REGCLASS_CONTROL ||
                ZydisRegisterGetClass(first->reg.value) == ZYDIS_REGCLASS_DEBUG);
    default:
        return false;
    }
}

static RemapCacheEvent remap_cache_event(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *first)
{
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_CLFLUSH:
        return REMAP_CACHE_EVENT_CLFLUSH;
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
        return REMAP_CACHE_EVENT_CLFLUSHOPT;
    case ZYDIS_MNEMONIC_CLWB:
        return REMAP_CACHE_EVENT_CLWB;
    case ZYDIS_MNEMONIC_WBINVD:
        return REMAP_CACHE_EVENT_WBINVD;
    case ZYDIS_MNEMONIC_INVD:
        return REMAP_CACHE_EVENT_INVD;
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_MOVNTDQ:
    case ZYDIS_MNEMONIC_MOVNTI:
    case ZYDIS_MNEMONIC_MOVNTPD:
    case ZYDIS_MNEMONIC_MOVNTPS:
    case ZYDIS_MNEMONIC_MOVNTQ:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_VMOVNTDQ:
    case ZYDIS_MNEMONIC_VMOVNTPD:
    case ZYDIS_MNEMONIC_VMOVNTPS:
        return REMAP_CACHE_EVENT_NONTEMPORAL;
    case ZYDIS_MNEMONIC_SFENCE:
        return REMAP_CACHE_EVENT_STORE_FENCE;
    case ZYDIS_MNEMONIC_MFENCE:
        return REMAP_CACHE_EVENT_FULL_FENCE;
    case ZYDIS_MNEMONIC_XCHG: /* with memory it locks by itself */
        return first->type == ZYDIS_OPERAND_TYPE_MEMORY ? REMAP_CACHE_EVENT_FULL_FENCE : REMAP_CACHE_NO_EVENT;
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSD:
    case ZYDIS_MNEMONIC_OUTSW:
        return REMAP_CACHE_EVENT_PORT;
    default:
        break;
    }
    if (remap_cache_serializes(instruction, first)) {
        return REMAP_CACHE_EVENT_SERIALIZING;
    }
    return instruction->attributes & ZYDIS_ATTRIB_HAS_LOCK ? REMAP_CACHE_EVENT_FULL_FENCE : REMAP_CACHE_NO_EVENT;
}

static uint32_t remap_cache_register_number(ZydisRegister name)
{
    switch (name) {
    case ZYDIS_REGISTER_NONE:
        return REMAP_CACHE_NO_REGISTER;
    case ZYDIS_REGISTER_EIP:
    case ZYDIS_REGISTER_RIP:
        return REMAP_CACHE_INSTRUCTION_POINTER;
    default:
        return ZydisRegisterGetId(name);
    }
}

RemapCacheInstruction remap_cache_decode(const void *code, size_t bytes, unsigned mode)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    const ZydisDecodedOperand *first = &operands[0];
    RemapCacheInstruction decoded = { .event = REMAP_CACHE_NO_EVENT };

    ZydisDecoderInit(&decoder,
                     mode == 64 ? ZYDIS_MACHINE_MODE_LONG_64 : mode == 32 ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32
                                                                         : ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
                     mode == 64 ? ZYDIS_STACK_WIDTH_64 : mode == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, bytes, &instruction, operands))) {
        return decoded;
    }
    decoded.event = remap_cache_event(&instruction, first);
    decoded.length = instruction.length;
    if (first->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        decoded.displacement = first->mem.disp.value;
        decoded.base = remap_cache_register_number(first->mem.base);
        decoded.index = remap_cache_register_number(first->mem.index);
        decoded.scale = first->mem.scale;
        decoded.segment = ZydisRegisterGetId(first->mem.segment);
        decoded.address_bytes = instruction.address_width / 8;
    }
    return decoded;
}
