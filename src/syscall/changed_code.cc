#include "syscall/changed_code.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace gonzo {
namespace {

/// Whether any of the pages, which are there, was seen as code; what was seen is old now.
bool take_code_marks(FrameAllocator& frames, std::span<const Pfn> pages) {
  bool was_code = false;
  for (const Pfn pfn : pages) {
    if (pfn.is_none()) continue;
    was_code = frames.frame(pfn).take(frame_flags::kCodeSeen) || was_code;
    frames.put(pfn);
  }
  return was_code;
}

}  // namespace

void follow_code(MemoryManager& manager, CachedFile& file, ByteRange changed) {
  if (changed.length == 0 || file.mappers().empty()) return;
  const std::uint64_t size = *file.known_bytes();
  const std::uint64_t first = changed.offset >> kPageShift;
  const std::uint64_t end =
      page_ceil(changed.offset + std::min(changed.length, size - std::min(size, changed.offset))) >>
      kPageShift;
  bool was_code = false;
  std::array<Pfn, 64> pages;
  for (std::uint64_t at = first; at < end; at += pages.size()) {
    const std::span<Pfn> some = std::span(pages).first(std::min<std::size_t>(end - at, 64));
    file.get_resident(at, some);
    was_code = take_code_marks(manager.frames(), some) || was_code;
  }
  if (was_code) manager.unmap_hole(file, first, end);
}

}  // namespace gonzo
