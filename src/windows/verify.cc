#include <fmt/format.h>

#include "mm/protection.h"
#include "windows/page_protection.h"
#include "windows/vad.h"

namespace gonzo::windows {

/// What a walk of all VADs finds, in pages.
struct VirtualMemory::Census {
  std::uint64_t virtual_size = 0, committed = 0;
  std::uint64_t mapped = 0;  ///< what the core has areas for
};

std::string VirtualMemory::verify() {
  {
    const LockGuard guard(lock_);
    if (std::string wrong = vads_->verify(); !wrong.empty()) return "VADs: " + wrong;
    Census census;
    for (const Vma* vma = vads_->first(); vma != nullptr; vma = vads_->next(*vma)) {
      const auto& vad = static_cast<const Vad&>(*vma);
      if (std::string wrong = verify_vad(vad, census); !wrong.empty()) {
        return fmt::format("VAD {:x}-{:x}: {}", vad.pages.start.value, vad.pages.end.value, wrong);
      }
    }
    const AddressSpaceCounts core = space_.counts();
    if (census.virtual_size != counts_.virtual_size || census.committed != counts_.committed) {
      return fmt::format("{} pages in VADs, {} committed; counted {}, {}", census.virtual_size,
                         census.committed, counts_.virtual_size, counts_.committed);
    }
    if (census.mapped != core.total) {
      return fmt::format("the core has {} pages, the VADs {}", core.total, census.mapped);
    }
    if (core.committed != 0) return fmt::format("the core has charged {} pages", core.committed);
  }
  return space_.verify();
}

/// Each committed page has an area of the core with its protection; views have areas everywhere,
/// closed ones where the section has committed nothing, or only since the last fault there.
std::string VirtualMemory::verify_vad(const Vad& vad, Census& census) {
  if (vad.pages.empty() || vad.pages.start.value % kAllocationGranularity != 0 ||
      !vad.pages.end.is_page_aligned() || !range_.contains(vad.pages)) {
    return "lies wrong";
  }
  census.virtual_size += vad.pages.pages();
  for (VirtAddr at = vad.pages.start; at < vad.pages.end;) {
    const Part part = Part::at(vad, at, vad.pages.end);
    const std::uint64_t pages = AddressRange{at, part.end}.pages();
    if (vad.kind == Vad::Kind::kCopied || (!vad.is_view() && part.is_committed)) {
      census.committed += pages;
    }
    const bool has_areas = vad.is_view() || part.is_committed;
    if (has_areas) census.mapped += pages;
    const std::uint64_t open =
        part.is_committed ? protection_flags(core_protection(part.protection)) : 0;
    const bool may_be_closed = vad.is_view() && vad.section->is_reserved();
    while (has_areas && at < part.end) {
      const auto area = space_.area_at(at);
      if (!area) return fmt::format("the core has nothing at {:x}", at.value);
      const std::uint64_t flags = area->attributes.flags & vm_flags::kProtMask;
      if (flags != open && !(may_be_closed && flags == 0)) {
        return fmt::format("flags {:x} at {:x}, not {:x}", flags, at.value, open);
      }
      at = std::min(area->range.end, part.end);
    }
    at = part.end;
  }
  return "";
}

}  // namespace gonzo::windows
