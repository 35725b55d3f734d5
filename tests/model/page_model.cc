#include "model/page_model.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

namespace gonzo::model {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

Outcome address(std::uint64_t page) { return {Ending::kDone, page * kPageBytes}; }

}  // namespace

bool PageModel::is_free(std::uint64_t first, std::uint64_t pages) const {
  const auto next = pages_.lower_bound(first);
  return next == pages_.end() || next->first >= first + pages;
}

std::uint64_t PageModel::highest_gap(std::uint64_t pages) const {
  std::uint64_t first = kMmapBase - pages;
  while (!is_free(first, pages)) --first;
  return first;
}

Outcome PageModel::map(std::uint64_t first, std::uint64_t pages, const Page& what) {
  unmap(first, pages);
  for (std::uint64_t i = 0; i < pages; ++i) {
    Page page = what;
    page.index += i;
    pages_[first + i] = page;
  }
  return address(first);
}

Outcome PageModel::place(std::uint64_t hint, std::uint64_t pages, const Page& what) {
  const bool taken = hint != 0 && is_free(hint, pages);
  return map(taken ? hint : highest_gap(pages), pages, what);
}

Outcome PageModel::unmap(std::uint64_t first, std::uint64_t pages) {
  pages_.erase(pages_.lower_bound(first), pages_.lower_bound(first + pages));
  return {};
}

Outcome PageModel::protect(std::uint64_t first, std::uint64_t pages, unsigned protection) {
  for (std::uint64_t i = first; i < first + pages; ++i) {
    const auto page = pages_.find(i);
    if (page == pages_.end()) return Outcome::error(ENOMEM);  // what came before has changed
    page->second.protection = protection;
  }
  return {};
}

void PageModel::transfer(std::uint64_t from, std::uint64_t pages, std::uint64_t to) {
  for (std::uint64_t i = 0; i < pages; ++i) {
    auto node = pages_.extract(from + i);
    node.key() = to + i;
    pages_.insert(std::move(node));
  }
}

Outcome PageModel::move(std::uint64_t from, std::uint64_t pages, std::uint64_t to) {
  if (from < to + pages && to < from + pages) return Outcome::error(EINVAL);
  unmap(to, pages);
  transfer(from, pages, to);
  return address(to);
}

Outcome PageModel::resize(std::uint64_t first, std::uint64_t old_pages, std::uint64_t new_pages,
                          std::uint64_t area_end) {
  if (new_pages <= old_pages) {
    unmap(first + new_pages, old_pages - new_pages);
    return address(first);
  }
  const std::uint64_t more = new_pages - old_pages, end = first + old_pages;
  Page tail = pages_.at(end - 1);
  tail.own.reset();
  tail.guarded = false;
  ++tail.index;
  if (area_end == end && is_free(end, more)) {
    map(end, more, tail);
    return address(first);
  }
  const std::uint64_t to = highest_gap(new_pages);
  transfer(first, old_pages, to);
  map(to + old_pages, more, tail);
  return address(to);
}

Outcome PageModel::for_each(std::uint64_t first, std::uint64_t pages,
                            FunctionRef<Outcome(Page& page)> change) {
  bool hole = false;
  for (std::uint64_t i = first; i < first + pages; ++i) {
    const auto page = pages_.find(i);
    if (page == pages_.end()) {
      hole = true;
    } else if (const Outcome changed = change(page->second); changed != Outcome{}) {
      return changed;
    }
  }
  return hole ? Outcome::error(ENOMEM) : Outcome{};
}

Outcome PageModel::dont_need(std::uint64_t first, std::uint64_t pages) {
  return for_each(first, pages, [](Page& page) {
    if (page.locked) return Outcome::error(EINVAL);
    page.own.reset();
    return Outcome{};
  });
}

Outcome PageModel::guard(std::uint64_t first, std::uint64_t pages) {
  return for_each(first, pages, [](Page& page) {
    if (page.locked) return Outcome::error(EINVAL);
    page.own.reset();
    page.guarded = true;
    return Outcome{};
  });
}

Outcome PageModel::unguard(std::uint64_t first, std::uint64_t pages) {
  return for_each(first, pages, [](Page& page) {
    page.guarded = false;
    return Outcome{};
  });
}

/// First all are locked, up to a hole, then they are brought in, up to one that cannot be.
Outcome PageModel::lock(std::uint64_t first, std::uint64_t pages) {
  for (std::uint64_t i = first; i < first + pages; ++i) {
    const auto page = pages_.find(i);
    if (page == pages_.end()) return Outcome::error(ENOMEM);
    page->second.locked = true;
  }
  for (std::uint64_t i = first; i < first + pages; ++i) {
    if (refusal(i, false)) return Outcome::error(ENOMEM);
  }
  return {};
}

Outcome PageModel::unlock(std::uint64_t first, std::uint64_t pages) {
  for (std::uint64_t i = first; i < first + pages; ++i) {
    const auto page = pages_.find(i);
    if (page == pages_.end()) return Outcome::error(ENOMEM);
    page->second.locked = false;
  }
  return {};
}

bool PageModel::has_private_object(std::uint64_t first, std::uint64_t pages) const {
  return std::any_of(pages_.lower_bound(first), pages_.lower_bound(first + pages),
                     [](const auto& entry) { return entry.second.object && !entry.second.shared; });
}

PageModel PageModel::copy() const {
  PageModel child = *this;
  for (auto& [number, page] : child.pages_) page.locked = false;
  return child;
}

std::optional<Outcome> PageModel::refusal(std::uint64_t number, bool write) const {
  const auto found = pages_.find(number);
  if (found == pages_.end()) return Outcome{Ending::kNoMapping};
  const Page& page = found->second;
  const bool allowed = write ? (page.protection & PROT_WRITE) != 0 : page.protection != 0;
  if (!allowed) return Outcome{Ending::kNoAccess};
  if (page.guarded) return Outcome{Ending::kNoMapping};
  if (page.object && !page.own && page.index >= page.object->pages) {
    return Outcome{Ending::kBusError};
  }
  return {};
}

Outcome PageModel::read(std::uint64_t number) const {
  if (const auto refused = refusal(number, false)) return *refused;
  const Page& page = pages_.at(number);
  if (page.own) return {Ending::kDone, *page.own};
  if (!page.object) return {};
  const auto byte = page.object->bytes.find(page.index);
  return {Ending::kDone, byte == page.object->bytes.end() ? std::uint8_t{0} : byte->second};
}

Outcome PageModel::write(std::uint64_t number, std::uint8_t value) {
  if (const auto refused = refusal(number, true)) return *refused;
  Page& page = pages_.at(number);
  if (page.shared) {
    page.object->bytes[page.index] = value;
  } else {
    page.own = value;
  }
  return {};
}

void PageModel::truncated(const Object& object, std::uint64_t new_pages) {
  for (auto& [number, page] : pages_) {
    if (page.object.get() == &object && page.index >= new_pages) page.own.reset();
  }
}

}  // namespace gonzo::model
