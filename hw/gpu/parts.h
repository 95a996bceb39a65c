// SPDX-License-Identifier: MIT
// What a GPU is made of.
#pragma once

#include "hw/gpu/address_unit.h"
#include "hw/gpu/engine.h"
#include "hw/gpu/gpu.h"
#include "hw/gpu/memory.h"
#include "hw/gpu/register_file.h"
#include "hw/gpu/translation_registers.h"

#include <atomic>
#include <cstddef>
#include <span>

namespace remap::gpu {

struct Gpu::Parts {
    struct Setting {
        unsigned address_bits = 64;
        std::span<std::byte> vram;
        BusPort& bus;
        HostPort& host;
        TranslationPort* translations = nullptr;
    };

    explicit Parts(const Setting& made_for)
        : setting(made_for),
          registers(setting.address_bits, setting.vram.size(), translation),
          system(setting.bus, setting.translations, translation),
          memory(setting.vram, system, setting.host, setting.address_bits),
          engine(registers, system, memory, setting.host) {}

    struct SinceVersionTwo;
    struct SinceVersionFour;
    template <typename Archive>
    void state(Archive& archive);

    Setting setting;
    std::atomic<bool> unplugged = false;
    TranslationRegisters translation;
    RegisterFile registers;
    AddressUnit system;
    Memory memory;
    Engine engine;
};

}  // namespace remap::gpu
