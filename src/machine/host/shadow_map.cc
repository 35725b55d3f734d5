#include "machine/host/shadow_map.h"

#include <algorithm>

namespace gonzo {

ShadowMap::Runs::const_iterator ShadowMap::first_after(VirtAddr address) const {
  auto it = runs_.upper_bound(address);
  if (it != runs_.begin()) {
    auto before = std::prev(it);
    if (before->second.end > address) return before;
  }
  return it;
}

bool ShadowMap::joins(const ShadowRun& a, const ShadowRun& b) {
  return a.end == b.start && a.protection == b.protection && a.frame_at(a.end) == b.frame;
}

std::optional<ShadowRun> ShadowMap::find(VirtAddr address) const {
  const auto it = first_after(address);
  if (it == runs_.end() || it->first > address) return std::nullopt;
  return run_of(it);
}

std::optional<ShadowRun> ShadowMap::first(AddressRange range) const {
  std::optional<ShadowRun> found;
  for_each(range, [&](const ShadowRun& run) {
    found = run;
    return false;
  });
  return found;
}

void ShadowMap::insert(const ShadowRun& run) {
  erase(run.range());
  ShadowRun merged = run;
  auto after = runs_.lower_bound(run.end);
  if (after != runs_.end() && joins(merged, run_of(after))) {
    merged.end = after->second.end;
    after = runs_.erase(after);
  }
  if (after != runs_.begin()) {
    const auto before = std::prev(after);
    if (joins(run_of(before), merged)) {
      before->second.end = merged.end;
      return;
    }
  }
  runs_.emplace_hint(after, merged.start, Tail{merged.end, merged.frame, merged.protection});
}

AddressRange ShadowMap::erase(AddressRange range) {
  AddressRange hull{};
  auto it = first_after(range.start);
  while (it != runs_.end() && it->first < range.end) {
    const ShadowRun run = run_of(it);
    const AddressRange gone = run.range().intersect(range);
    hull = hull.empty() ? gone : AddressRange{hull.start, gone.end};
    it = runs_.erase(it);
    if (run.start < gone.start) {
      runs_.emplace_hint(it, run.start, Tail{gone.start, run.frame, run.protection});
    }
    if (run.end > gone.end) {
      it = runs_.emplace_hint(it, gone.end, Tail{run.end, run.frame_at(gone.end), run.protection});
      break;
    }
  }
  return hull;
}

void ShadowMap::for_each(AddressRange range, FunctionRef<bool(const ShadowRun&)> visit) const {
  if (range.empty()) return;
  for (auto it = first_after(range.start); it != runs_.end() && it->first < range.end; ++it) {
    ShadowRun run = run_of(it);
    const AddressRange part = run.range().intersect(range);
    run = {part.start, part.end, run.frame_at(part.start), run.protection};
    if (!visit(run)) return;
  }
}

}  // namespace gonzo
