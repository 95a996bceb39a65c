// SPDX-License-Identifier: MIT
// Looks into machines that run, and changes their rules (docs/laboratory.md).
#include "tools/subcommands.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <exception>
#include <functional>
#include <system_error>

#include <signal.h>

namespace {

using namespace remap::tools;

// What was chosen on the command line, once it is read.
using Chosen = std::function<int()>;

void define_list(CLI::App& app, Chosen& chosen) {
    CLI::App* const list = app.add_subcommand("list", "Machines that run; removes what dead ones have left");
    static bool json = false;
    list->add_flag("--json", json, "As JSON");
    list->callback([&chosen] { chosen = [] { return remap::tools::list(json); }; });
}

void define_rules(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const rules = app.add_subcommand("rules", "The rules of faults");
    rules->require_subcommand(1);
    static std::string file, name;
    static bool all = false, json = false;
    CLI::App* const add = rules->add_subcommand("add", "Adds all rules of a file");
    add->add_option("FILE", file, "A rule file; - is the standard input")->required();
    add->callback([&] { chosen = [&] { return add_rules(target, file); }; });
    CLI::App* const remove = rules->add_subcommand("remove", "Removes a rule");
    CLI::Option* const by_name = remove->add_option("NAME", name, "Of the rule");
    CLI::Option* const every = remove->add_flag("--all", all, "All rules")->excludes(by_name);
    remove->callback([&, by_name, every] {
        if (by_name->empty() && every->empty()) throw CLI::RequiredError("NAME or --all");
        chosen = [&] { return all ? remove_all_rules(target) : remove_rule(target, name); };
    });
    CLI::App* const show = rules->add_subcommand("show", "Rules, and how often each has acted");
    show->add_flag("--json", json, "As JSON");
    show->callback([&] { chosen = [&] { return show_rules(target, json); }; });
}

void define_trace(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const trace = app.add_subcommand("trace", "What happens; on and off switch it");
    static std::string state;
    static TraceOptions options;
    trace->add_option("STATE", state, "Switches the trace on or off")->check(CLI::IsMember({"on", "off"}));
    trace->add_flag("-f,--follow", options.follow, "Goes on until the machine ends");
    trace->add_flag("--json", options.json, "One JSON object a line");
    trace->add_option("--kind", options.kinds, "Only these kinds of events")->delimiter(',')->type_name("KIND,...");
    trace->add_option("--device", options.device, "Only this device")->type_name("BUS:DEVICE.FUNCTION");
    trace->add_option("--count", options.count, "Ends after so many events")->type_name("N");
    trace->callback([&] {
        chosen = [&] { return state.empty() ? show_trace(target, options) : switch_trace(target, state == "on"); };
    });
}

void define_account(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const account = app.add_subcommand("account", "What each rule did, and what the trace shows of it");
    static bool json = false;
    account->add_flag("--json", json, "As JSON");
    account->callback([&] { chosen = [&] { return show_account(target, json); }; });
}

void define_exports(CLI::App& app, const Target& target, Chosen& chosen) {
    static std::string output;
    const auto define = [&](const char* name, const char* what, int (*make)(const Target&, const std::string&)) {
        CLI::App* const command = app.add_subcommand(name, what);
        command->add_option("-o,--output", output, "Where to; the standard output if not given")->type_name("FILE");
        command->callback([&, make] { chosen = [&, make] { return make(target, output); }; });
    };
    define("export", "The trace as a file for Perfetto's viewer, ui.perfetto.dev", export_trace);
    define("page", "The trace as an HTML page: timeline, address spaces, rules and faults", make_page);
}

void define_top(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const top = app.add_subcommand("top", "A live table of what devices do");
    static TopOptions options;
    top->add_flag("--once", options.once, "One look, then ends");
    top->add_flag("--json", options.json, "One JSON object a look");
    top->add_option("--interval", options.seconds, "Seconds between two looks")->check(CLI::Range(0.05, 3600.0));
    top->callback([&] { chosen = [&] { return show_top(target, options); }; });
}

void define_explain(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const explain = app.add_subcommand("explain", "Why an access is allowed or not, step by step");
    static ExplainOptions options;
    explain->add_option("ADDRESS", options.address, "That the device puts on the bus")->required();
    explain->add_option("--device", options.device, "Who accesses it")->required()->type_name("BUS:DEVICE.FUNCTION");
    explain->add_option("--pasid", options.pasid, "Of the request; without: none")->type_name("N");
    explain->add_flag("--write", options.write, "A write; without: a read");
    explain->add_flag("--privileged", options.privileged, "Of a request with PASID: for the supervisor");
    explain->add_flag("--translated", options.translated, "The address is a translation that the device was given");
    explain->add_flag("--asks", options.asks, "A request for a translation")->excludes("--translated");
    explain->add_option("--data", options.data, "An interrupt request to this address, with this data")->type_name("N");
    explain->add_flag("--json", options.json, "As JSON");
    explain->callback([&] { chosen = [&] { return remap::tools::explain(target, options); }; });
}

void define_tables(CLI::App& app, const Target& target, Chosen& chosen) {
    CLI::App* const tables = app.add_subcommand("tables", "What a device can reach, and whose memory that is");
    static TablesOptions options;
    tables->add_option("--device", options.device, "Which one")->required()->type_name("BUS:DEVICE.FUNCTION");
    tables->add_option("--pasid", options.pasid, "Requests with it; without: those without one")->type_name("N");
    tables->add_option("--from", options.from, "First address")->type_name("ADDRESS");
    tables->add_option("--to", options.to, "Last address")->type_name("ADDRESS");
    tables->add_option("--limit", options.limit, "Lines, at most 10000 (1000)")->type_name("N");
    tables->add_flag("--json", options.json, "As JSON");
    tables->callback([&] { chosen = [&] { return show_tables(target, options); }; });
}

// An empty variable of a script is not the wish for whichever machine runs.
std::string says_something(const std::string& given) { return given.empty() ? "it is empty" : ""; }

int run(int count, char** arguments) {
    CLI::App app("Looks into machines that run with -device remap-iommu,lab=on, and changes their rules.", "remapctl");
    app.require_subcommand(1);
    app.fallthrough();
    app.set_version_flag("--version", REMAPLAB_VERSION);
    Target target;
    CLI::Option* const machine = app.add_option("-m,--machine", target.machine, "Its name; not needed if one runs");
    CLI::Option* const file =
        app.add_option("--file", target.file, "The segment of a machine with lab-file, running or not")
            ->excludes(machine);
    for (CLI::Option* const given : {machine, file}) given->check(says_something);
    Chosen chosen;
    define_list(app, chosen);
    define_rules(app, target, chosen);
    define_trace(app, target, chosen);
    define_exports(app, target, chosen);
    define_top(app, target, chosen);
    define_account(app, target, chosen);
    define_explain(app, target, chosen);
    define_tables(app, target, chosen);
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? done : usage_error;
    }
    return chosen();
}

}  // namespace

int main(int count, char** arguments) {
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads our output may stop: then writing fails, and we end
    try {
        return run(count, arguments);
    } catch (const std::system_error& error) {
        return error.code().value() == EPIPE ? failed : fail(error.what());
    } catch (const std::exception& error) {
        return fail(error.what());
    }
}
