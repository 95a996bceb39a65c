// SPDX-License-Identifier: MIT
#include "callbacks/pe/tests/builder.h"

namespace remap::pe {

Builder::Builder() : file_(0xc00) {
    put_headers();
    put_section(0, ".text", 0x100, 0x1000, 0x60000020);
    put_section(1, ".rdata", 0x200, 0x2000, 0x40000040);
    put_section(2, ".data", 0x1800, 0x3000, 0xc0000040);
    put_section(3, ".reloc", 0x18, 0x5000, 0x42000040);
    put_imports();
    put_data();
}

Builder& Builder::put_text(std::size_t offset, std::string_view text) {
    std::memcpy(file_.data() + offset, text.data(), text.size());
    return *this;
}

Builder& Builder::resize(std::size_t bytes) {
    file_.resize(bytes);
    return *this;
}

void Builder::put_headers() {
    put_text(0, "MZ").put32(0x3c, 0x80);
    put_text(0x80, "PE").put16(0x84, 0x8664).put16(0x86, 4).put16(0x94, 0xf0).put16(0x96, 0x22);
    put16(0x98, 0x20b);
    put32(0xa8, 0x1010);                     // entry point
    put64(0xb0, 0x140000000);                // image base
    put32(0xb8, 0x1000).put32(0xbc, 0x200);  // alignments
    put32(0xd0, 0x6000).put32(0xd4, 0x400);  // sizes of image and headers
    put16(0xdc, 1);                          // subsystem
    put32(0x104, 16);
    put32(0x110, 0x2000).put32(0x114, 0x3c);  // directory 1: imports
    put32(0x130, 0x5000).put32(0x134, 0x18);  // directory 5: base relocations
    put32(0x158, 0x2100).put32(0x15c, 0x60);  // directory 10: load configuration
}

void Builder::put_section(unsigned index, const char* name, std::uint32_t bytes, std::uint32_t address,
                          std::uint32_t characteristics) {
    const std::size_t at = 0x188 + 40 * index;
    put_text(at, name).put32(at + 8, bytes).put32(at + 12, address).put32(at + 16, 0x200);
    put32(at + 20, 0x400 + 0x200 * index).put32(at + 36, characteristics);
}

void Builder::put_imports() {
    put32(0x600, 0x2040).put32(0x60c, 0x20b0).put32(0x610, 0x2080);  // of NTOSKRNL.exe
    put32(0x614, 0x2058).put32(0x620, 0x20c0).put32(0x624, 0x2098);  // of hal.dll
    for (const std::size_t table : {0x640, 0x680}) {
        put64(table, 0x20d0).put64(table + 8, 0x20e0);
        put64(table + 0x18, 0x20f0);
    }
    put_text(0x6b0, "NTOSKRNL.exe").put_text(0x6c0, "hal.dll");
    put_text(0x6d2, "GetNumber").put_text(0x6e2, "GetOther").put_text(0x6f2, "HalThing");
    put32(0x700, 0x60).put64(0x758, 0x140003008);  // load configuration, to where the cookie is
}

void Builder::put_data() {
    // sub rsp, 40; call [rip + 0x1066], that is 0x2080; inc eax; add rsp, 40; ret
    const std::uint8_t code[] = {0x48, 0x83, 0xec, 0x28, 0xff, 0x15, 0x66, 0x10, 0x00,
                                 0x00, 0xff, 0xc0, 0x48, 0x83, 0xc4, 0x28, 0xc3};
    std::memcpy(file_.data() + 0x410, code, sizeof code);
    put64(0x800, 0x140003010).put64(0x808, 0x00002b992ddfa232);
    put32(0xa00, 0x3000).put32(0xa04, 12).put16(0xa08, 0xa000);
    put32(0xa0c, 0x2000).put32(0xa10, 12).put16(0xa14, 0xa158);
}

}  // namespace remap::pe
