#include <gonzo/cache/object_registry.h>

namespace gonzo {

std::uint64_t ObjectRegistry::enter(MappedObject& object) {
  const LockGuard guard(lock_);
  objects_.emplace(++last_, &object);
  return last_;
}

void ObjectRegistry::leave(std::uint64_t number) {
  const LockGuard guard(lock_);
  objects_.erase(number);
}

ObjectRef ObjectRegistry::find(std::uint64_t number) const {
  const LockGuard guard(lock_);
  const auto found = objects_.find(number);
  if (found == objects_.end() || !found->second->try_add_ref()) return {};
  return {found->second, false};
}

}  // namespace gonzo
