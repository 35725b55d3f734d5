// Structures in guest memory whose layout depends on who calls. Linux: include/linux/compat.h,
// kernel/time/time.c (get_timespec64, get_old_timespec32).
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <type_traits>

#include "syscall/call.h"

namespace gonzo {

/// A structure of nothing but longs: timespec, timeval, itimerval, tms, rusage.
template <typename T>
concept Longs = std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::int64_t) == 0 &&
                alignof(T) == alignof(std::int64_t);

inline constexpr std::size_t kLongBytes = 8;
template <Longs T>
inline constexpr std::size_t kLongs = sizeof(T) / kLongBytes;

/// Bytes that `count` longs have in the caller's layout.
constexpr std::size_t long_bytes(Layout layout) {
  return layout == Layout::kI386 || layout == Layout::kI386Large ? 4 : 8;
}

/// EFAULT.
Result<void> load_long_array(const Call& call, VirtAddr from, std::span<std::int64_t> to);
Result<void> store_long_array(const Call& call, VirtAddr to, std::span<const std::int64_t> from);

template <Longs T>
Result<T> load_longs(const Call& call, VirtAddr from) {
  std::array<std::int64_t, kLongs<T>> values;
  GONZO_TRY(load_long_array(call, from, values));
  return std::bit_cast<T>(values);
}
template <Longs T>
Result<void> store_longs(const Call& call, VirtAddr to, const T& value) {
  const auto values = std::bit_cast<std::array<std::int64_t, kLongs<T>>>(value);
  return store_long_array(call, to, values);
}

/// A structure of `size` bytes, at least `least`, that grows with kernels' versions: what an older
/// program leaves out is 0, what a newer one has beyond `to` must be (Linux:
/// copy_struct_from_user). EINVAL: too short; E2BIG: more than a page, or not 0; EFAULT.
Result<void> load_extensible(const Call& call, VirtAddr from, std::uint64_t size, std::size_t least,
                             std::span<std::byte> to);
template <typename T>
  requires std::is_trivially_copyable_v<T>
Result<T> load_extensible(const Call& call, VirtAddr from, std::uint64_t size, std::size_t least) {
  T value{};
  GONZO_TRY(load_extensible(call, from, size, least, std::as_writable_bytes(std::span(&value, 1))));
  return value;
}

/// EOVERFLOW: a number that does not fit; EFAULT.
Result<void> store_stat(const Call& call, VirtAddr to, const struct stat& status);
Result<void> store_statfs(const Call& call, VirtAddr to, const struct statfs& status);

}  // namespace gonzo
