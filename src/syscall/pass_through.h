// The driver of the calls that the host does for the guest.
#pragma once

#include <array>
#include <span>

#include "syscall/call.h"
#include "syscall/scratch.h"
#include "syscall/table.h"

namespace gonzo {

/// Translates a call's arguments as its row describes them, makes the host call, copies what came
/// out. Bad guest pointers and descriptors reach the host as bad ones, so that the order of checks
/// is the host kernel's own.
class PassThrough {
 public:
  explicit PassThrough(Call& call) : call_(call) {}
  /// The result, or -errno.
  std::int64_t run();

 private:
  struct Buffer {
    std::span<std::byte> bytes;  ///< empty when the argument has no memory of its own
    std::size_t capacity = 0;    ///< bytes that the guest has room for
  };

  void prepare(unsigned index);
  void prepare_descriptor(unsigned index);
  void prepare_string(unsigned index);
  int directory_before(unsigned index) const;
  void prepare_length(unsigned index);
  void prepare_bytes(unsigned index);
  /// Bytes of a kBytes argument; narrows the host's count when it is over the argument's limit.
  std::uint64_t extent_of(unsigned index);
  Result<void> copy_in(unsigned index, std::span<std::byte> to);
  Result<void> copy_out(unsigned index, std::int64_t result);
  std::int64_t adopt_descriptor(std::int64_t host_fd);

  Call& call_;
  Arguments host_{};
  std::array<Buffer, 6> buffers_{};
  std::array<OpenFileRef, 6> files_;
  Scratch scratch_;
};

}  // namespace gonzo
