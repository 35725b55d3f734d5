// /proc/PID/maps. Linux: show_map_vma (fs/proc/task_mmu.c).
#include <fmt/format.h>

#include <iterator>

#include "mm/layout.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Where a name begins: seq_setwidth(m, 25 + sizeof(void *) * 6 - 1), then a space.
std::size_t name_column(PagingFormat format) { return 25 + (is_32bit(format) ? 4 : 8) * 6; }

/// Linux: mangle_path with "\\n" to be escaped.
void append_escaped(std::string& text, std::string_view path) {
  for (const char c : path) {
    if (c == '\n') {
      text += "\\012";
    } else {
      text += c;
    }
  }
}

/// Linux: vma_is_initial_heap, vma_is_initial_stack. The break need not lie in an area of its own.
std::string_view segment_name(const Vma& vma, const SegmentBounds& bounds) {
  if (vma.start() < bounds.brk && vma.end() > bounds.start_brk) return "[heap]";
  if (vma.start() <= bounds.start_stack && vma.end() >= bounds.start_stack) return "[stack]";
  return {};
}

void append_area(std::string& text, const Vma& vma, const SegmentBounds& bounds,
                 std::size_t column) {
  const std::size_t line = text.size();
  // The [vdso]'s object is ours, not a file of the guest's.
  const bool is_file = !vma.is_anonymous() && vma.attributes().special_name == nullptr;
  const ObjectName file = is_file ? vma.object()->name() : ObjectName{};
  const std::uint64_t offset = is_file ? vma.attributes().page_offset << kPageShift : 0;
  fmt::format_to(std::back_inserter(text), "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
                 vma.start().value, vma.end().value, vma.has(kRead) ? 'r' : '-',
                 vma.has(kWrite) ? 'w' : '-', vma.has(kExec) ? 'x' : '-',
                 vma.has(kMayShare) ? 's' : 'p', offset, file.device_major, file.device_minor,
                 file.inode);

  std::string_view name = file.path;
  if (!is_file) {
    const char* special = vma.attributes().special_name;
    name = special != nullptr ? special : segment_name(vma, bounds);
  }
  if (is_file || !name.empty()) {
    const std::size_t written = text.size() - line;
    text.append(written < column ? column - written : 1, ' ');
    append_escaped(text, name);
  }
  text += '\n';
}

}  // namespace

std::string AddressSpace::maps_text() {
  const SharedLockGuard guard(lock_);
  std::string text;
  text.reserve(areas_->size() * 100);
  const std::size_t column = name_column(config_.format);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    append_area(text, *vma, bounds_, column);
  }
  return text;
}

}  // namespace gonzo
