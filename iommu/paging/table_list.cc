// SPDX-License-Identifier: MIT
#include "iommu/paging/editor.h"

namespace remap::paging {

const char* name_of(EditError error) {
    switch (error) {
        case EditError::None: return "no error";
        case EditError::AlreadyMapped: return "a page of the range is mapped already";
        case EditError::NotMapped: return "a page of the range is not mapped";
        case EditError::OutOfRange: return "an address is out of range";
        case EditError::BadAttributes: return "attributes that no leaf can have";
        case EditError::NoMemory: return "no memory for a table";
    }
    return "unknown error";
}

void TableList::push(PhysicalPage page) {
    port_->words(page)[0] = PhysicalPage{head_}.address().value;
    head_ = page.number;
    ++count_;
}

PhysicalPage TableList::pop() {
    const PhysicalPage page{head_};
    volatile std::uint64_t* words = port_->words(page);
    head_ = PhysicalAddress{words[0]}.page().number;
    words[0] = 0;
    --count_;
    return page;
}

bool TableList::reserve(std::uint64_t count) {
    while (count_ < count) {
        const auto page = port_->allocate_table();
        if (!page) {
            free_all();
            return false;
        }
        push(*page);
    }
    return true;
}

void TableList::free_all() {
    while (!empty()) port_->free_table(pop());
}

}  // namespace remap::paging
