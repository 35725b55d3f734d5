// Guest memory as the host's iovecs.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// A run of guest addresses, as a guest's iovec says it.
struct GuestSpan {
  VirtAddr start;
  std::uint64_t length = 0;  ///< bytes
};

/// Frames of guest memory, pinned for host I/O as long as this lives. Pages that lie side by side
/// in the arena become one iovec. Large: for the stack of a call, not for keeping.
class PinnedMemory {
 public:
  static constexpr std::size_t kMostPieces = 1024;  // UIO_MAXIOV

  /// Pins what it can of the first `limit` bytes of `spans` after skipping `skip` bytes: up to a
  /// page that cannot be had, or kMostPieces.
  PinnedMemory(AddressSpace& memory, Access access, std::span<const GuestSpan> spans,
               std::uint64_t skip, std::uint64_t limit);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  /// After a fault: `length` bytes more, which the host finds to be bad where the guest's are.
  void append_bad(void* bad, std::uint64_t length) { iovecs_[iovec_count_++] = {bad, length}; }

  std::span<iovec> iovecs() { return {iovecs_.data(), iovec_count_}; }
  std::uint64_t bytes() const { return bytes_; }
  /// It ended at a page that cannot be had.
  bool hit_fault() const { return hit_fault_; }

 private:
  bool pin_span(VirtAddr start, std::uint64_t length, Access access);
  void append(const AddressSpace::Piece& piece);

  AddressSpace& memory_;
  std::size_t piece_count_ = 0, iovec_count_ = 0;
  std::uint64_t bytes_ = 0;
  bool hit_fault_ = false;
  std::array<AddressSpace::Piece, kMostPieces> pieces_;  // only the first piece_count_ are set
  std::array<iovec, kMostPieces> iovecs_;
};

}  // namespace gonzo
