// Birth, death and what others may ask. Linux: mm_init, exit_mmap.
#include <algorithm>

#include "frame/object_memory.h"
#include "mm/area_stock.h"
#include "mm/layout.h"
#include <gonzo/frame/frame_owner.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

Result<std::unique_ptr<AddressSpace>> AddressSpace::create(MemoryManager& manager,
                                                           TranslationCache& cache,
                                                           const Config& config) {
  GONZO_ASSIGN(std::unique_ptr<PageTable> table,
               PageTable::create(manager.frames(), config.format, config.kernel_half));
  GONZO_ASSIGN(AddressSpace* const memory,
               allocate_object<AddressSpace>(manager.config().space_cache));
  return std::unique_ptr<AddressSpace>(::new (memory)
                                           AddressSpace(manager, cache, config, std::move(table)));
}

void AddressSpace::operator delete(AddressSpace* space, std::destroying_delete_t) {
  end_object(space, space->manager_.config().space_cache);
}

AddressSpace::AddressSpace(MemoryManager& manager, TranslationCache& cache, const Config& config,
                           std::unique_ptr<PageTable> table)
    : manager_(manager),
      frames_(manager.frames()),
      cache_(cache),
      config_(config),
      table_(std::move(table)),
      areas_(make_vma_index(config.index)),
      area_stock_(std::make_unique<AreaStock>(manager.config().area_cache)),
      limits_(config.limits) {
  if (config_.mmap_base == VirtAddr()) {
    config_.mmap_base = mmap_base(map_window(*table_), config.limits.stack, guard_bytes());
  }
  const MemoryManager::Enlisted enlisted = manager_.enlist(*this, config.parent);
  id_ = enlisted.id;
  root_ = enlisted.root;
}

AddressSpace::~AddressSpace() {
  {
    const LockGuard guard(lock_);
    {
      TlbGather gather(frames_, cache_);
      for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
        zap_range(gather, *vma, vma->range(), Zap::kEverything);
      }
    }
    erase_all_areas();
  }
  // Only now does nobody who looks for a page's entries come by any more.
  manager_.strike(*this);
  manager_.commitments().release(counts_.committed);
}

AddressSpaceCounts AddressSpace::counts() {
  const SharedLockGuard guard(lock_);
  constexpr auto kRelaxed = std::memory_order_relaxed;
  // A page may be counted in before the entry that replaces it is counted out.
  const auto load = [](const std::atomic<std::int64_t>& count) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, count.load(kRelaxed)));
  };
  AddressSpaceCounts counts = counts_;
  counts.rss_anon = load(atomic_.rss_anon);
  counts.rss_file = load(atomic_.rss_file);
  counts.rss_shmem = load(atomic_.rss_shmem);
  counts.swap = load(atomic_.swap);
  counts.peak_rss = std::max(load(atomic_.peak_rss), counts.rss());
  counts.minor_faults = atomic_.minor_faults.load(kRelaxed);
  counts.major_faults = atomic_.major_faults.load(kRelaxed);
  counts.table_frames = table_->table_frames();
  counts.areas = areas_->size();
  return counts;
}

void AddressSpace::map_fresh(Pfn pfn, std::uint64_t page_index) {
  Frame& frame = frames_.frame(pfn);
  set_frame_index(frame, page_index);
  set_frame_origin(frame, id_);
  frame.maps.store(1, std::memory_order_relaxed);
  manager_.note_arrival(pfn);
}

SegmentBounds AddressSpace::bounds() {
  const SharedLockGuard guard(lock_);
  return bounds_;
}

void AddressSpace::set_bounds(const SegmentBounds& bounds) {
  const LockGuard guard(lock_);
  bounds_ = bounds;
}

AddressSpaceLimits AddressSpace::limits() {
  const SharedLockGuard guard(lock_);
  return limits_;
}

void AddressSpace::set_limits(const AddressSpaceLimits& limits) {
  const LockGuard guard(lock_);
  limits_ = limits;
}

Result<AddressSpace::AreaInfo> AddressSpace::area_at(VirtAddr address) {
  const SharedLockGuard guard(lock_);
  const Vma* vma = areas_->find(address);
  if (vma == nullptr || address < vma->start()) return fail(Errno::kFault);
  return AreaInfo{vma->range(), vma->attributes()};
}

void AddressSpace::visit_areas(FunctionRef<void(const Vma&)> visit) {
  const SharedLockGuard guard(lock_);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) visit(*vma);
}

}  // namespace gonzo
