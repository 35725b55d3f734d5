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

namespace {

/// `file`: what the area maps, if it maps a file.
std::string name_of(const Vma& vma, const SegmentBounds& bounds, const ObjectName* file) {
  std::string given;
  if (const AreaNameRef& label = vma.attributes().name; label != nullptr) {
    given = fmt::format("[{}:{}]", file != nullptr ? "anon_shmem" : "anon", label->text());
  }
  if (file != nullptr) return given.empty() ? file->path : given;
  const char* special = vma.attributes().special_name;
  const std::string_view name = special != nullptr ? special : segment_name(vma, bounds);
  return name.empty() ? given : std::string(name);
}

}  // namespace

std::string area_name(const Vma& vma, const SegmentBounds& bounds) {
  if (!maps_file(vma)) return name_of(vma, bounds, nullptr);
  const ObjectName file = vma.named_object()->name();
  return name_of(vma, bounds, &file);
}

void AreaLines::append(const Vma& vma) {
  const std::size_t line = text_.size();
  const bool is_file = maps_file(vma);
  if (is_file && vma.named_object() != named_) {
    named_ = vma.named_object();
    name_ = vma.named_object()->name();
  }
  static const ObjectName kNone;
  const ObjectName& file = is_file ? name_ : kNone;
  const std::uint64_t offset = is_file ? vma.attributes().page_offset << kPageShift : 0;
  fmt::format_to(std::back_inserter(text_), "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
                 vma.start().value, vma.end().value, vma.has(kRead) ? 'r' : '-',
                 vma.has(kWrite) ? 'w' : '-', vma.has(kExec) ? 'x' : '-',
                 vma.has(kMayShare) ? 's' : 'p', offset, file.device_major, file.device_minor,
                 file.inode);

  const std::string name = name_of(vma, bounds_, is_file ? &file : nullptr);
  if (is_file || !name.empty()) {
    const std::size_t written = text_.size() - line;
    text_.append(written < kNameColumn ? kNameColumn - written : 1, ' ');
    append_escaped(text_, name, "\n");
  }
  text_ += '\n';
}

std::string AddressSpace::maps_text() {
  const SharedLockGuard guard(lock_);
  std::string text;
  text.reserve(areas_->size() * 100);
  AreaLines lines(text, bounds_);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    lines.append(*vma);
  }
  return text;
}

}  // namespace gonzo
