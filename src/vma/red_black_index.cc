#include "vma/red_black_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "vma/verify_area.h"
#include <gonzo/base/check.h>

namespace gonzo {

Vma* RedBlackVmaIndex::find(VirtAddr address) const {
  if (Vma* const seen = last_found_.look(address)) return seen;
  const auto it = tree_.upper_bound(address);
  if (it == tree_.end()) return nullptr;
  Vma* const found = const_cast<Vma*>(&*it);
  last_found_.remember(found);
  return found;
}

Vma* RedBlackVmaIndex::first() const { return list_.first(); }
Vma* RedBlackVmaIndex::last() const { return list_.last(); }
Vma* RedBlackVmaIndex::next(const Vma& vma) const { return AreaList::next(vma); }
Vma* RedBlackVmaIndex::previous(const Vma& vma) const { return AreaList::previous(vma); }

std::size_t RedBlackVmaIndex::bytes() const { return sizeof *this + size_ * sizeof(VmaLinks); }

void RedBlackVmaIndex::insert(Vma& vma) {
  GONZO_ASSERT(!vma.range().empty());
  const auto [it, inserted] = tree_.insert(vma);
  GONZO_CHECK(inserted);
  const auto above = std::next(it);
  list_.insert_before(vma, above == tree_.end() ? nullptr : &*above);
  ++size_;

  Vma* below = previous(vma);
  Vma* higher = next(vma);
  GONZO_ASSERT(below == nullptr || below->end() <= vma.start());
  GONZO_ASSERT(higher == nullptr || vma.end() <= higher->start());
  // The gap below the new area grows when this one stands in a stack's guard: the guard is gone.
  gap_changed(below, &vma);
  gap_changed(&vma, higher);
}

void RedBlackVmaIndex::erase(Vma& vma) {
  Vma* below = previous(vma);
  Vma* above = next(vma);
  tree_.erase(tree_.iterator_to(vma));
  list_.erase(vma);
  --size_;
  last_found_.forget(vma);
  gap_changed(below, above);
}

void RedBlackVmaIndex::resize(Vma& vma, AddressRange range) {
  Vma* below = previous(vma);
  Vma* above = next(vma);
  GONZO_ASSERT(!range.empty());
  GONZO_ASSERT(below == nullptr || below->end() <= range.start);
  GONZO_ASSERT(above == nullptr || range.end <= above->start());
  vma.set_range(range);
  gap_changed(below, &vma);
  gap_changed(&vma, above);
}

void RedBlackVmaIndex::gap_changed(const Vma* below, const Vma* above) {
  const LockGuard guard(gap_lock_);
  const VirtAddr start = below != nullptr ? below->end() : VirtAddr(0);
  const VirtAddr end = above != nullptr ? guarded_start(*above, gap_cache_.guard) : gap_cache_.high;
  gap_cache_.opened({start, end});
}

RedBlackVmaIndex::Scan RedBlackVmaIndex::scan_down(const GapRequest& request, VirtAddr from) const {
  Scan scan;
  // `above` bounds the gap from above, null: only `from` does.
  const auto bound = tree_.upper_bound(from);
  const Vma* above = bound == tree_.end() ? nullptr : &*bound;
  while (true) {
    const Vma* below = above != nullptr ? previous(*above) : last();
    const VirtAddr end =
        above != nullptr ? std::min(from, guarded_start(*above, request.guard)) : from;
    const VirtAddr start = below != nullptr ? std::max(request.low, below->end()) : request.low;
    if (start < end) {
      const std::uint64_t gap = end - start;
      if (gap >= request.size) {
        scan.gap_end = end;
        return scan;
      }
      scan.largest_skipped = std::max(scan.largest_skipped, gap);
    }
    if (below == nullptr || below->start() <= request.low) return scan;
    above = below;
  }
}

std::optional<VirtAddr> RedBlackVmaIndex::find_gap_top_down(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  if (request.high <= request.low) return std::nullopt;
  gap_lock_.lock();
  const GapCache known = gap_cache_;
  gap_lock_.unlock();

  const bool skip = known.skips(request.size, request.high, request.guard);
  const Scan scan = scan_down(request, skip ? known.from : request.high);
  if (!scan.gap_end) return std::nullopt;

  // Remember how far down nothing fits, unless more than that is known already.
  GapCache learned{*scan.gap_end, request.high, request.guard, scan.largest_skipped};
  if (skip) {
    learned.high = known.high;
    learned.hole = std::max(known.hole, scan.largest_skipped);
  }
  const bool more = skip || request.high > known.high || request.guard != known.guard ||
                    (request.high == known.high && learned.from <= known.from);
  if (more) {
    gap_lock_.lock();
    gap_cache_ = learned;
    gap_lock_.unlock();
  }
  return *scan.gap_end - request.size;
}

std::optional<VirtAddr> RedBlackVmaIndex::find_gap_bottom_up(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  VirtAddr start = request.low;
  for (const Vma* above = find(request.low); start < request.high;) {
    const VirtAddr end = above != nullptr
                             ? std::min(request.high, guarded_start(*above, request.guard))
                             : request.high;
    if (start < end && end - start >= request.size) return start;
    if (above == nullptr) return std::nullopt;
    start = std::max(start, above->end());
    above = next(*above);
  }
  return std::nullopt;
}

std::string RedBlackVmaIndex::verify_gap_cache() const {
  const GapCache cache = [this] {
    const LockGuard guard(gap_lock_);
    return gap_cache_;
  }();
  VirtAddr start(0);
  std::string wrong;
  const auto see = [&](VirtAddr end) {
    const AddressRange gap{start, end};
    const AddressRange seen = gap.intersect({cache.from, cache.high});
    if (gap.empty() || seen.empty()) return;
    if (seen.size() > cache.hole || gap.start < cache.from) {
      wrong = fmt::format("the gap {:#x}-{:#x} belies the gap cache: from {:#x}, hole {:#x}",
                          gap.start.value, gap.end.value, cache.from.value, cache.hole);
    }
  };
  for (const Vma* vma = first(); vma != nullptr; vma = next(*vma)) {
    see(guarded_start(*vma, cache.guard));
    start = vma->end();
  }
  see(cache.high);
  return wrong;
}

std::string RedBlackVmaIndex::verify() const {
  std::size_t count = 0;
  auto in_tree = tree_.begin();
  for (const Vma* vma = first(); vma != nullptr; vma = next(*vma), ++in_tree, ++count) {
    if (std::string wrong = verify_area(*vma, previous(*vma)); !wrong.empty()) return wrong;
    if (in_tree == tree_.end() || &*in_tree != vma) {
      return fmt::format("area {:#x} is not in its place in the tree", vma->start().value);
    }
  }
  if (in_tree != tree_.end()) return "the tree holds more areas than the list";
  if (count != size_) return fmt::format("{} areas, counted {}", count, size_);
  return verify_gap_cache();
}

}  // namespace gonzo
