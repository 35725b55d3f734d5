// Linux 2.6's structure: a list in address order and a red-black tree over the same areas.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <string>

#include "vma/gap_cache.h"
#include <gonzo/base/lock.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

class RedBlackVmaIndex final : public VmaIndex {
 public:
  RedBlackVmaIndex() = default;
  ~RedBlackVmaIndex() override;

  Vma* find(VirtAddr address) const override;
  Vma* first() const override;
  Vma* last() const override;
  Vma* next(const Vma& vma) const override;
  Vma* previous(const Vma& vma) const override;
  std::size_t size() const override { return list_.size(); }

  void insert(Vma& vma) override;
  void erase(Vma& vma) override;
  void resize(Vma& vma, AddressRange range) override;

  std::optional<VirtAddr> find_gap_top_down(const GapRequest& request) const override;
  std::optional<VirtAddr> find_gap_bottom_up(const GapRequest& request) const override;

  std::string verify() const override;

 private:
  /// Areas do not overlap, so their ends order them as their starts do; find() asks for ends.
  struct EndOf {
    using type = VirtAddr;
    VirtAddr operator()(const Vma& vma) const { return vma.end(); }
  };
  using List = boost::intrusive::list<Vma>;
  using Tree = boost::intrusive::set<Vma, boost::intrusive::key_of_value<EndOf>,
                                     boost::intrusive::constant_time_size<false>>;

  /// What a downward scan saw.
  struct Scan {
    std::optional<VirtAddr> gap_end;    ///< of the first gap that fits
    std::uint64_t largest_skipped = 0;  ///< bytes, of the gaps above that one
  };
  Scan scan_down(const GapRequest& request, VirtAddr from) const;
  /// Tells the gap cache that the gap between these neighbours (null: none) may have grown.
  void gap_changed(const Vma* below, const Vma* above);
  std::string verify_gap_cache() const;

  List list_;
  Tree tree_;
  /// The area that find returned last: faults and copies come in runs (Linux: mmap_cache). Readers
  /// race on it, hence atomic; any value is right, for it is checked before use.
  mutable std::atomic<Vma*> last_found_{nullptr};
  mutable SpinLock gap_lock_;
  mutable GapCache gap_cache_ GONZO_GUARDED_BY(gap_lock_);
};

}  // namespace gonzo
