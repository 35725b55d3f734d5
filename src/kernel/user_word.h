// Atomic changes of a word in guest memory. Linux: futex_atomic_cmpxchg_inatomic.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Whether the word held `expected` and holds `wanted` now. EFAULT; EINVAL: unaligned.
inline Result<bool> compare_exchange_user(AddressSpace& memory, VirtAddr word,
                                          std::uint32_t expected, std::uint32_t wanted) {
  constexpr std::size_t kBytes = sizeof(std::uint32_t);
  if (word.value % kBytes != 0) return fail(Errno::kInval);
  std::array<AddressSpace::Piece, 1> piece;
  GONZO_TRY(memory.pin(word, kBytes, Access::kWrite, piece));
  const bool done = std::atomic_ref(*reinterpret_cast<std::uint32_t*>(piece[0].data))
                        .compare_exchange_strong(expected, wanted);
  memory.unpin(piece);
  return done;
}

}  // namespace gonzo
