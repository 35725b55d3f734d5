// Copies from and to guest memory.
#pragma once

#include <cstddef>
#include <cstring>

namespace gonzo {

/// memcpy, but that ThreadSanitizer does not look: what a guest's threads do to their memory while
/// their kernel copies it is the guest's affair, as on any machine.
inline void copy_guest_bytes(std::byte* to, const std::byte* from, std::size_t size) {
#ifdef __SANITIZE_THREAD__
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
#else
  std::memcpy(to, from, size);
#endif
}

}  // namespace gonzo
