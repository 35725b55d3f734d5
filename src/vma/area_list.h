// The areas of an index in address order: neighbours in one step. Linux until 6.0: vm_next,
// vm_prev.
#pragma once

#include <gonzo/vma/vma.h>

namespace gonzo {

inline Vma* vma_of(VmaLinks* links) { return static_cast<Vma*>(links); }
inline const Vma& vma_of(const VmaLinks& links) { return static_cast<const Vma&>(links); }

/// Uses VmaLinks::list. Owns nothing.
class AreaList {
 public:
  bool empty() const { return first_ == nullptr; }
  Vma* first() const { return vma_of(first_); }
  Vma* last() const { return vma_of(last_); }
  static Vma* next(const Vma& vma) { return vma_of(vma.list.next); }
  static Vma* previous(const Vma& vma) { return vma_of(vma.list.previous); }

  /// `above` null: at the end.
  void insert_before(Vma& vma, Vma* above) {
    VmaLinks* const below = above != nullptr ? above->list.previous : last_;
    vma.list = {below, above};
    (below != nullptr ? below->list.next : first_) = &vma;
    (above != nullptr ? above->list.previous : last_) = &vma;
  }
  void erase(Vma& vma) {
    const auto [below, above] = vma.list;
    (below != nullptr ? below->list.next : first_) = above;
    (above != nullptr ? above->list.previous : last_) = below;
  }

 private:
  VmaLinks *first_ = nullptr, *last_ = nullptr;
};

}  // namespace gonzo
