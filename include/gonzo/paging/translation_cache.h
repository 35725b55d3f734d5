// The seam to whatever caches translations: a TLB, a host's page tables, an emulator's map.
#pragma once

#include <span>

#include <gonzo/base/address.h>

namespace gonzo {

/// What became stricter about the entries of a range.
enum class Stricter : unsigned char {
  kGone,      ///< unmapped, or mapped to another frame
  kReadOnly,  ///< write permission withdrawn (fork, write-protect)
  kOther,     ///< any other permission change
  kAccessed,  ///< A was cleared, nothing else: a translation may still be used for a while, but not
              ///< for good without that collect_accesses() tells it
};

/// Implemented by the machine. Entries that became laxer (absent to present, read-only to writable)
/// need no call: the machine finds out by a fault that turns out to be spurious.
class TranslationCache {
 public:
  virtual ~TranslationCache() = default;
  /// When this returns, no processor uses an old translation for `range`. Called with the address
  /// space's lock held; must not call back into it. Cannot fail.
  virtual void invalidate(AddressRange range, Stricter what) = 0;
  /// The same for scattered ranges, so that who runs code there is stopped once for all of them.
  virtual void invalidate_each(std::span<const AddressRange> ranges, Stricter what) {
    for (const AddressRange range : ranges) invalidate(range, what);
  }
  /// Sets A in the entries of those of these pages that were used since kAccessed was said of them,
  /// where a use by itself does not. A page next to one that was used may count as used. Callers as
  /// for invalidate (Linux: mmu_notifier_test_young).
  virtual void collect_accesses(std::span<const VirtAddr> pages) { static_cast<void>(pages); }
  /// Entries that allow execution are about to map these frames, whose contents are ready. For a
  /// processor that keeps what it made of code, and does not see the kernel write (Linux:
  /// flush_icache_pages; arm64: __sync_icache_dcache). Callers as for invalidate.
  virtual void will_execute(Pfn first, unsigned count) {
    static_cast<void>(first);
    static_cast<void>(count);
  }
};

/// For address spaces that nothing executes.
class NoTranslationCache final : public TranslationCache {
 public:
  void invalidate(AddressRange, Stricter) override {}
};

}  // namespace gonzo
