#include "syscall/user_types.h"

#include <algorithm>

#include <gonzo/base/check.h>

namespace gonzo {
namespace {
constexpr std::size_t kMostLongs = 18;  // struct rusage
}

Result<void> load_long_array(const Call& call, VirtAddr from, std::span<std::int64_t> to) {
  if (long_bytes(call.layout) == sizeof(std::int64_t)) {
    GONZO_TRY(call.memory().copy_in(std::as_writable_bytes(to), from));
    // A timespec's nanoseconds are a 32-bit long beside padding.
    if (call.layout == Layout::kI386Time64) {
      for (std::size_t i = 1; i < to.size(); i += 2) to[i] &= 0xffffffff;
    }
    return {};
  }
  GONZO_CHECK(to.size() <= kMostLongs);
  std::array<std::int32_t, kMostLongs> storage;
  const auto narrow = std::span(storage).first(to.size());
  GONZO_TRY(call.memory().copy_in(std::as_writable_bytes(narrow), from));
  std::ranges::copy(narrow, to.begin());
  return {};
}

Result<void> store_long_array(const Call& call, VirtAddr to, std::span<const std::int64_t> from) {
  if (long_bytes(call.layout) == sizeof(std::int64_t)) {
    return call.memory().copy_out(to, std::as_bytes(from));
  }
  GONZO_CHECK(from.size() <= kMostLongs);
  std::array<std::int32_t, kMostLongs> storage;
  const auto narrow = std::span(storage).first(from.size());
  std::ranges::transform(from, narrow.begin(),
                         [](std::int64_t value) { return static_cast<std::int32_t>(value); });
  return call.memory().copy_out(to, std::as_bytes(narrow));
}

Result<void> load_extensible(const Call& call, VirtAddr from, std::uint64_t size, std::size_t least,
                             std::span<std::byte> to) {
  if (size > kPageSize) return fail(Errno::k2Big);
  if (size < least) return fail(Errno::kInval);
  std::array<std::byte, kPageSize> bytes{};
  GONZO_TRY(call.memory().copy_in(std::span(bytes).first(size), from));
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  if (!std::ranges::all_of(std::span(bytes).subspan(to.size()), is_zero)) {
    return fail(Errno::k2Big);
  }
  std::ranges::copy(std::span(bytes).first(to.size()), to.begin());
  return {};
}

}  // namespace gonzo
