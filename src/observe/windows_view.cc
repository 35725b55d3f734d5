#include "observe/windows_view.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernel/system.h"

namespace gonzo {
namespace {

using Type = VadReport::Type;

/// Of an AVL tree's node (VmaLinks).
unsigned height_of(const VmaLinks* node) { return node != nullptr ? node->balance : 0; }

unsigned level_of(const VmaLinks& node) {
  unsigned level = 0;
  for (const VmaLinks* up = node.parent; up != nullptr; up = up->parent) ++level;
  return level;
}

VadReport vad_of(const Vma& vma, bool is_avl) {
  VadReport vad{.range = vma.range(),
                .flags = vma.flags(),
                .commit = vma.has(vm_flags::kAccount) ? vma.pages() : 0};
  if (is_avl) {
    vad.level = level_of(vma);
    vad.balance = static_cast<int>(height_of(vma.right)) - static_cast<int>(height_of(vma.left));
  }
  return vad;
}

/// Files of which something may be executed: programs and libraries.
std::set<std::string_view> images_of(const std::vector<AreaReport>& areas) {
  std::set<std::string_view> images;
  for (const AreaReport& area : areas) {
    if (area.maps == AreaReport::Maps::kFile && area.has(vm_flags::kExec)) images.insert(area.name);
  }
  return images;
}

Type type_of(const AreaReport& area, const std::set<std::string_view>& images) {
  if (area.maps == AreaReport::Maps::kNothing) return Type::kPrivate;
  const bool is_image = area.maps == AreaReport::Maps::kFile && !area.has(vm_flags::kShared) &&
                        images.contains(area.name);
  return is_image ? Type::kImage : Type::kMapped;
}

}  // namespace

/// What is private of a file is copied when it is written to.
std::string_view VadReport::protection() const {
  const bool reads = (flags & vm_flags::kRead) != 0, writes = (flags & vm_flags::kWrite) != 0;
  const bool copies = writes && type != Type::kPrivate && (flags & vm_flags::kShared) == 0;
  if ((flags & vm_flags::kExec) != 0) {
    if (copies) return "EXECUTE_WRITECOPY";
    if (writes) return "EXECUTE_READWRITE";
    return reads ? "EXECUTE_READ" : "EXECUTE";
  }
  if (copies) return "WRITECOPY";
  if (writes) return "READWRITE";
  return reads ? "READONLY" : "NO_ACCESS";
}

unsigned VadTree::height() const {
  unsigned height = 0;
  for (const VadReport& vad : vads) height = std::max(height, vad.level + 1);
  return height;
}

double VadTree::average_level() const {
  double sum = 0;
  for (const VadReport& vad : vads) sum += vad.level;
  return vads.empty() ? 0 : sum / static_cast<double>(vads.size());
}

VadTree VadTree::of(AddressSpace& space) {
  VadTree tree{.index = space.index_kind(), .vads = {}};
  space.visit_areas([&](const Vma& vma) { tree.vads.push_back(vad_of(vma, tree.is_avl())); });
  // Who changes areas between the two looks leaves some of them without a name.
  const std::vector<AreaReport> areas = space.report_areas();
  const std::set<std::string_view> images = images_of(areas);
  std::map<VirtAddr, const AreaReport*> by_start;
  for (const AreaReport& area : areas) by_start.emplace(area.range.start, &area);
  for (VadReport& vad : tree.vads) {
    const auto found = by_start.find(vad.range.start);
    if (found == by_start.end()) continue;
    vad.name = found->second->name;
    vad.type = type_of(*found->second, images);
  }
  return tree;
}

WindowsView WindowsView::of(Process& process) {
  AddressSpace& space = process.memory();
  const CommitLedger& ledger = space.manager().commitments();
  return {.process = process.pid(),
          .program = process.image_ref()->name,
          .directory_base = space.page_table().root().address().value,
          .counts = space.counts(),
          .tree = VadTree::of(space),
          .pfns = PfnLists::count(process.system().frames()),
          .committed = ledger.committed(),
          .commit_limit = ledger.limit()};
}

}  // namespace gonzo
