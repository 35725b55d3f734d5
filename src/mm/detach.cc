// shmdt(2), as far as areas go. Linux: ksys_shmdt (ipc/shm.c).
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// An attachment may have been cut, and pieces of it moved: those go that lie where they were put,
/// as their offset tells, and belong to the same attachment. The first one found says to which, and
/// how far it can reach.
Result<void> AddressSpace::detach(
    VirtAddr start, FunctionRef<std::optional<std::uint64_t>(const MappedObject&)> bytes_of) {
  const LockGuard guard(lock_);
  ObjectRef object;
  std::uint64_t open_file = 0, bytes = 0;
  const auto lies_right = [&](const Vma& vma) {
    return vma.start() >= start &&
           (vma.start() - start) / kPageSize == vma.attributes().page_offset;
  };
  for (Vma* vma = areas_->find(start); vma != nullptr;) {
    const AddressRange range = vma->range();
    if (object != nullptr && range.end - start > bytes) break;
    bool goes = false;
    if (object == nullptr) {
      const auto found = vma->object() != nullptr ? bytes_of(*vma->object()) : std::nullopt;
      goes = found && lies_right(*vma);
      if (goes) {
        object = vma->attributes().object;
        open_file = vma->attributes().open_file;
        bytes = page_ceil(*found);
      }
    } else {
      goes = vma->object() == object.get() && vma->attributes().open_file == open_file &&
             lies_right(*vma);
    }
    if (goes) GONZO_TRY(unmap_locked(range));
    vma = areas_->find(range.end);
  }
  if (object == nullptr) return fail(Errno::kInval);
  return {};
}

}  // namespace gonzo
