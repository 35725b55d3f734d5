// What the texts of /proc/PID that go area by area have in common.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Where a name begins in a line of maps: seq_setwidth(m, 25 + sizeof(void *) * 6 - 1), then a
/// space. A 64-bit kernel's, for programs of either kind.
inline constexpr std::size_t kNameColumn = 25 + sizeof(void*) * 6;

/// Lines of maps, their ends included (Linux: show_map_vma). A file is asked for its name, which
/// only the host knows, once for its areas that follow each other.
class AreaLines {
 public:
  /// Both outlive it.
  AreaLines(std::string& text, const SegmentBounds& bounds) : text_(text), bounds_(bounds) {}
  void append(const Vma& vma);

 private:
  std::string& text_;
  const SegmentBounds& bounds_;
  const MappedObject* named_ = nullptr;
  ObjectName name_;
};

/// What such a line has for a name, unescaped; may be empty.
std::string area_name(const Vma& vma, const SegmentBounds& bounds);

/// "[heap]", "[stack]" or nothing. Linux: vma_is_initial_heap, vma_is_initial_stack. The break need
/// not lie in an area of its own.
std::string_view segment_name(const Vma& vma, const SegmentBounds& bounds);

/// A path with its characters of `special` as octal escapes (Linux: mangle_path).
void append_escaped(std::string& text, std::string_view path, std::string_view special);

/// Maps something of a file system: neither anonymous nor [vdso] and its like, whose objects are
/// ours.
inline bool maps_file(const Vma& vma) {
  return vma.named_object() != nullptr && vma.attributes().special_name == nullptr;
}

}  // namespace gonzo
