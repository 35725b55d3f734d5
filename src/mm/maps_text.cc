// /proc/PID/maps. Linux: show_map_vma (fs/proc/task_mmu.c).
#include <fmt/format.h>

#include <iterator>

#include "mm/area_text.h"
#include "mm/layout.h"

namespace gonzo {
using namespace vm_flags;

void append_escaped(std::string& text, std::string_view path, std::string_view special) {
  for (const char c : path) {
    if (special.contains(c)) {
      fmt::format_to(std::back_inserter(text), "\\{:03o}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
}

std::string_view segment_name(const Vma& vma, const SegmentBounds& bounds) {
  if (vma.start() < bounds.brk && vma.end() > bounds.start_brk) return "[heap]";
  if (vma.start() <= bounds.start_stack && vma.end() >= bounds.start_stack) return "[stack]";
  return {};
}

void append_area(std::string& text, const Vma& vma, const SegmentBounds& bounds) {
  const std::size_t line = text.size();
  const bool is_file = maps_file(vma);
  const ObjectName file = is_file ? vma.named_object()->name() : ObjectName{};
  const std::uint64_t offset = is_file ? vma.attributes().page_offset << kPageShift : 0;
  fmt::format_to(std::back_inserter(text), "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
                 vma.start().value, vma.end().value, vma.has(kRead) ? 'r' : '-',
                 vma.has(kWrite) ? 'w' : '-', vma.has(kExec) ? 'x' : '-',
                 vma.has(kMayShare) ? 's' : 'p', offset, file.device_major, file.device_minor,
                 file.inode);

  std::string given;
  if (const AreaNameRef& label = vma.attributes().name; label != nullptr) {
    given = fmt::format("[{}:{}]", is_file ? "anon_shmem" : "anon", label->text());
  }
  std::string_view name = file.path;
  if (!is_file) {
    const char* special = vma.attributes().special_name;
    name = special != nullptr ? special : segment_name(vma, bounds);
    if (name.empty()) name = given;
  } else if (!given.empty()) {
    name = given;
  }
  if (is_file || !name.empty()) {
    const std::size_t written = text.size() - line;
    text.append(written < kNameColumn ? kNameColumn - written : 1, ' ');
    append_escaped(text, name, "\n");
  }
  text += '\n';
}

std::string AddressSpace::maps_text() {
  const SharedLockGuard guard(lock_);
  std::string text;
  text.reserve(areas_->size() * 100);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    append_area(text, *vma, bounds_);
  }
  return text;
}

}  // namespace gonzo
