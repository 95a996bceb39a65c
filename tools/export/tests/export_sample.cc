// SPDX-License-Identifier: MIT
// Writes a made-up trace: export_sample page|perfetto small|large|million|unmaps|overlaps|empty|hostile FILE
#include "tools/export/page.h"
#include "tools/export/perfetto.h"
#include "tools/export/tests/sample_trace.h"

#include <fstream>
#include <string_view>

int main(int count, char** words) {
    using namespace remap::tools;
    if (count != 4) return 2;
    const sample::Trace trace = sample::named(words[2]);
    std::ofstream out(words[3], std::ios::binary);
    if (std::string_view(words[1]) == "page")
        write_page(out, trace.events, trace.context);
    else
        write_perfetto(out, trace.events, trace.context);
    return out.flush() ? 0 : 1;
}
