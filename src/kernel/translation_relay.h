// Joins an address space to the machine's space that is made from its page tables.
#pragma once

#include <gonzo/base/lock.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// An address space needs its translation cache at birth, a machine's space needs the page tables:
/// this stands between. Set up and taken down while nothing runs in the address space; but others
/// may be taking its pages meanwhile.
class TranslationRelay final : public TranslationCache {
 public:
  /// What was connected before is not used any more when this returns.
  void connect(TranslationCache* target) GONZO_EXCLUDES(lock_) {
    const LockGuard guard(lock_);
    target_ = target;
  }
  void invalidate(AddressRange range, Stricter what) override GONZO_EXCLUDES(lock_) {
    const SharedLockGuard guard(lock_);
    if (target_ != nullptr) target_->invalidate(range, what);
  }
  void will_execute(Pfn first, unsigned count) override GONZO_EXCLUDES(lock_) {
    const SharedLockGuard guard(lock_);
    if (target_ != nullptr) target_->will_execute(first, count);
  }
  void invalidate_each(std::span<const AddressRange> ranges, Stricter what) override
      GONZO_EXCLUDES(lock_) {
    const SharedLockGuard guard(lock_);
    if (target_ != nullptr) target_->invalidate_each(ranges, what);
  }
  void collect_accesses(std::span<const VirtAddr> pages) override GONZO_EXCLUDES(lock_) {
    const SharedLockGuard guard(lock_);
    if (target_ != nullptr) target_->collect_accesses(pages);
  }

 private:
  SharedMutex lock_;
  TranslationCache* target_ GONZO_GUARDED_BY(lock_) = nullptr;
};

}  // namespace gonzo
