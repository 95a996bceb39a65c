// SPDX-License-Identifier: MIT
#include "iommu/lab/attachment.h"

namespace remap::lab {

Result<std::unique_ptr<Attachment>, std::string> Attachment::open(const ObjectPlace& place) {
    auto object = SharedObject::open(place, Access::Write);
    if (!object) return Failure{object.error()};
    const auto header = read_header(*object);
    if (!header) return Failure{"cannot attach to " + place.text() + ": " + header.error()};
    std::unique_ptr<Attachment> attachment(new Attachment);
    attachment->object_ = std::move(*object);
    attachment->header_ = *header;
    if (std::string what = attachment->map(); !what.empty())
        return Failure{"cannot attach to " + place.text() + ": " + what};
    return attachment;
}

std::string Attachment::map() {
    const PartPlace& mailbox = header_.place(Part::Mailbox);
    if (mailbox.bytes < sizeof(MailboxLayout)) return "its mailbox is too small";
    auto all = GuardedMapping::map(object_, Access::Read, 0, header_.bytes);
    if (!all) return all.error();
    mapping_ = std::move(*all);
    auto writable = GuardedMapping::map(object_, Access::Write, mailbox.offset, mailbox.bytes);
    if (!writable) return writable.error();
    mailbox_ = std::move(*writable);
    return {};
}

std::span<const std::byte> Attachment::part(Part part) const {
    const PartPlace& place = header_.place(part);
    return std::span<const std::byte>(mapping_->bytes()).subspan(place.offset, place.bytes);
}

Result<std::string, std::string> Attachment::ask(std::string_view request, std::chrono::milliseconds longest) {
    return MailboxClient(object_, mailbox_->bytes()).ask(request, longest);
}

}  // namespace remap::lab
