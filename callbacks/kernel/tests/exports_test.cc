// SPDX-License-Identifier: MIT
// What a driver's image imports, called as the image does: through the table, with the Microsoft calling convention.
#include "callbacks/kernel/tests/fixture.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace remap::kernel {

namespace {

class ExportsTest : public KernelTest {
protected:
    template <typename Function>
    Function* import(const char* name) {
        const void* const address = find_export("ntoskrnl.exe", name);
        EXPECT_NE(address, nullptr) << name;
        return reinterpret_cast<Function*>(const_cast<void*>(address));
    }
};

}  // namespace

TEST_F(ExportsTest, each_module_lists_its_names_in_order) {
    for (const char* const module : {"ntoskrnl.exe", "hal.dll"}) {
        const auto table = exports(module);
        ASSERT_GT(table.size(), 5u);
        for (std::size_t index = 0; index < table.size(); ++index) {
            EXPECT_NE(table[index].address, nullptr) << table[index].name;
            EXPECT_EQ(find_export(module, table[index].name), table[index].address);
            const std::string before = index == 0 ? "" : table[index - 1].name;
            EXPECT_LT(before, table[index].name);
        }
    }
}

TEST_F(ExportsTest, what_hal_has_is_what_the_kernel_has) {
    for (const Export& entry : exports("hal.dll")) EXPECT_EQ(find_export("ntoskrnl.exe", entry.name), entry.address);
}

TEST_F(ExportsTest, modules_are_found_in_any_case_and_names_in_theirs) {
    EXPECT_EQ(exports("NTOSKRNL.EXE").data(), exports("ntoskrnl.exe").data());
    EXPECT_EQ(exports("HAL.dll").data(), exports("hal.dll").data());
    EXPECT_TRUE(exports("ntoskrnl").empty());
    EXPECT_TRUE(exports("").empty());
    EXPECT_EQ(find_export("ntoskrnl.exe", "dbgprint"), nullptr);
    EXPECT_EQ(find_export("ntoskrnl.exe", ""), nullptr);
    EXPECT_EQ(find_export("ntoskrnl.exe", "zzz"), nullptr);
    EXPECT_EQ(find_export("win32k.sys", "DbgPrint"), nullptr);
}

TEST_F(ExportsTest, a_service_is_called_through_the_table) {
    auto* const allocate = import <PVOID NTAPI(ULONG64, SIZE_T, ULONG)>("ExAllocatePool2");
    auto* const free = import <VOID NTAPI(PVOID, ULONG)>("ExFreePoolWithTag");
    void* const memory = allocate(POOL_FLAG_NON_PAGED, 100, test_tag);
    ASSERT_NE(memory, nullptr);
    EXPECT_STOP(free(memory, test_tag + 1), 0xC2, 0x0A);
    free(memory, test_tag);
}

TEST_F(ExportsTest, memory_functions_are_those_of_c) {
    auto* const copy = import <void * NTAPI(void*, const void*, std::size_t)>("memcpy");
    auto* const move = import <void * NTAPI(void*, const void*, std::size_t)>("memmove");
    auto* const set = import <void * NTAPI(void*, int, std::size_t)>("memset");
    auto* const compare = import <int NTAPI(const void*, const void*, std::size_t)>("memcmp");
    char text[] = "0123456789", other[16] = {};
    EXPECT_EQ(copy(other, text, 11), other);
    EXPECT_STREQ(other, "0123456789");
    EXPECT_EQ(move(text + 2, text, 5), text + 2);
    EXPECT_STREQ(text, "0101234789");
    EXPECT_EQ(set(text, 'x', 3), text);
    EXPECT_STREQ(text, "xxx1234789");
    EXPECT_LT(compare("abc", "abd", 3), 0);
    EXPECT_EQ(compare("abc", "abd", 2), 0);

    // The run-time library's have no result.
    import <VOID NTAPI(void*, std::size_t, UCHAR)>("RtlFillMemory")(other, 4, 0xff);
    EXPECT_EQ(static_cast<UCHAR>(other[3]), 0xff);
    EXPECT_EQ(other[4], '4');
    import <VOID NTAPI(void*, std::size_t)>("RtlZeroMemory")(other, 5);
    EXPECT_EQ(other[4], 0);
    import <VOID NTAPI(void*, const void*, std::size_t)>("RtlCopyMemory")(other, text, 3);
    import <VOID NTAPI(void*, const void*, std::size_t)>("RtlMoveMemory")(other + 1, other, 3);
    EXPECT_STREQ(other, "xxxx");
}

TEST_F(ExportsTest, memcpy_does_not_copy_onto_itself) {
    auto* const copy = import <void * NTAPI(void*, const void*, std::size_t)>("memcpy");
    char bytes[32] = {};
    EXPECT_STOP(copy(bytes + 7, bytes, 8), 0xC4, 0xF0);
    EXPECT_STOP(copy(bytes, bytes + 7, 8), 0xC4, 0xF0);
    copy(bytes + 8, bytes, 8);
    copy(bytes, bytes + 8, 8);
    copy(bytes, bytes, 8);  // as compilers do with a structure that is assigned to itself
}

TEST_F(ExportsTest, string_functions_are_those_of_c) {
    static const WCHAR wide[] = {'a', 'b', 'c', 0};
    EXPECT_EQ(import <std::size_t NTAPI(const char*)>("strlen")("abcd"), 4u);
    EXPECT_EQ(import <std::size_t NTAPI(const WCHAR*)>("wcslen")(wide), 3u);
    auto* const compare = import <int NTAPI(const char*, const char*)>("strcmp");
    EXPECT_EQ(compare("abc", "abc"), 0);
    EXPECT_LT(compare("abc", "abcd"), 0);
    EXPECT_GT(compare("ab\x80", "abc"), 0);  // characters are unsigned
    auto* const compare_some = import <int NTAPI(const char*, const char*, std::size_t)>("strncmp");
    EXPECT_EQ(compare_some("abcd", "abce", 3), 0);
    EXPECT_LT(compare_some("abcd", "abce", 4), 0);
    EXPECT_EQ(compare_some("ab", "ab", 9), 0);
}

}  // namespace remap::kernel
