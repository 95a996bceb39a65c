// SPDX-License-Identifier: MIT
// A tool's side of a control segment. The segment is mapped for reading; only the mailbox can be written to. Whatever
// is in it is checked before it is believed, and may change at any time.
#pragma once

#include "base/result.h"
#include "iommu/lab/guarded_mapping.h"
#include "iommu/lab/layout.h"
#include "iommu/lab/mailbox.h"
#include "iommu/lab/shared_object.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace remap::lab {

class Attachment {
public:
    // The error is a sentence for people: nothing is there, it is not ours, not a segment, or a damaged one.
    static Result<std::unique_ptr<Attachment>, std::string> open(const ObjectPlace& place);

    const SegmentHeader& header() const { return header_; }  // as it was at the opening
    std::string name() const { return header_.name.data(); }

    // Whether the machine's process lives, and has the segment.
    bool is_running() const { return object_.is_owned(); }

    // The memory of a part; for reading, also after the machine has ended.
    std::span<const std::byte> part(Part part) const;

    // See MailboxClient::ask.
    Result<std::string, std::string> ask(std::string_view request, std::chrono::milliseconds longest);

    // Whether the segment was cut off under us: all parts are zero since.
    bool lost() const { return mapping_->lost() || mailbox_->lost(); }

private:
    Attachment() = default;
    std::string map();

    SharedObject object_;
    SegmentHeader header_;
    std::unique_ptr<GuardedMapping> mapping_;
    std::unique_ptr<GuardedMapping> mailbox_;
};

}  // namespace remap::lab
