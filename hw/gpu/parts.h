// SPDX-License-Identifier: MIT
// What a GPU is made of.
#pragma once

#include "hw/gpu/engine.h"
#include "hw/gpu/gpu.h"
#include "hw/gpu/memory.h"
#include "hw/gpu/register_file.h"

#include <cstddef>
#include <span>

namespace remap::gpu {

struct Gpu::Parts {
    struct Setting {
        unsigned address_bits = 64;
        std::span<std::byte> vram;
        BusPort& bus;
        HostPort& host;
    };

    explicit Parts(const Setting& made_for)
        : setting(made_for),
          registers(setting.address_bits, setting.vram.size()),
          memory(setting.vram, setting.bus, setting.host, setting.address_bits),
          engine(registers, memory, setting.host) {}

    template <typename Archive>
    void state(Archive& archive) {
        archive("registers", registers);
        archive("engine", engine);
    }

    Setting setting;
    RegisterFile registers;
    Memory memory;
    Engine engine;
};

}  // namespace remap::gpu
