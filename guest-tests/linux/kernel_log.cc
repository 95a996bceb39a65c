// SPDX-License-Identifier: MIT
#include "guest-tests/linux/kernel_log.h"

#include "guest-tests/linux/descriptor.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

namespace remap::linux_guest {

namespace {

// A message is a complaint when it contains every word of a row. They hold for Linux 6.1 and 6.12.
struct Words {
    std::string_view first;
    std::string_view second = {};
};

constexpr std::array complaint_words{
    Words{"DMAR", "fault"},         // "[DMA Write NO_PASID] Request device ...", "handling fault status reg"
    Words{"DMAR", "Invalidation"},  // IQE, ITE and ICE: "VT-d detected Invalidation Queue Error"
    Words{"DMAR", "rror"},          // "QI HEAD: Fault Event Error", "DMA PTE for vPFN"
    Words{"DMAR", "ailed"},
    Words{"DMAR", "ERROR: "},     // a page is mapped twice
    Words{"DMAR-IR", "Blocked"},  // an interrupt
    Words{"WARNING:"},
    Words{"BUG:"},
    Words{"Oops"},
    Words{"general protection fault"},
    Words{"Call Trace"},
    Words{"Kernel panic"},
    Words{"blocked for more than"},  // a task that waits for a device
    Words{"nobody cared"},           // an interrupt that no driver knows
    Words{"AER:", "error"},          // of PCIe
    Words{"nvme", "timeout"},
    Words{"nvme", "failed"},
    Words{"nvme", "rror"},
    Words{"nvme", "controller is down"},
    Words{"nvme", "polled"},  // a completion whose interrupt was lost
    Words{"I/O error"},
    Words{"NETDEV WATCHDOG"},
    Words{"e1000e", "Hang"},
    Words{"e1000e", "rror"},
    Words{"e1000e", "failed"},
};

// That begin like one, and are none.
constexpr std::array harmless{
    std::string_view("invalidation policy"),
    std::string_view("Using Queued invalidation"),
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool complains(const std::string& message) {
    const auto has = [&](const Words& words) {
        return contains(message, words.first) && contains(message, words.second);
    };
    const auto excused = [&](std::string_view part) { return contains(message, part); };
    return std::ranges::any_of(complaint_words, has) && std::ranges::none_of(harmless, excused);
}

}  // namespace

std::vector<std::string> kernel_log() {
    std::vector<std::string> log;
    const Descriptor file(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    char record[8192];
    for (;;) {
        const ssize_t length = read(file.get(), record, sizeof record);
        if (length < 0 && errno == EPIPE) {
            log.emplace_back("WARNING: the kernel has overwritten messages: log_buf_len is too small");
            continue;
        }
        if (length <= 0) return log;
        // "level,sequence,microseconds,flags;message", then lines of key=value
        std::string_view text(record, static_cast<std::size_t>(length));
        text = text.substr(0, text.find('\n'));
        log.emplace_back(text.substr(std::min(text.find(';') + 1, text.size())));
    }
}

std::string find_message(const std::vector<std::string>& log, std::string_view text) {
    const auto found = std::ranges::find_if(log, [&](const std::string& message) { return contains(message, text); });
    return found == log.end() ? std::string() : *found;
}

std::vector<std::string> complaints(const std::vector<std::string>& log) {
    std::vector<std::string> found;
    std::ranges::copy_if(log, std::back_inserter(found), complains);
    return found;
}

}  // namespace remap::linux_guest
