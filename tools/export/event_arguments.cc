// SPDX-License-Identifier: MIT
#include "tools/export/event_arguments.h"

#include "iommu/lab/names.h"
#include "iommu/spec/fault_reasons.h"

#include <string_view>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;

// What the fields of a kind are called; empty: without a meaning. Of `detail` some are addresses or words in hex.
struct Labels {
    std::string_view address, length, result, detail, code;
    bool hex_detail = false;
};

Labels labels_of(Kind kind) {
    switch (kind) {
        case Kind::Dma: return {"address", "bytes", "physical", {}, {}};
        case Kind::Translation: return {"address", "granule", "physical", {}, "reason"};
        case Kind::Walk: return {"address", {}, "entry at", "entry", {}, true};
        case Kind::Entry: return {"address", "bytes", "entry at", {}, {}};
        case Kind::Fault:
        case Kind::PageRequestFault: return {"address", {}, {}, "fate", "reason"};
        case Kind::InterruptFault: return {"index", {}, {}, "fate", "reason"};
        case Kind::Interrupt: return {"message address", {}, "new address", "message data", {}, true};
        case Kind::UnitInterrupt: return {"message address", {}, {}, "message data", "interrupt", true};
        case Kind::Invalidation: return {"address", "count", {}, "domain", "what and scope"};
        case Kind::Completion: return {"status address", {}, {}, "status word", {}, true};
        case Kind::QueueStopped: return {{}, {}, {}, "head", "error", true};
        case Kind::StaleUse: return {"address", {}, "served", "tables say", {}, true};
        case Kind::DeviceInvalidation: return {"address", "bytes", {}, "tag", {}};
        case Kind::DeviceAnswer: return {{}, {}, {}, "tag", {}};
        case Kind::PageRequest: return {"address", {}, {}, "group", {}};
        case Kind::PageAnswer: return {{}, {}, {}, "group", "response"};
        case Kind::Packet: return {"entry at", {}, "source", "destination", "opcode", true};
        case Kind::Halt: return {"address", {}, {}, "entry", "cause"};
        case Kind::Map: return {"address", "bytes", "physical", "object", {}};
        case Kind::Unmap: return {"address", "bytes", {}, "object", {}};
        case Kind::Object: return {{}, "bytes", {}, "object", "sort"};
        case Kind::Frames: return {"physical", "bytes", {}, "object", {}};
        case Kind::Call: return {"caller", {}, {}, "object", "callback"};
        case Kind::Return: return {{}, {}, "status", {}, "callback"};
        case Kind::Injection: return {{}, {}, {}, "times", "rule"};
        case Kind::Rules: return {{}, {}, {}, "seed", "rules"};
        default: return {};
    }
}

}  // namespace

void add_arguments(std::vector<Argument>& arguments, const Event& event) {
    using Sort = Argument::Sort;
    const Labels labels = labels_of(event.kind);
    const bool refused = (event.flags & lab::flag::refused) != 0 && event.kind != Kind::Completion;
    const auto add = [&](std::string_view label, Sort sort, std::uint64_t value) {
        if (!label.empty()) arguments.push_back({label, sort, value});
    };
    add(labels.address, Sort::Address, event.address);
    add(labels.length, Sort::Number, event.length);
    if (!refused) add(labels.result, Sort::Address, event.result);
    add(labels.detail, labels.hex_detail ? Sort::Address : Sort::Number, event.detail);
    if (labels.code == "reason") {
        if (event.code != 0) add("reason", Sort::Address, event.code);
        if (event.code != 0 && event.code < 0x100)
            arguments.push_back({"because", Sort::Text, 0, vtd::text_of(static_cast<vtd::FaultReason>(event.code))});
    } else {
        add(labels.code, Sort::Number, event.code);
    }
    if (event.pasid != lab::no_pasid) add("pasid", Sort::Number, event.pasid);
    for (unsigned bit = 1; bit <= lab::flag::tampered; bit <<= 1)
        if ((event.flags & bit) != 0)
            add(lab::name_of_flag(event.kind, static_cast<std::uint8_t>(bit)), Sort::Truth, 1);
    if (event.kind == Kind::Injection && event.result < lab::kinds)
        arguments.push_back({"on", Sort::Text, 0, lab::name_of(static_cast<Kind>(event.result))});
}

}  // namespace remap::tools
