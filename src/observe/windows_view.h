// The machine in the Windows kernel's terms: a process's EPROCESS, its VADs, the PFN database.
// Sources: "!process", "!vad", "!memusage" (learn.microsoft.com); Windows Internals.
// docs/windows.md says what of ours is what there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/process.h"
#include "observe/pfn_lists.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/mm/area_report.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

/// An area of ours; Windows would have one for all segments of an image.
struct VadReport {
  enum class Type : std::uint8_t { kPrivate, kMapped, kImage };

  AddressRange range;
  unsigned level = 0;  ///< in the tree: 0 is the root
  int balance = 0;     ///< the right subtree's height less the left's
  std::uint64_t flags = 0;
  std::uint64_t commit = 0;  ///< pages that are charged for it
  Type type = Type::kPrivate;
  std::string name;

  /// "READWRITE", "EXECUTE_READ" ...
  std::string_view protection() const;
};

struct VadTree {
  VmaIndexKind index = VmaIndexKind::kAvlTree;
  std::vector<VadReport> vads;  ///< by address

  /// Windows's structure: else there are no levels.
  bool is_avl() const { return index == VmaIndexKind::kAvlTree; }
  unsigned height() const;  ///< levels; 0: no VAD
  double average_level() const;
  /// Takes the address space's lock, twice. Thread-safe.
  static VadTree of(AddressSpace& space);
};

struct WindowsView {
  int process = 0;
  std::string program;
  std::uint64_t directory_base = 0;  ///< physical: what CR3 has
  AddressSpaceCounts counts;
  VadTree tree;
  PfnLists pfns;
  std::uint64_t committed = 0, commit_limit = 0;  ///< pages, of the machine

  /// Takes the locks of address spaces: the caller holds none. Thread-safe.
  static WindowsView of(Process& process);
};

/// In lines of `width` columns, 60 at least.
std::string windows_view_text(const WindowsView& view, std::size_t width);

}  // namespace gonzo
