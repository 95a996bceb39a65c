// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/driver_image.h"

#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest {

namespace {

class Notes final : public pe::MissingImports {
public:
    void missing(std::string_view module, std::string_view name) override {
        note("the driver imports what nobody provides: %s!%s", Name(module).text, Name(name).text);
    }

private:
    // With an end; what does not fit is cut off.
    struct Name {
        explicit Name(std::string_view name) { name.copy(text, sizeof text - 1); }
        char text[80] = {};
    };
};

}  // namespace

pe::Problem DriverImage::load(const pe::ModulePort& modules) {
    const BootModule module = boot_module();
    const PhysicalView view(module.first, module.bytes, CacheType::WriteBack);
    Notes missing;
    const pe::Problem problem =
        image_.load({view ? view.as<const std::byte>() : nullptr, view ? module.bytes : 0}, modules, missing);
    if (problem) note("the boot module is no driver to load: %s", problem.sentence().c_str());
    return problem;
}

}  // namespace remap::guest
