// SPDX-License-Identifier: MIT
// The first and only program of the guest: makes the machine usable, runs the cases and ends the machine.
#include "guest-tests/linux/descriptor.h"
#include "guest-tests/linux/host.h"
#include "guest-tests/linux/options.h"
#include "guest-tests/linux/tap.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace remap::linux_guest {

namespace {

// Says why and ends the machine. For what no case can do without.
[[noreturn]] void give_up(const std::string& why) {
    say("Bail out! " + why);
    leave(Verdict::Fail);
}

void mount_what_the_kernel_offers() {
    struct Mount {
        const char* type;
        const char* folder;
    };
    for (const Mount& what : {Mount{"devtmpfs", "/dev"}, Mount{"proc", "/proc"}, Mount{"sysfs", "/sys"}}) {
        mkdir(what.folder, 0755);
        mount(what.type, what.folder, what.type, 0, nullptr);  // what is missing then is seen by those who need it
    }
}

// In the order of the list, which initramfs.py wrote: what a module needs comes before it.
void load_modules() {
    std::ifstream list("/modules/order");
    for (std::string name; std::getline(list, name);) {
        const Descriptor file(open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC));
        if (!file || syscall(SYS_finit_module, file.get(), "", 0) != 0)
            give_up("the kernel does not take the module " + name + ": " + std::strerror(errno));
    }
}

// Cases for what this machine has.
void choose_cases() {
    if (!options().caches && GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, "-Caches.*");
}

Verdict run_cases() {
    choose_cases();
    report_in_tap();
    const bool good = RUN_ALL_TESTS() == 0;
    return good && testing::UnitTest::GetInstance()->successful_test_count() > 0 ? Verdict::Pass : Verdict::Fail;
}

}  // namespace

}  // namespace remap::linux_guest

int main(int count, char** words) {
    using namespace remap::linux_guest;
    mount_what_the_kernel_offers();
    connect_host();
    testing::InitGoogleTest(&count, words);
    for (int i = 1; i < count; ++i)
        if (const std::string wrong = take_option(words[i]); !wrong.empty()) give_up(wrong);
    load_modules();
    leave(run_cases());
}
