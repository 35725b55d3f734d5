#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "observe/windows_view.h"
#include "observe/wrap.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kKilobytes = kPageSize / 1024;

std::string_view type_name(VadReport::Type type) {
  switch (type) {
    case VadReport::Type::kMapped:
      return "Mapped";
    case VadReport::Type::kImage:
      return "Exe";
    case VadReport::Type::kPrivate:
      break;
  }
  return "Private";
}

void append_pages(std::string& text, std::string_view name, std::uint64_t pages) {
  fmt::format_to(std::back_inserter(text), "  {:<19} {:>10} pages {:>12} KiB\n", name, pages,
                 pages * kKilobytes);
}

void append_process(std::string& text, const WindowsView& view, std::size_t width) {
  const AddressSpaceCounts& counts = view.counts;
  append_wrapped(text, fmt::format("EPROCESS: {}", view.program), 0, width);
  fmt::format_to(std::back_inserter(text), "  Cid {}  DirBase {:x}  VadRoot: {} VADs\n",
                 view.process, view.directory_base, view.tree.vads.size());
  append_pages(text, "VirtualSize", counts.total);
  append_pages(text, "PeakVirtualSize", counts.peak_total);
  append_pages(text, "WorkingSetSize", counts.rss());
  append_pages(text, "  private", counts.rss_anon);
  append_pages(text, "  shareable", counts.rss_file + counts.rss_shmem);
  append_pages(text, "PeakWorkingSetSize", counts.peak_rss);
  append_pages(text, "CommitCharge", counts.committed);
  append_pages(text, "in the page file", counts.swap);
  append_pages(text, "page tables", counts.table_frames);
  fmt::format_to(std::back_inserter(text), "  {:<19} {:>10}, {} of them hard\n", "PageFaultCount",
                 counts.minor_faults + counts.major_faults, counts.major_faults);
}

void append_vad(std::string& text, const VadTree& tree, const VadReport& vad, std::size_t width) {
  constexpr std::size_t kFront = 61;
  std::string line = tree.is_avl() ? fmt::format("{:>4} {:>+2}", vad.level, vad.balance)
                                   : fmt::format("{:>4} {:>2}", "-", "-");
  fmt::format_to(std::back_inserter(line), " {:>9x} {:>9x} {:>6} {:<7} {:<17}",
                 vad.range.start.page_number(), vad.range.end.page_number() - 1, vad.commit,
                 type_name(vad.type), vad.protection());
  if (!vad.name.empty()) {
    const std::string name = vad.name.substr(vad.name.rfind('/') + 1);
    // In a narrow window the name has a line of its own.
    if (width >= kFront + 12) {
      line.append(" ").append(shortened(name, width - kFront));
    } else {
      line.append("\n          ").append(shortened(name, width - 10));
    }
  }
  line.erase(line.find_last_not_of(' ') + 1);
  text.append(line).append("\n");
}

void append_vads(std::string& text, const VadTree& tree, std::size_t width) {
  if (tree.is_avl()) {
    append_wrapped(text,
                   "VAD tree (AVL), by address. Lvl: 0 is the root; +-: the balance; Start and End "
                   "are page numbers",
                   0, width);
  } else {
    append_wrapped(text,
                   fmt::format("VADs, as a list: the areas are in the index {}, which has no "
                               "levels of theirs; --vma-index avl is the Windows kernel's",
                               name_of(tree.index)),
                   0, width);
  }
  fmt::format_to(std::back_inserter(text), "{:>4} {:>2} {:>9} {:>9} {:>6} {:<7} {}\n", "Lvl", "+-",
                 "Start", "End", "Commit", "Type", "Protection");
  std::uint64_t commit = 0;
  for (const VadReport& vad : tree.vads) {
    append_vad(text, tree, vad, width);
    commit += vad.commit;
  }
  fmt::format_to(std::back_inserter(text), "  Total VADs: {}, {} pages of commit\n",
                 tree.vads.size(), commit);
  if (tree.is_avl() && !tree.vads.empty()) {
    fmt::format_to(std::back_inserter(text), "  Average level: {:.1f}, maximum depth: {}\n",
                   tree.average_level(), tree.height() - 1);
  }
}

void append_pfns(std::string& text, const PfnLists& pfns) {
  text += "PFN database\n";
  for (std::size_t i = 0; i < kPfnLists; ++i) {
    const auto list = static_cast<PfnList>(i);
    append_pages(text, list_name(list), pfns.on(list));
    if (list != PfnList::kActive) continue;
    for (std::size_t use = 0; use < kActiveUses; ++use) {
      append_pages(text, fmt::format("  {}", use_name(static_cast<ActiveUse>(use))),
                   pfns.active.at(use));
    }
  }
  append_pages(text, "Total", pfns.total);
}

}  // namespace

std::string windows_view_text(const WindowsView& view, std::size_t width) {
  width = std::max(width, kLeastWidth);
  std::string text;
  append_process(text, view, width);
  append_vads(text, view.tree, width);
  append_pfns(text, view.pfns);
  text += "System commit\n";
  append_pages(text, "CommitTotal", view.committed);
  append_pages(text, "CommitLimit", view.commit_limit);
  return text;
}

}  // namespace gonzo
