// From a frame to the entries that map it. Linux: mm/rmap.c, whose anon_vma stands here for the
// address spaces that are copies of one another.
//
// An anonymous frame's descriptor says in which address space it became a page, and which. Only
// fork hands it on, so it is mapped there and in copies made since, most often at the same address.
// An object's says which object, and that knows who maps it (Linux: i_mmap). The count of its
// entries says when all have been found.
#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "mm/traced_page.h"
#include <gonzo/base/check.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

MemoryManager::Enlisted MemoryManager::enlist(AddressSpace& space, std::uint64_t parent) {
  const LockGuard guard(spaces_lock_);
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
  kin_.at(space.id()).space = nullptr;
  forget_kin(space.id());
}

bool MemoryManager::is_enlisted(std::uint64_t id) const {
  const LockGuard guard(spaces_lock_);
  const auto found = kin_.find(id);
  return found != kin_.end() && found->second.space != nullptr;
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

/// Who may map the pages of a group, until they are all done.
void MemoryManager::for_each_mapper(const TracedPage& any, FunctionRef<bool(AddressSpace&)> visit,
                                    ObjectRef& object) {
  if (any.owner == PageOwner::kAddressSpace) return for_each_heir(any.origin, visit);
  object = objects_.find(any.origin);
  if (object == nullptr) return;
  for (AddressSpace* space : object->mappers()) {
    if (!visit(*space)) return;
  }
}

/// Pages of one address space or object at a time, by address: locks are taken, and machines told,
/// once for them.
void MemoryManager::trace(
    std::span<TracedPage> pages, FunctionRef<bool(const TracedPage&)> is_done,
    FunctionRef<void(AddressSpace&, MappedObject*, std::span<TracedPage* const>)> visit) {
  GONZO_CHECK(pages.size() <= kMostTraced);
  std::array<TracedPage*, kMostTraced> order;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const Frame& frame = frames_.frame(pages[i].pfn);
    const bool is_object = peek_state(frame) == FrameState::kPageCache;
    pages[i].owner = is_object ? PageOwner::kObject : PageOwner::kAddressSpace;
    pages[i].origin = frame_origin(frame);
    pages[i].index = frame_index(frame);
    order[i] = &pages[i];
  }
  const auto group_of = [](const TracedPage* page) { return std::pair(page->owner, page->origin); };
  const std::span<TracedPage*> all = std::span(order).first(pages.size());
  std::ranges::sort(all, {},
                    [&](const TracedPage* page) { return std::pair(group_of(page), page->index); });
  // Before the objects: what they are the last to hold goes with no lock held.
  std::array<ObjectRef, kMostTraced> objects;
  std::size_t groups = 0;
  const LockGuard guard(spaces_lock_);
  for (auto first = all.begin(); first != all.end(); ++groups) {
    const auto end = std::find_if(first, all.end(), [&](const TracedPage* page) {
      return group_of(page) != group_of(*first);
    });
    const std::span<TracedPage* const> group(first, end);
    ObjectRef& object = objects[groups];
    for_each_mapper(
        **first,
        [&](AddressSpace& space) {
          visit(space, object.get(), group);
          return !std::ranges::all_of(group,
                                      [&](const TracedPage* page) { return is_done(*page); });
        },
        object);
    first = end;
  }
}

bool MemoryManager::is_unmapped(const TracedPage& page) const {
  return frames_.frame(page.pfn).maps.load(std::memory_order_relaxed) == 0;
}

void MemoryManager::harvest_references(std::span<TracedPage> pages) {
  const auto is_done = [this](const TracedPage& page) {
    const auto maps = frames_.frame(page.pfn).maps.load(std::memory_order_relaxed);
    return maps <= static_cast<std::int32_t>(page.entries);
  };
  trace(pages, is_done,
        [](AddressSpace& space, const MappedObject* object, std::span<TracedPage* const> group) {
          if (object == nullptr) {
            space.harvest_references(group);
          } else {
            space.harvest_references(*object, group);
          }
        });
}

void MemoryManager::unmap_anonymous(std::span<TracedPage> pages,
                                    void (AddressSpace::*unmap)(std::span<TracedPage* const>)) {
  trace(
      pages, [this](const TracedPage& page) { return is_unmapped(page); },
      [unmap](AddressSpace& space, const MappedObject* object, std::span<TracedPage* const> group) {
        if (object == nullptr) (space.*unmap)(group);
      });
}

void MemoryManager::unmap_to_swap(std::span<TracedPage> pages) {
  unmap_anonymous(pages, &AddressSpace::unmap_to_swap);
}

void MemoryManager::unmap_lazily_freed(std::span<TracedPage> pages) {
  unmap_anonymous(pages, &AddressSpace::unmap_lazily_freed);
}

std::vector<PageMapping> MemoryManager::mappings_of(Pfn pfn, std::size_t most) {
  std::vector<PageMapping> found;
  const auto is_done = [&](const TracedPage& page) {
    const auto maps = frames_.frame(page.pfn).maps.load(std::memory_order_relaxed);
    return found.size() >= most || maps <= static_cast<std::int32_t>(found.size());
  };
  std::array<TracedPage, 1> page{TracedPage{.pfn = pfn, .slot = {}, .seen = {}}};
  trace(page, is_done,
        [&](AddressSpace& space, const MappedObject* object, std::span<TracedPage* const> group) {
          space.list_mappings(object, *group.front(), found);
        });
  if (found.size() > most) found.resize(most);
  return found;
}

void MemoryManager::unmap_pages(std::span<TracedPage> pages) {
  trace(
      pages, [this](const TracedPage& page) { return is_unmapped(page); },
      [](AddressSpace& space, MappedObject* object, std::span<TracedPage* const> group) {
        if (object != nullptr) space.unmap_pages(*object, group);
      });
}

}  // namespace gonzo
