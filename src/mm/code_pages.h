// What a processor that keeps what it made of code has to hear. Linux: flush_icache_pages and its
// kin, which do nothing on x86; our processor may be a translator that does not see us write.
#pragma once

#include <gonzo/base/address.h>
#include <gonzo/frame/frame.h>
#include <gonzo/paging/entry.h>
#include <gonzo/paging/translation_cache.h>
#include <gonzo/vma/vma.h>

namespace gonzo {

/// Entries of `vma` are about to map these frames.
inline void announce_code(TranslationCache& cache, const Vma& vma, Pfn first, unsigned count = 1) {
  if (vma.has(vm_flags::kExec)) [[unlikely]]
    cache.will_execute(first, count);
}

/// The kernel is about to write, or has written, to a page that `entry` maps (arm64:
/// flush_dcache_page). Code that nobody may execute now is announced when somebody may.
inline void note_kernel_write(TranslationCache& cache, Frame& frame, Entry entry) {
  if (entry.has(pte::kNoExecute)) [[likely]]
    return;
  if (frame.take(frame_flags::kCodeSeen)) cache.will_execute(entry.pfn(), 1);
}

}  // namespace gonzo
