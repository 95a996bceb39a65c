/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that flush, fence or store past the cache. TCG gives them no effect that could be seen from outside, so
 * they are found when code is translated, by QEMU's own means for that, its plugin interface; no plugin is loaded.
 * Other instructions are left as they are. A fence costs a look at a word unless its processor has something to order.
 */
#include "qemu/osdep.h"
#include "qemu/plugin.h"
#include "../plugins/plugin.h"
#include "exec/exec-all.h"
#include "hw/boards.h"
#include "tcg/insn-start-words.h"
#include "cpu.h"

#include "remap-cache.h"
#include "remap-cache-decode.h"

extern struct qemu_plugin_state plugin;

static struct qemu_plugin_ctx remap_cache_plugin;
static struct qemu_plugin_scoreboard *remap_cache_scoreboard; /* of each processor, whether a fence has work */
static uint64_t *remap_cache_nontemporal;                     /* the instruction that last stored with that hint */

/* -- executing */

static uint64_t remap_cache_effective_address(CPUX86State *env, RemapCacheInstruction i, uint64_t code)
{
    uint64_t base = env->segs[i.segment].base;
    uint64_t address = i.displacement;

    if (i.base == REMAP_CACHE_INSTRUCTION_POINTER) {
        address += code + i.length;
    } else if (i.base != REMAP_CACHE_NO_REGISTER) {
        address += env->regs[i.base];
    }
    if (i.index != REMAP_CACHE_NO_REGISTER) {
        address += env->regs[i.index] * i.scale;
    }
    if (i.address_bytes < sizeof(address)) {
        address &= MAKE_64BIT_MASK(0, i.address_bytes * BITS_PER_BYTE);
    }
    if (!(env->hflags & HF_CS64_MASK)) {
        return (uint32_t)(address + base);
    }
    return i.segment == R_FS || i.segment == R_GS ? address + base : address;
}

static void remap_cache_flush_operand(CPUState *cpu, RemapCacheInstruction instruction, uintptr_t host_pc)
{
    static const RemapCacheFlush kinds[] = {
        [REMAP_CACHE_EVENT_CLFLUSH] = REMAP_CACHE_CLFLUSH,
        [REMAP_CACHE_EVENT_CLFLUSHOPT] = REMAP_CACHE_CLFLUSHOPT,
        [REMAP_CACHE_EVENT_CLWB] = REMAP_CACHE_CLWB,
    };
    uint64_t code = instruction.base == REMAP_CACHE_INSTRUCTION_POINTER ? remap_cache_code_at(cpu, host_pc) : 0;
    vaddr address = remap_cache_effective_address(cpu_env(cpu), instruction, code);
    hwaddr page = remap_cache_page_of(cpu, address);
    RemapCacheAccess access = {
        .address = page + (address & ~TARGET_PAGE_MASK),
        .bytes = 1,
        .cpu = cpu->cpu_index,
        .virtual_address = address,
    };

    if (page != -1 && remap_cache_tracked(remap_cache, page >> TARGET_PAGE_BITS)) {
        access.code = remap_cache_code_at(cpu, host_pc);
        remap_cache_flush(remap_cache, &access, kinds[instruction.event]);
    }
}

static void remap_cache_execute(unsigned index, void *word)
{
    CPUState *cpu = current_cpu;
    RemapCacheInstruction instruction = { .word = word };
    uintptr_t host_pc = (uintptr_t)__builtin_return_address(0);

    switch (instruction.event) {
    case REMAP_CACHE_EVENT_CLFLUSH:
    case REMAP_CACHE_EVENT_CLFLUSHOPT:
    case REMAP_CACHE_EVENT_CLWB:
        remap_cache_flush_operand(cpu, instruction, host_pc);
        break;
    case REMAP_CACHE_EVENT_WBINVD:
    case REMAP_CACHE_EVENT_INVD:
        remap_cache_flush_all(remap_cache, index, instruction.event == REMAP_CACHE_EVENT_WBINVD);
        break;
    case REMAP_CACHE_EVENT_NONTEMPORAL:
        remap_cache_nontemporal[index] = remap_cache_code_at(cpu, host_pc);
        break;
    case REMAP_CACHE_EVENT_STORE_FENCE:
        remap_cache_fence(remap_cache, index, REMAP_CACHE_STORE_FENCE);
        break;
    case REMAP_CACHE_EVENT_FULL_FENCE:
        remap_cache_fence(remap_cache, index, REMAP_CACHE_FULL_FENCE);
        break;
    case REMAP_CACHE_EVENT_SERIALIZING:
        remap_cache_fence(remap_cache, index, REMAP_CACHE_SERIALIZING);
        break;
    case REMAP_CACHE_EVENT_PORT:
        remap_cache_fence(remap_cache, index, REMAP_CACHE_UNCACHED);
        break;
    case REMAP_CACHE_NO_EVENT:
        break;
    }
    remap_cache_update_pending(cpu);
}

/* -- translating */

static void remap_cache_instrument(struct qemu_plugin_insn *insn, unsigned mode)
{
    uint8_t code[16];
    size_t bytes = qemu_plugin_insn_data(insn, code, sizeof(code));
    RemapCacheInstruction instruction = remap_cache_decode(code, bytes, mode);
    qemu_plugin_u64 has_work = qemu_plugin_scoreboard_u64(remap_cache_scoreboard);

    if (instruction.event >= REMAP_CACHE_EVENT_STORE_FENCE) {
        qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, remap_cache_execute, QEMU_PLUGIN_CB_R_REGS,
                                                    QEMU_PLUGIN_COND_NE, has_work, 0, instruction.word);
    } else if (instruction.event != REMAP_CACHE_NO_EVENT) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, remap_cache_execute, QEMU_PLUGIN_CB_R_REGS, instruction.word);
    }
}

/* Called on the thread of the processor that will execute the code, and in its mode. */
static void remap_cache_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint32_t flags = cpu_env(current_cpu)->hflags;
    unsigned mode = flags & HF_CS64_MASK ? 64 : flags & HF_CS32_MASK ? 32 : 16;

    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        remap_cache_instrument(qemu_plugin_tb_get_insn(tb, i), mode);
    }
}

void remap_cache_update_pending(CPUState *cpu)
{
    qemu_plugin_u64_set(qemu_plugin_scoreboard_u64(remap_cache_scoreboard), cpu->cpu_index,
                        remap_cache_pending(remap_cache, cpu->cpu_index));
}

bool remap_cache_is_nontemporal(CPUState *cpu, uint64_t code)
{
    return remap_cache_nontemporal[cpu->cpu_index] == code;
}

/* As x86_restore_state_to_opc finds it, but nothing is restored: the block of code goes on. */
uint64_t remap_cache_code_at(CPUState *cpu, uintptr_t host_pc)
{
    CPUX86State *env = cpu_env(cpu);
    uint64_t data[TARGET_INSN_START_WORDS];

    if (!cpu_unwind_state_data(cpu, host_pc, data)) {
        return env->eip + env->segs[R_CS].base;
    }
    if (tcg_cflags_has(cpu, CF_PCREL)) {
        return ((env->eip + env->segs[R_CS].base) & TARGET_PAGE_MASK) | data[0];
    }
    return data[0];
}

/* What plugins/loader.c does for a file, for a part of this program. */
void remap_cache_start_instructions(void)
{
    remap_cache_plugin.id = (uintptr_t)&remap_cache_plugin;
    qemu_rec_mutex_lock(&plugin.lock);
    g_hash_table_insert(plugin.id_ht, &remap_cache_plugin.id, &remap_cache_plugin.id);
    QTAILQ_INSERT_TAIL(&plugin.ctxs, &remap_cache_plugin, entry);
    qemu_rec_mutex_unlock(&plugin.lock);

    remap_cache_nontemporal = g_new0(uint64_t, current_machine->smp.max_cpus);
    remap_cache_scoreboard = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    qemu_plugin_register_vcpu_tb_trans_cb(remap_cache_plugin.id, remap_cache_translate);
}
