// SPDX-License-Identifier: MIT
// One thread of a model test: makes random calls, legal ones and others, and compares every result with the reference.
// What it creates is its own, so that every result is determined; adapters may be shared with other threads.
#pragma once

#include "callbacks/tests/model/contended.h"
#include "callbacks/tests/model/platform.h"
#include "callbacks/tests/model/reference.h"

#include <array>
#include <deque>
#include <random>

namespace remap::callbacks::tests {

// The status of calls that are made to fail on demand: no other call returns it.
inline constexpr NTSTATUS injected_status = static_cast<NTSTATUS>(0xe000'0bad);

struct ActorOptions {
    unsigned index = 0;       // of the thread: its part of the zone, its slots, its process numbers
    unsigned first_slot = 0;  // two slots of the platform that no other thread uses
    std::uint64_t seed = 1;
    bool verifier = true;
    bool moves = false;  // sections move before each call
    bool has_io = true;  // device memory can be read and written
};

class Actor {
public:
    static constexpr std::uint64_t zone_pages = 48;  // of each thread
    static constexpr std::uint64_t io_pages = 256;

    Actor(Platform& platform, const ActorOptions& options, std::vector<reference::Adapter> shared,
          Contended& contended);

    // Makes calls until there were so many, or one had another result than it should have: false, and printed.
    bool run(std::uint64_t calls);

    // Stops its own adapters, whatever is left on them.
    bool stop_own();

    // What is left on an adapter that all threads share, and objects that nobody has open.
    struct Left {
        std::uint64_t lists = 0, opened = 0, views = 0, tracked = 0;
    };
    Left left_on(unsigned shared) const;
    std::uint64_t objects_not_open() const;
    std::uint64_t calls() const { return calls_; }
    std::uint64_t injected() const { return injected_; }

private:
    using Adapter = reference::Adapter;
    using AdlOf = reference::AdlOf;
    using Kind = reference::Kind;
    using Object = reference::Object;
    using Tracked = reference::Tracked;
    using View = reference::View;

    struct Expected {
        Check check{};
        std::uint64_t object = 0;
        std::optional<std::uint64_t> count = {};  // that the message begins with
    };
    using Reports = std::vector<Expected>;

    struct Note {
        const char* name = "";
        std::uint64_t a = 0, b = 0, c = 0;
        NTSTATUS status = 0;
    };

    // actor.cc: chance, notes, comparison.
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool chance(unsigned in_thousand) { return below(1000) < in_thousand; }
    bool fail(const char* what);
    bool expect(bool condition, const char* what) { return condition || fail(what); }
    void begin(const char* name, const void* a = nullptr, std::uint64_t b = 0, std::uint64_t c = 0);
    bool expect_reports(const Reports& expected);
    bool end(NTSTATUS status, NTSTATUS expected, const Reports& reports = {});
    bool refused(NTSTATUS status);  // on demand, or as a port's request was
    void arm(unsigned in_thousand);
    bool step();

    // handles.cc
    struct BadHandle {
        HANDLE handle = nullptr;
        Reports reports;  // of a callback with a status: it reports no number that was never handed out
        bool unknown = false;
    };
    BadHandle bad_handle(Kind wanted);
    Reports strict(const BadHandle& bad) const;
    void bury(Kind kind, HANDLE handle);

    Object* any_object();
    Object* any_opened();
    Adapter* any_adapter(bool own_only = false);
    HANDLE any_handle(const Adapter& adapter) { return adapter.handles[below(adapter.handles.size())]; }

    // objects.cc
    bool create();
    bool create_illegal();
    using CreateArgs = DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;
    struct Window {  // pages that frames have to come from: either of two
        std::uint64_t first = 1, last = ~std::uint64_t{0};
        std::uint64_t skip = 0;  // to the second one
    };
    CreateArgs mdl_request(Window& window, NTSTATUS& expected);
    CreateArgs contiguous_request(Window& window, NTSTATUS& expected);
    CreateArgs section_request(NTSTATUS& expected);
    CreateArgs io_request();
    CreateArgs legal_request(Window& window, NTSTATUS& expected);
    bool check_created(const CreateArgs& args, std::uint64_t pages, const Window& window, Adapter* adapter);
    Reports mixed_cache_types(const CreateArgs& args) const;
    Reports conflicting_views(const Object& object, std::uint64_t first, std::uint64_t pages) const;
    bool destroy();
    bool open();
    bool close();
    bool at_wrong_irql();
    bool null_arguments();
    bool contend();
    Reports end_uses(Object& object, bool closes);
    void forget(Object& object);
    void forget_opened(Object& object);
    std::uint64_t zone_first() const { return platform_.zone().number + options_.index * zone_pages; }
    bool in_zone(std::uint64_t frame) const;
    std::uint64_t& word(Object& object, std::uint64_t page);

    // lists.cc
    bool allocate_list();
    bool check_list(Object& object, const DXGK_ADL& adl, UINT32 flags, AdlOf& list);
    bool free_list();
    bool change_list();
    bool look_for_faults(Object& object, Reports reports);
    bool audit();
    bool probe();
    void take_list_away(Object& object, const AdlOf& list);
    NTSTATUS list_status(const Object& object, std::uint64_t first, std::uint64_t pages, UINT32 flags);

    // views.cc
    bool map_view();
    bool unmap_view();
    bool move_pages();
    bool check_page(Object& object, std::uint64_t page);

    // older.cc
    bool allocate_contiguous();
    bool allocate_pages();
    bool map_mdl();
    bool free_older();
    bool frame_buffer();
    bool end_frame_buffer();
    NTSTATUS older_status(Adapter& adapter, HANDLE handle, bool lead, Reports& reports) const;
    void give_access(Tracked& tracked);
    void take_access(const Tracked& tracked);
    bool touch(const Tracked& tracked);

    // adapters.cc
    bool start();
    bool stop();
    bool stop(Adapter& adapter);
    bool switch_domain();
    Left left_on(const Adapter& adapter) const;

    Platform& platform_;
    const ActorOptions options_;
    Contended& contended_;
    std::mt19937_64 random_;
    std::vector<Adapter> shared_;
    std::list<Adapter> own_;
    std::list<Object> objects_;
    std::list<Tracked> tracked_;
    std::set<std::uint64_t> zone_used_;                // frames
    std::map<std::uint64_t, std::uint64_t> io_words_;  // of device memory, by frame: objects may share it
    std::array<std::vector<HANDLE>, 4> dead_;
    std::uint64_t next_context_ = 1;
    std::uint64_t next_word_ = 1;
    std::uint64_t calls_ = 0;
    std::uint64_t injected_ = 0;
    bool armed_ = false;
    bool blew_ = false;
    bool failed_ = false;
    std::deque<Note> notes_;
};

}  // namespace remap::callbacks::tests
