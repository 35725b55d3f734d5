#include <algorithm>

#include <gonzo/base/check.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

bool MappedObject::try_add_ref() {
  unsigned refs = refs_.load(std::memory_order_relaxed);
  while (refs != 0) {
    if (refs_.compare_exchange_weak(refs, refs + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void MappedObject::add_mapper(AddressSpace& space) {
  const LockGuard guard(mappers_lock_);
  mappers_.push_back(&space);
}

void MappedObject::remove_mapper(AddressSpace& space) {
  const LockGuard guard(mappers_lock_);
  // Most often the last one that came.
  const auto found = std::ranges::find(mappers_.rbegin(), mappers_.rend(), &space);
  GONZO_CHECK(found != mappers_.rend());
  mappers_.erase(std::next(found).base());
}

std::vector<AddressSpace*> MappedObject::mappers() const {
  const LockGuard guard(mappers_lock_);
  return mappers_;
}

}  // namespace gonzo
