// Memory for single objects of a class. Linux: kmem_cache_alloc, kmem_cache_free.
#pragma once

#include <memory>

#include <gonzo/base/result.h>
#include <gonzo/frame/slab_cache.h>

namespace gonzo {

/// For a T, which is not made yet: of `cache`, whose objects are for such, or, where that is null,
/// of the host's heap. ENOMEM.
template <typename T>
Result<T*> allocate_object(SlabCache* cache) {
  if (cache == nullptr) return std::allocator<T>().allocate(1);
  GONZO_ASSIGN(std::byte* const memory, cache->allocate());
  return reinterpret_cast<T*>(memory);
}

template <typename T>
void free_object(T* memory, SlabCache* cache) {
  if (cache == nullptr) return std::allocator<T>().deallocate(memory, 1);
  cache->free(memory);
}

/// For a class's operator delete.
template <typename T>
void end_object(T* object, SlabCache* cache) {
  std::destroy_at(object);
  free_object(object, cache);
}

}  // namespace gonzo
