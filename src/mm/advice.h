// What the parts of madvise share.
#pragma once

#include <gonzo/vma/vma.h>

namespace gonzo {

/// May advice take contents of this area away? A seal protects what its owner could not overwrite
/// anyway (Linux: can_madv_modify).
inline bool may_discard(const Vma& vma) {
  return !vma.has(vm_flags::kSealed) || !vma.is_anonymous() || vma.has(vm_flags::kWrite);
}

}  // namespace gonzo
