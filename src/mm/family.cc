// From an anonymous frame to the entries that map it. Linux: mm/rmap.c, whose anon_vma stands here
// for the address spaces that are copies of one another.
//
// A frame's descriptor says in which address space it became a page, and which. Only fork hands it
// on, so it is mapped there and in copies made since, most often at the same address; the count of
// its entries says when all have been found.
#include <algorithm>
#include <array>
#include <utility>

#include "mm/traced_page.h"
#include <gonzo/base/check.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

MemoryManager::Enlisted MemoryManager::enlist(AddressSpace& space, std::uint64_t parent) {
  const LockGuard guard(spaces_lock_);
  spaces_.push_back(&space);
  const std::uint64_t id = ++last_id_;
  Kin kin{.space = &space, .parent = parent, .root = id, .children = {}};
  if (parent != 0) {
    Kin& above = kin_.at(parent);
    above.children.push_back(id);
    kin.root = above.root;
  }
  const std::uint64_t root = kin.root;
  kin_.emplace(id, std::move(kin));
  return {.id = id, .root = root};
}

void MemoryManager::strike(AddressSpace& space) {
  const LockGuard guard(spaces_lock_);
  std::erase(spaces_, &space);
  kin_.at(space.id()).space = nullptr;
  forget_kin(space.id());
}

/// With the last copy of one that has ended goes what stood for it.
void MemoryManager::forget_kin(std::uint64_t id) {
  while (id != 0) {
    const auto found = kin_.find(id);
    if (found->second.space != nullptr || !found->second.children.empty()) return;
    const std::uint64_t parent = found->second.parent;
    kin_.erase(found);
    if (parent != 0) std::erase(kin_.at(parent).children, id);
    id = parent;
  }
}

void MemoryManager::for_each_heir(std::uint64_t origin, FunctionRef<bool(AddressSpace&)> visit) {
  std::vector<std::uint64_t> waiting{origin};
  while (!waiting.empty()) {
    const auto found = kin_.find(waiting.back());
    waiting.pop_back();
    if (found == kin_.end()) continue;
    const Kin& kin = found->second;
    if (kin.space != nullptr && !visit(*kin.space)) return;
    waiting.insert(waiting.end(), kin.children.begin(), kin.children.end());
  }
}

/// Pages of one address space at a time: its lock is taken, and its machine told, once for them.
void MemoryManager::trace(std::span<TracedPage> pages, FunctionRef<bool(const TracedPage&)> is_done,
                          FunctionRef<void(AddressSpace&, std::span<TracedPage* const>)> visit) {
  GONZO_CHECK(pages.size() <= kMostTraced);
  std::array<TracedPage*, kMostTraced> order;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const Frame& frame = frames_.frame(pages[i].pfn);
    pages[i].origin = frame_origin(frame);
    pages[i].index = frame_index(frame);
    order[i] = &pages[i];
  }
  const std::span<TracedPage*> all = std::span(order).first(pages.size());
  std::ranges::sort(all, {}, [](const TracedPage* page) { return std::pair(page->origin, page); });
  const LockGuard guard(spaces_lock_);
  for (auto first = all.begin(); first != all.end();) {
    const std::uint64_t origin = (*first)->origin;
    const auto end = std::find_if(first, all.end(),
                                  [&](const TracedPage* page) { return page->origin != origin; });
    const std::span<TracedPage* const> group(first, end);
    for_each_heir(origin, [&](AddressSpace& space) {
      visit(space, group);
      return !std::ranges::all_of(group, [&](const TracedPage* page) { return is_done(*page); });
    });
    first = end;
  }
}

void MemoryManager::harvest_references(std::span<TracedPage> pages) {
  const auto is_done = [this](const TracedPage& page) {
    const auto maps = frames_.frame(page.pfn).maps.load(std::memory_order_relaxed);
    return maps <= static_cast<std::int32_t>(page.entries);
  };
  trace(pages, is_done, [](AddressSpace& space, std::span<TracedPage* const> group) {
    space.harvest_references(group);
  });
}

void MemoryManager::unmap_to_swap(std::span<TracedPage> pages) {
  const auto is_done = [this](const TracedPage& page) {
    return frames_.frame(page.pfn).maps.load(std::memory_order_relaxed) == 0;
  };
  trace(pages, is_done, [](AddressSpace& space, std::span<TracedPage* const> group) {
    space.unmap_to_swap(group);
  });
}

}  // namespace gonzo
