#include "syscall/bad_pointer.h"

#include <sys/mman.h>

namespace gonzo {

Result<BadPointer> BadPointer::create() {
  void* page = mmap(nullptr, kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return fail_from_host();
  return BadPointer(page);
}

BadPointer::~BadPointer() {
  if (page_ != nullptr) munmap(page_, kPageSize);
}

std::uint64_t BadPointer::in_place_of(VirtAddr start, std::uint64_t length,
                                      VirtAddr user_end) const {
  const bool leaves = start > user_end || length > user_end - start;
  return leaves ? kernel() : user();
}

}  // namespace gonzo
