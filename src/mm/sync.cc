// msync(2). Linux: mm/msync.c; folio_mkclean (mm/rmap.c).
#include <linux/mman.h>

#include <algorithm>

#include "mm/filled_entries.h"
#include "mm/mapped_part.h"

namespace gonzo {

/// The next part of an object to be written; none when `object` is null. `rest` is what comes
/// after it.
struct AddressSpace::SyncStep {
  ObjectRef object;
  std::uint64_t first = 0, end = 0;
  AddressRange rest;
  bool hole = false;
};

/// In this order:
/// EINVAL: unknown flags; `start` unaligned; MS_ASYNC with MS_SYNC. ENOMEM: the end overflows.
/// Then area by area: EBUSY: MS_INVALIDATE of locked memory. EIO, ENOSPC: the object could not be
/// written. ENOMEM: there were holes; the rest has been written, but that plain MS_ASYNC stops at
/// the first.
Result<void> AddressSpace::sync(VirtAddr start, std::uint64_t length, int flags) {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || !start.is_page_aligned() ||
      (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)) {
    return fail(Errno::kInval);
  }
  AddressRange range{start, start + page_ceil(length)};
  if (range.end < range.start) return fail(Errno::kNoMem);

  bool hole = false;
  while (!range.empty()) {
    SyncStep step;
    {
      const LockGuard guard(lock_);
      GONZO_ASSIGN(step, next_sync_step(range, flags));
    }
    hole = hole || step.hole;
    range = step.rest;
    if (step.object == nullptr) continue;
    manager_.clean_pages(*step.object, step.first, step.end);
    GONZO_TRY(step.object->sync(step.first, step.end));
  }
  if (hole) return fail(Errno::kNoMem);
  return {};
}

Result<AddressSpace::SyncStep> AddressSpace::next_sync_step(AddressRange range, int flags) {
  SyncStep step;
  step.rest = range;
  for (Vma* vma = areas_->find(range.start); !step.rest.empty(); vma = areas_->next(*vma)) {
    if (vma == nullptr) return fail(Errno::kNoMem);
    if (vma->start() > step.rest.start) {
      if (flags == MS_ASYNC) return fail(Errno::kNoMem);
      step.hole = true;
      step.rest.start = vma->start();
      if (step.rest.empty()) break;
    }
    if ((flags & MS_INVALIDATE) != 0 && vma->has(vm_flags::kLocked)) return fail(Errno::kBusy);
    const AddressRange part{step.rest.start, std::min(vma->end(), range.end)};
    step.rest.start = part.end;
    if ((flags & MS_SYNC) == 0 || vma->is_anonymous() || !vma->is_shared()) continue;

    step.object = vma->attributes().object;
    step.first = vma->page_index(part.start);
    step.end = step.first + part.pages();
    break;
  }
  return step;
}

void AddressSpace::clean_pages(MappedObject& object, std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  for (Vma& vma : areas_of(object)) {
    if (!vma.is_shared()) continue;
    const AddressRange part = mapped_part(vma, first, end);
    if (!part.empty()) clean_entries(gather, vma, part);
  }
}

void MemoryManager::clean_pages(MappedObject& object, std::uint64_t first, std::uint64_t end) {
  if (object.is_shmem()) return;  // there is nowhere to write it back to
  const LockGuard guard(spaces_lock_);
  for (AddressSpace* space : object.mappers()) space->clean_pages(object, first, end);
}

void AddressSpace::clean_entries(TlbGather& gather, Vma& vma, AddressRange range) {
  table_->for_each_table(range, [&](VirtAddr first, EntryRef slots, unsigned count) {
    for_each_filled(first, slots, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
      if (!entry.is_mapping() || !entry.has(pte::kWrite | pte::kDirty)) return;
      // A processor may set A or D in between.
      while (!slot.compare_exchange(entry, entry.without(pte::kWrite | pte::kDirty))) {
      }
      gather.touch(page_at(address), Stricter::kReadOnly);
      if (entry.has(pte::kDirty)) vma.object()->mark_dirty(vma.page_index(address));
    });
    return true;
  });
}

}  // namespace gonzo
