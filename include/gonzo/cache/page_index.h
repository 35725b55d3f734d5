// From page index to frame: a radix tree of 64-way nodes. Linux: xarray, with its marks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// What can be found quickly among many pages (Linux: PAGECACHE_TAG_DIRTY and its like).
enum class PageMark : std::uint8_t {
  kDirty,  ///< differs from the file
  /// Was given out to be written to, and may be written to again without our being told, as long as
  /// somebody maps it. (Linux finds those entries by rmap and write-protects them: folio_mkclean.)
  kWritable,
};

/// Sparse objects of any size cost only what is in them: 8 bytes a page when dense, one node per
/// level when not. Not thread-safe: the owner's spin lock guards it, so nothing here allocates or
/// frees while changing the tree; nodes come from and go to SpareNodes (Linux: radix_tree_preload).
class PageIndex {
  struct Node;

 public:
  /// Nodes set aside before the lock is taken, or left over when it is dropped; frees them at its
  /// end, which must be outside the lock.
  class SpareNodes {
   public:
    SpareNodes() = default;
    ~SpareNodes();
    SpareNodes(const SpareNodes&) = delete;
    SpareNodes& operator=(const SpareNodes&) = delete;

    /// At least `count` nodes afterwards. ENOMEM.
    Result<void> fill(std::size_t count);
    std::size_t count() const { return count_; }

    // For PageIndex, which alone knows what a Node is.
    Node* take();
    void give(Node* node);

   private:
    Node* first_ = nullptr;
    std::size_t count_ = 0;
  };

  struct Entry {
    std::uint64_t index = 0;
    Pfn pfn;
    bool found() const { return !pfn.is_none(); }
  };

  PageIndex() = default;
  ~PageIndex();
  PageIndex(const PageIndex&) = delete;
  PageIndex& operator=(const PageIndex&) = delete;

  /// Pfn::none() when absent.
  Pfn find(std::uint64_t index) const;
  /// find() for out.size() pages from `first`, one descent for each 64 of them.
  void find_run(std::uint64_t first, std::span<Pfn> out) const;
  /// The first present, or marked, page in [from, end); found() is false when there is none.
  Entry next_present(std::uint64_t from, std::uint64_t end) const;
  Entry next_marked(PageMark mark, std::uint64_t from, std::uint64_t end) const;

  /// How many spare nodes inserting all of [first, end) may take, at most. `first` < `end`.
  std::size_t nodes_needed(std::uint64_t first, std::uint64_t end) const;
  /// `index` must be absent, `spare` must hold what nodes_needed() said for it.
  void insert(std::uint64_t index, Pfn pfn, SpareNodes& spare);
  /// `index` must be present. Its marks go too.
  void erase(std::uint64_t index, SpareNodes& spare);

  bool has_mark(std::uint64_t index, PageMark mark) const;
  /// `index` must be present.
  void set_mark(std::uint64_t index, PageMark mark);
  void clear_mark(std::uint64_t index, PageMark mark);

  std::uint64_t size() const { return size_; }  ///< pages present

 private:
  bool covers(std::uint64_t index) const;
  Node* leaf_of(std::uint64_t index) const;
  Entry next(std::size_t bitmap, std::uint64_t from, std::uint64_t end) const;
  void grow_to(std::uint64_t index, SpareNodes& spare);

  Node* root_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace gonzo
