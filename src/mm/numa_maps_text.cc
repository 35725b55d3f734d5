// /proc/PID/numa_maps of a machine with one node. Linux: show_numa_map (fs/proc/task_mmu.c).
// No page is on an active list, as there are no such lists yet.
#include <fmt/format.h>

#include <iterator>

#include "mm/area_text.h"

namespace gonzo {
namespace {

void append_count(std::string& text, std::string_view key, std::uint64_t count) {
  fmt::format_to(std::back_inserter(text), " {}={}", key, count);
}

void append_pages(std::string& text, const AreaUsage& usage) {
  const std::uint64_t pages = usage.resident / kPageSize;
  const std::uint64_t anonymous = usage.anonymous / kPageSize;
  const std::uint64_t dirty = usage.dirty() / kPageSize;
  if (pages == 0) return;
  if (anonymous != 0) append_count(text, "anon", anonymous);
  if (dirty != 0) append_count(text, "dirty", dirty);
  if (pages != anonymous && pages != dirty) append_count(text, "mapped", pages);
  if (usage.most_maps > 1) append_count(text, "mapmax", usage.most_maps);
  append_count(text, "active", 0);
  append_count(text, "N0", pages);
  append_count(text, "kernelpagesize_kB", kPageSize / 1024);
}

}  // namespace

std::string AddressSpace::numa_maps_text() {
  const LockGuard guard(lock_);
  std::string text;
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    fmt::format_to(std::back_inserter(text), "{:08x} default", vma->start().value);
    if (maps_file(*vma)) {
      text += " file=";
      append_escaped(text, vma->named_object()->name().path, "\n\t= ");
    } else if (const std::string_view name = segment_name(*vma, bounds_); !name.empty()) {
      text += ' ';
      text += name.substr(1, name.size() - 2);
    }
    append_pages(text, measure(*vma));
    text += '\n';
  }
  return text;
}

}  // namespace gonzo
