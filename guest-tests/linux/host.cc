// SPDX-License-Identifier: MIT
#include "guest-tests/linux/host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace remap::linux_guest {

namespace {

constexpr unsigned short debug_exit_port = 0xf4;  // as in run_linux.py
constexpr int answer_milliseconds = 20'000;

int line_to_host = -1;
std::mutex one_line_at_a_time;

double seconds_since_start() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

void connect_host() {
    line_to_host = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios settings{};
    if (line_to_host < 0 || tcgetattr(line_to_host, &settings) != 0) {
        std::perror("no serial line to the host: /dev/ttyS0");
        return;
    }
    cfmakeraw(&settings);  // no echo: the host would read its own answers
    tcsetattr(line_to_host, TCSANOW, &settings);
}

void say(const std::string& line) {
    const std::lock_guard guard(one_line_at_a_time);
    const std::string whole = line + "\n";
    for (std::size_t done = 0; done < whole.size();) {
        const ssize_t written = write(line_to_host, whole.data() + done, whole.size() - done);
        if (written <= 0) return;
        done += static_cast<std::size_t>(written);
    }
}

void note(const char* format, ...) {
    char text[512];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char time[32];
    std::snprintf(time, sizeof time, "# %6.2f s  ", seconds_since_start());
    say(time + std::string(text));
}

std::string ask(const std::string& request) {
    say(request);
    std::string answer;
    pollfd waiting{.fd = line_to_host, .events = POLLIN, .revents = 0};
    for (char character; poll(&waiting, 1, answer_milliseconds) > 0 && read(line_to_host, &character, 1) == 1;) {
        if (character == '\n') return answer;
        answer += character;
    }
    return {};
}

void leave(Verdict verdict) {
    tcdrain(line_to_host);
    if (ioperm(debug_exit_port, 4, 1) == 0) outl(static_cast<unsigned>(verdict), debug_exit_port);
    reboot(RB_POWER_OFF);  // without the device QEMU's status is 0, which is no verdict
    for (;;) pause();
}

}  // namespace remap::linux_guest
