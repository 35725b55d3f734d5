// What tells of wrong use of objects in slabs: in debug builds patterns, where there is
// AddressSanitizer its shadow. Linux: mm/slub.c (SLAB_RED_ZONE, SLAB_POISON), mm/kasan.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/poison.h"

namespace gonzo {

/// Where an object's parts lie: the object itself, in debug builds a red zone of at least 8 bytes,
/// and the number of the next free object. That is inside the object in release builds, which is
/// nobody's while it is free.
struct ObjectLayout {
  std::size_t bytes;   ///< as asked for
  std::size_t link;    ///< offset of the number
  std::size_t stride;  ///< to the next object

  static ObjectLayout of(std::size_t bytes, std::size_t alignment);
};

/// The run ends: what happened to which object of which cache.
[[noreturn]] void bad_object(const char* what, const char* cache, const std::byte* object,
                             std::size_t offset);

/// Fresh memory, all of it free objects' or between them.
void begin_objects(std::byte* memory, std::size_t bytes);
/// Before the memory becomes something else.
void end_objects(std::byte* memory, std::size_t bytes);

/// A free object is as it was left, and somebody's from now on.
void check_and_open(const char* cache, std::byte* object, const ObjectLayout& layout);
/// It comes back: it was somebody's, and its red zone is whole. Free from now on.
void check_and_close(const char* cache, std::byte* object, const ObjectLayout& layout);
/// The same for a free object of a new slab.
void close_fresh(std::byte* object, const ObjectLayout& layout);

/// The number, wherever it lies.
std::uint32_t load_link(const std::byte* object, const ObjectLayout& layout);
void store_link(std::byte* object, const ObjectLayout& layout, std::uint32_t next);

}  // namespace gonzo
