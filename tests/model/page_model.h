// An address space as a child would write it: a map from page number to what is there. No areas, no
// trees, no frames: nothing that could be wrong in the same way as the real one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "model/operation.h"
#include "model/outcome.h"
#include <gonzo/base/function_ref.h>

namespace gonzo::model {

/// Addresses in pages; shared with the subject, which is told to place as this does.
inline constexpr std::uint64_t kWindow = 0x10000;    ///< first page of the window
inline constexpr std::uint64_t kMmapBase = 0x40000;  ///< placed mappings end below

/// A page holds one byte that matters.
using Bytes = std::map<std::uint64_t, std::uint8_t>;

struct Object {
  std::uint64_t pages = 0;
  Bytes bytes;
};
using ObjectHandle = std::shared_ptr<Object>;

struct Page {
  unsigned protection = 0;
  ObjectHandle object;  ///< null: private anonymous
  std::uint64_t index = 0;
  bool shared = false;
  std::optional<std::uint8_t> own;  ///< a private page's contents once written
  bool guarded = false, locked = false;
};

/// One process.
class PageModel {
 public:
  Outcome map(std::uint64_t first, std::uint64_t pages, const Page& what);
  Outcome place(std::uint64_t hint, std::uint64_t pages, const Page& what);
  Outcome unmap(std::uint64_t first, std::uint64_t pages);
  Outcome protect(std::uint64_t first, std::uint64_t pages, unsigned protection);
  Outcome move(std::uint64_t from, std::uint64_t pages, std::uint64_t to);
  /// `area_end`: where the area that holds the range ends; growing starts only there.
  Outcome resize(std::uint64_t first, std::uint64_t old_pages, std::uint64_t new_pages,
                 std::uint64_t area_end);
  Outcome dont_need(std::uint64_t first, std::uint64_t pages);
  Outcome guard(std::uint64_t first, std::uint64_t pages);
  Outcome unguard(std::uint64_t first, std::uint64_t pages);
  /// Not of private pages of objects: which of them are copied by it depends on areas.
  Outcome lock(std::uint64_t first, std::uint64_t pages);
  Outcome unlock(std::uint64_t first, std::uint64_t pages);
  bool has_private_object(std::uint64_t first, std::uint64_t pages) const;
  /// A child's: nothing is locked.
  PageModel copy() const;
  Outcome read(std::uint64_t page) const;
  Outcome write(std::uint64_t page, std::uint8_t value);
  /// The object has new_pages from now on: what is mapped beyond loses its private contents.
  void truncated(const Object& object, std::uint64_t new_pages);

  std::size_t mapped_pages() const { return pages_.size(); }

 private:
  bool is_free(std::uint64_t first, std::uint64_t pages) const;
  std::uint64_t highest_gap(std::uint64_t pages) const;
  void transfer(std::uint64_t from, std::uint64_t pages, std::uint64_t to);
  /// Calls `change`, which may refuse, for each page. ENOMEM: there were holes.
  Outcome for_each(std::uint64_t first, std::uint64_t pages,
                   FunctionRef<Outcome(Page& page)> change);
  std::optional<Outcome> refusal(std::uint64_t page, bool write) const;

  std::map<std::uint64_t, Page> pages_;
};

}  // namespace gonzo::model
