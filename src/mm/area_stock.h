// Memory for areas: from a cache of the machine's, or the host's heap. Linux: vm_area_alloc,
// vm_area_free (mm/vma_init.c).
#pragma once

#include <array>

#include <gonzo/base/result.h>
#include <gonzo/frame/slab_cache.h>
#include <gonzo/vma/vma.h>

namespace gonzo {

/// Of one address space, whose lock is held: what was reserved is not asked for again. An area goes
/// back to where it came from.
class AreaStock {
 public:
  static constexpr unsigned kMost = 8;

  /// Null: the host's heap.
  explicit AreaStock(SlabCache* cache) : cache_(cache) {}
  ~AreaStock();
  AreaStock(const AreaStock&) = delete;
  AreaStock& operator=(const AreaStock&) = delete;

  /// The next `areas` can be made, kMost at most. ENOMEM, and what was there is there.
  Result<void> reserve(unsigned areas);
  /// One that was reserved.
  Vma& make(AddressRange range, VmaAttributes attributes);
  void destroy(Vma& vma);

 private:
  SlabCache* const cache_;
  unsigned count_ = 0;
  std::array<Vma*, kMost> memory_{};
};

}  // namespace gonzo
