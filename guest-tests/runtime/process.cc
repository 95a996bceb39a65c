// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/process.h"

#include "guest-tests/runtime/exit.h"

#include <new>

namespace remap::guest {

namespace {

// Made in place, as the heap must exist first, and never destroyed.
alignas(Process) unsigned char kernel_room[sizeof(Process)];
Process* kernel;
Process* current;
Process* newest;
std::uint64_t last_id;

}  // namespace

Process::Process(AddressSpace& kernel_tables) : id_(++last_id), space_(&kernel_tables), next_(newest) {
    newest = this;
    if (!addresses_.start(user_region)) panic("no memory for a process");
}

Process::Process() : id_(++last_id), space_(create_space()), next_(newest) {
    if (space_ == nullptr || !addresses_.start(user_region)) panic("no memory for a process");
    newest = this;
}

Process::~Process() {
    if (current == this) resume_kernel();
    Process** link = &newest;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
    destroy_space(space_);
}

void Process::enter() {
    current = this;
    enter_space(*space_);
}

void Process::resume_kernel() { kernel->enter(); }

void start_processes() {
    kernel = new (kernel_room) Process(kernel_space());
    current = kernel;
}

std::uint64_t current_process() { return current->id(); }

Process* find_process(std::uint64_t id) {
    Process* process = newest;
    while (process != nullptr && process->id_ != id) process = process->next_;
    return process;
}

}  // namespace remap::guest
