#include "windows/page_runs.h"

#include <algorithm>
#include <iterator>

namespace gonzo::windows {

PageRuns::Part PageRuns::part_at(std::uint64_t first, std::uint64_t limit) const {
  const auto above = runs_.upper_bound(first);
  if (above != runs_.begin()) {
    const Run& run = std::prev(above)->second;
    if (run.end > first) return {std::min(run.end, limit), run.value};
  }
  return {above == runs_.end() ? limit : std::min(above->first, limit), std::nullopt};
}

std::uint64_t PageRuns::count(std::uint64_t first, std::uint64_t end) const {
  std::uint64_t pages = 0;
  while (first < end) {
    const Part part = part_at(first, end);
    if (part.value) pages += part.end - first;
    first = part.end;
  }
  return pages;
}

/// No run lies on both sides of `page` afterwards.
void PageRuns::cut(std::uint64_t page) {
  const auto above = runs_.lower_bound(page);
  if (above == runs_.begin()) return;
  Run& run = std::prev(above)->second;
  if (run.end <= page) return;
  runs_.emplace_hint(above, page, run);
  run.end = page;
}

void PageRuns::erase(std::uint64_t first, std::uint64_t end) {
  if (first >= end) return;
  cut(first);
  cut(end);
  runs_.erase(runs_.lower_bound(first), runs_.lower_bound(end));
}

void PageRuns::set(std::uint64_t first, std::uint64_t end, std::uint32_t value) {
  if (first >= end) return;
  erase(first, end);
  auto run = runs_.emplace(first, Run{end, value}).first;
  if (const auto above = std::next(run);
      above != runs_.end() && above->first == end && above->second.value == value) {
    run->second.end = above->second.end;
    runs_.erase(above);
  }
  if (run == runs_.begin()) return;
  const auto below = std::prev(run);
  if (below->second.end == first && below->second.value == value) {
    below->second.end = run->second.end;
    runs_.erase(run);
  }
}

}  // namespace gonzo::windows
