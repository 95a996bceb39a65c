// SPDX-License-Identifier: MIT
// What a Dxgkrnl consists of. Its functions run under the machine's lock; they take checked arguments.
#pragma once

#include "callbacks/core/adapter.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/handle_table.h"
#include "callbacks/core/list.h"
#include "callbacks/core/lock.h"
#include "callbacks/core/memory_object.h"

#include <cstdint>

namespace remap::callbacks {

struct Dxgkrnl::Parts {
    explicit Parts(const Ports& given);
    ~Parts();
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    Adapter* find_adapter(HANDLE handle) const;
    MemoryObject* find_object(HANDLE handle) const;
    AdapterObject* find_adapter_object(HANDLE handle) const;

    NTSTATUS start(const AdapterDescription& description, HANDLE* given_handles);
    void stop(Adapter& adapter);

    Result<MemoryObject*, NTSTATUS> make_object(const CreateRequest& request);
    void end_object(MemoryObject& object);
    void warn_of_mixed_cache_types(const MemoryObject& object);

    Result<AdapterObject*, NTSTATUS> open(Adapter& adapter, MemoryObject& object);
    void close(AdapterObject& opened);

    void end_adl(AdapterObject& opened, Adl& adl);
    std::uint64_t end_adls(AdapterObject& opened);
    std::uint64_t end_mappings(MemoryObject& object);

    mutable Lock lock;
    const Ports ports;
    Findings findings;
    HandleTable handles;
    List<Adapter> adapters;
    List<MemoryObject> objects;

private:
    bool give_handles(Adapter& adapter);
    void end_adapter(Adapter& adapter);
};

}  // namespace remap::callbacks
