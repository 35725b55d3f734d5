// Who maps the file, and what seals and holes do to it. Linux: i_mmap_writable, mm/memfd.c,
// shmem_fallocate.
#include <algorithm>
#include <tuple>

#include "cache/pages.h"
#include <gonzo/cache/cached_file.h>
#include <gonzo/vma/vma.h>

namespace gonzo {
namespace {

bool lets_write(const AreaNotice& notice) {
  constexpr std::uint64_t kNeeded = vm_flags::kShared | vm_flags::kMayWrite;
  return (notice.flags & kNeeded) == kNeeded;
}

}  // namespace

Result<void> CachedFile::admit_area(const AreaNotice& notice) {
  if (!lets_write(notice)) return {};
  std::int64_t areas = writable_areas_.load(std::memory_order_relaxed);
  do {
    if (areas < 0) return fail(Errno::kPerm);
  } while (!writable_areas_.compare_exchange_weak(areas, areas + 1, std::memory_order_acq_rel));
  return {};
}

void CachedFile::area_opened(const AreaNotice& notice) {
  if (lets_write(notice)) writable_areas_.fetch_add(1, std::memory_order_acq_rel);
}

void CachedFile::area_closed(const AreaNotice& notice) {
  if (lets_write(notice)) writable_areas_.fetch_sub(1, std::memory_order_acq_rel);
}

Result<void> CachedFile::seal(Seal what, FunctionRef<Result<void>()> seal) {
  LockGuard guard(writeback_lock_);
  std::int64_t nobody = 0;
  const bool denies = what == Seal::kWrite;
  if (denies && !writable_areas_.compare_exchange_strong(nobody, -1) && nobody > 0) {
    return fail(Errno::kBusy);
  }
  suspect_writable(0, kEveryPage);
  Result<void> sealed = write_back_locked(0, kEveryPage);
  if (sealed && writer_ != nullptr) {
    if (denies) writer_->drop_write_access();
    if (!denies && has_writable_areas()) sealed = writer_->keep_write_access();
  }
  if (sealed) sealed = seal();
  if (!sealed && denies && nobody == 0) writable_areas_.store(0);
  return sealed;
}

Result<void> CachedFile::punch_hole(std::uint64_t first, std::uint64_t end) {
  LockGuard guard(writeback_lock_);
  if (writer_ == nullptr) return fail(Errno::kBadF);
  GONZO_TRY(writer_->punch_hole(first << kPageShift, (end - first) << kPageShift));
  drop(first, end, Drop::kAll, SIZE_MAX);
  return {};
}

Result<void> CachedFile::punched(std::uint64_t offset, std::uint64_t length) {
  LockGuard guard(writeback_lock_);
  const std::uint64_t first = pages_of(offset);
  const std::uint64_t end = (offset + length) >> kPageShift;
  if (first < end) drop(first, end, Drop::kAll, SIZE_MAX);
  return bring_in({.offset = offset, .length = length});
}

}  // namespace gonzo
