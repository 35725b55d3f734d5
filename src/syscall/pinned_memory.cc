#include "syscall/pinned_memory.h"

#include <algorithm>

namespace gonzo {

PinnedMemory::PinnedMemory(AddressSpace& memory, Access access, std::span<const GuestSpan> spans,
                           std::uint64_t skip, std::uint64_t limit)
    : memory_(memory) {
  for (const GuestSpan& span : spans) {
    if (skip >= span.length) {
      skip -= span.length;
      continue;
    }
    const std::uint64_t length = std::min(span.length - skip, limit - bytes_);
    if (length == 0 || !pin_span(span.start + skip, length, access)) break;
    skip = 0;
  }
}

PinnedMemory::~PinnedMemory() { memory_.unpin(std::span(pieces_).first(piece_count_)); }

/// False when it ended before the span did.
bool PinnedMemory::pin_span(VirtAddr start, std::uint64_t length, Access access) {
  while (length != 0) {
    const auto room = std::span(pieces_).subspan(piece_count_);
    if (room.empty()) return false;
    const auto pinned = memory_.pin(start, length, access, room);
    if (!pinned || *pinned == 0) {
      hit_fault_ = true;
      return false;
    }
    for (const AddressSpace::Piece& piece : room.first(*pinned)) {
      append(piece);
      start += piece.size;
      length -= piece.size;
    }
    piece_count_ += *pinned;
  }
  return true;
}

void PinnedMemory::append(const AddressSpace::Piece& piece) {
  bytes_ += piece.size;
  if (iovec_count_ != 0) {
    iovec& last = iovecs_[iovec_count_ - 1];
    if (static_cast<std::byte*>(last.iov_base) + last.iov_len == piece.data) {
      last.iov_len += piece.size;
      return;
    }
  }
  iovecs_[iovec_count_++] = {piece.data, piece.size};
}

}  // namespace gonzo
