// SPDX-License-Identifier: MIT
// Adapters start, in every mode, stop with whatever is left on them, and switch their domain.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

constexpr std::uint64_t reserved_first = 0x800;  // page of the device memory: behind what objects use

bool has(const std::list<reference::Adapter>& adapters, unsigned slot) {
    return std::ranges::any_of(adapters, [&](const auto& adapter) { return adapter.slot == slot; });
}

}  // namespace

bool Actor::start() {
    if (own_.size() == 2) return true;
    Adapter adapter;
    adapter.slot = options_.first_slot + (has(own_, options_.first_slot) ? 1 : 0);
    const std::uint64_t count = 1 + below(4);
    const std::uint64_t installed = platform_.highest_installed().address().value + (page_size - 1);
    const std::uint64_t sights[] = {~std::uint64_t{0}, installed, (std::uint64_t{1} << 40) - 1, 64 * page_size - 1};
    std::vector<PhysicalAddress> visible(count, {sights[below(4)]});
    if (count > 1 && chance(100)) visible[below(count)].value = 40 * page_size - 1;  // the least of the chain counts
    const PhysicalAddress least = *std::ranges::min_element(visible);

    AdapterDescription asked{};
    asked.iommu.DmaRemappingSupported = chance(700);
    asked.iommu.IommuIsolationSupported = chance(700);
    asked.iommu.IommuIsolationRequired = asked.iommu.IommuIsolationSupported && chance(200);
    asked.map_aperture2 = chance(850);
    asked.preferred = static_cast<DmaMode>(below(3));
    asked.dma = chance(900) ? platform_.dma(adapter.slot) : nullptr;
    std::vector<ReservedRange> reserved;
    if (chance(200))
        reserved.push_back({{(platform_.io().number + reserved_first + adapter.slot * 16) << page_shift},
                            (1 + below(8)) << page_shift});
    if (chance(400))
        for (std::uint64_t i = 0; i < count; ++i) adapter.save_pages.push_back(below(6));
    std::vector<std::uint64_t> save_bytes;
    for (const std::uint64_t pages : adapter.save_pages) save_bytes.push_back(pages << page_shift);
    const auto mode = reference::mode_of(asked, least, platform_.highest_installed());
    NTSTATUS expected = mode ? STATUS_SUCCESS : STATUS_DEVICE_CONFIGURATION_ERROR;
    if (!reserved.empty() && reserved[0].first.value + reserved[0].bytes - 1 > least.value && mode)
        expected = STATUS_INVALID_PARAMETER;  // out of its sight
    if (chance(60)) {
        expected = STATUS_INVALID_PARAMETER;
        save_bytes.clear();
        switch (below(5)) {
            case 0: visible.clear(); break;
            case 1: visible.assign(9, {~std::uint64_t{0}}); break;
            case 2: reserved = {{{0x10000}, page_size}}; break;  // memory of the system
            case 3: save_bytes.assign(count, 1); break;
            case 4: asked.iommu = {}, asked.iommu.IommuIsolationRequired = 1; break;
        }
        if (!mode) return true;  // of two mistakes either may be found
    }
    asked.highest_visible = visible;
    asked.reserved = reserved;
    asked.frame_buffer_save = save_bytes;
    HANDLE handles[8] = {};
    begin("start", nullptr, least.value, static_cast<unsigned>(asked.preferred));
    const NTSTATUS status = platform_.dxgkrnl().start_adapter(asked, handles);
    if (!end(status, expected) || !NT_SUCCESS(status)) return !failed_;
    adapter.handles.assign(handles, handles + count);
    adapter.iommu = asked.dma != nullptr;
    adapter.supports_isolation = asked.iommu.IommuIsolationSupported;
    adapter.mode = *mode;
    adapter.highest_page = ((least.value + 1) >> page_shift) - 1;
    if (least.value == ~std::uint64_t{0}) adapter.highest_page = ~std::uint64_t{0} >> page_shift;
    for (const ReservedRange& range : reserved)
        for (std::uint64_t i = 0; i < range.bytes >> page_shift; ++i)
            adapter.reserved.insert((range.first.value >> page_shift) + i);
    own_.push_back(std::move(adapter));
    for (const HANDLE handle : own_.back().handles)
        expect(platform_.dxgkrnl().mode(handle) == own_.back().mode, "each handle of a chain names the adapter");
    return !failed_;
}

Actor::Left Actor::left_on(const Adapter& adapter) const {
    Left left;
    for (const Object& object : objects_) {
        if (object.adapter != &adapter) continue;
        ++left.opened;
        left.lists += object.lists.size();
        left.views += object.views.size();
    }
    for (const Tracked& tracked : tracked_) left.tracked += tracked.adapter == &adapter;
    return left;
}

Actor::Left Actor::left_on(unsigned shared) const { return left_on(shared_[shared]); }

std::uint64_t Actor::objects_not_open() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(objects_, [](const Object& object) { return object.adapter == nullptr; }));
}

// What is left is reported by kind, once each, with its count; what was open is gone with it.
bool Actor::stop(Adapter& adapter) {
    for (const Tracked& tracked : tracked_) {
        const bool elsewhere = tracked.adapter != &adapter && tracked.object != nullptr;
        if (elsewhere && tracked.object->adapter == &adapter) return true;  // its MDL would outlive it
    }
    const Left left = left_on(adapter);
    Reports reports;
    if (left.lists != 0) reports.push_back({Check::AdlsLeaked, 0, left.lists});
    if (left.opened != 0) reports.push_back({Check::AdapterObjectsLeaked, 0, left.opened});
    if (left.views != 0) reports.push_back({Check::ViewsLeft, 0, left.views});
    if (left.tracked != 0) reports.push_back({Check::TrackingLeaked, 0, left.tracked});
    begin("stop", adapter.handles[0], left.opened, left.tracked);
    platform_.dxgkrnl().stop_adapter(any_handle(adapter));
    if (!expect_reports(reports)) return false;
    for (const HANDLE handle : adapter.handles) {
        expect(!platform_.dxgkrnl().mode(handle), "a stopped adapter has no mode");
        bury(Kind::Adapter, handle);
    }
    for (auto tracked = tracked_.begin(); tracked != tracked_.end();) {
        const auto next = std::next(tracked);
        if (tracked->adapter == &adapter) {
            if (tracked->handle != nullptr) bury(Kind::Tracked, tracked->handle);
            if (tracked->object != nullptr) --tracked->object->mdls;
            tracked_.erase(tracked);
        }
        tracked = next;
    }
    for (auto object = objects_.begin(); object != objects_.end();) {
        const auto next = std::next(object);
        if (object->adapter == &adapter) forget(*object);
        object = next;
    }
    const unsigned slot = adapter.slot;
    const bool iommu = adapter.iommu;
    own_.remove_if([&](const Adapter& other) { return &other == &adapter; });
    if (!iommu) return true;
    expect(!platform_.dma_read(slot, 5), "the devices of a stopped adapter reach nothing");
    platform_.forget_faults(slot);
    return !failed_;
}

bool Actor::stop() {
    if (own_.empty() || (own_.size() == 1 && chance(500))) return true;
    if (chance(100)) {
        const BadHandle bad = bad_handle(Kind::Adapter);
        begin("stop, bad handle", bad.handle);
        platform_.dxgkrnl().stop_adapter(bad.handle);
        return expect_reports(strict(bad));
    }
    return stop(*std::next(own_.begin(), static_cast<std::ptrdiff_t>(below(own_.size()))));
}

bool Actor::stop_own() {
    while (!own_.empty() && !failed_) {
        const std::size_t before = own_.size();
        for (Adapter* adapter = &own_.front(); !failed_ && adapter != nullptr; adapter = nullptr) (void)stop(*adapter);
        // An MDL that another adapter still has mapped is in the way.
        for (unsigned tries = 0; own_.size() == before && tries < 1000 && !failed_; ++tries) (void)free_older();
    }
    return !failed_;
}

bool Actor::switch_domain() {
    Adapter* adapter = any_adapter(true);
    if (adapter == nullptr || chance(100)) {
        begin("switch, bad handle");
        return end(platform_.dxgkrnl().switch_domain(bad_handle(Kind::Adapter).handle), STATUS_INVALID_HANDLE);
    }
    const bool turns_on = adapter->mode == DmaMode::Physical;
    NTSTATUS expected =
        !adapter->iommu || (turns_on && !adapter->supports_isolation) ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
    begin("switch", adapter->handles[0], turns_on);
    if (!end(platform_.dxgkrnl().switch_domain(any_handle(*adapter)), expected)) return false;
    if (!NT_SUCCESS(expected) || !turns_on) return true;
    adapter->mode = DmaMode::Isolation;
    for (const Object& object : objects_)
        for (const AdlOf& list : object.lists)
            for (const std::uint64_t page : list.pages)
                if (object.adapter == adapter) ++adapter->reasons[page];
    for (Tracked& tracked : tracked_)
        if (tracked.adapter == adapter) give_access(tracked);
    return true;
}

}  // namespace remap::callbacks::tests
