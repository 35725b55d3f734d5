// A thread's own segments. Linux: arch/x86/kernel/tls.c.
#include <algorithm>

#include "syscall/i386/handlers.h"

namespace gonzo {

namespace {

/// struct user_desc, whose flags are bit fields.
struct UserDescriptor {
  std::uint32_t entry_number, base, limit, flags;
};

namespace flag {
constexpr std::uint32_t k32Bit = 1, kContents = 6, kReadExecOnly = 8, kLimitInPages = 16,
                        kNotPresent = 32, kUsable = 64, kLong = 128;
constexpr std::uint32_t kAll = 127;
}  // namespace flag

bool is_empty(const UserDescriptor& user) {
  const bool zero = user.base == 0 && user.limit == 0 && (user.flags & flag::kAll) == 0;
  const bool none = user.base == 0 && user.limit == 0 &&
                    (user.flags & flag::kAll) == (flag::kReadExecOnly | flag::kNotPresent);
  return zero || none;
}

/// Linux: tls_desc_okay: data segments of 32 bits that are there.
bool is_allowed(const UserDescriptor& user) {
  if (is_empty(user)) return true;
  return (user.flags & flag::k32Bit) != 0 && (user.flags & flag::kContents) <= 2 &&
         (user.flags & flag::kNotPresent) == 0;
}

/// As the processor reads it (Intel SDM vol. 3A, figure 3-8). Linux: fill_ldt.
std::uint64_t to_descriptor(const UserDescriptor& user) {
  if (is_empty(user)) return 0;
  const auto put = [](std::uint64_t value, unsigned low) { return value << low; };
  const auto bit = [&](std::uint32_t which) -> std::uint64_t { return (user.flags & which) != 0; };
  constexpr std::uint64_t kUserSegment = 0x7, kAccessed = 1;  // S and DPL 3
  const std::uint64_t type =
      (bit(flag::kReadExecOnly) ^ 1) << 1 | (user.flags & flag::kContents) << 1 | kAccessed;
  return put(user.limit & 0xffff, 0) | put(user.base & 0xffffff, 16) | put(type, 40) |
         put(kUserSegment, 44) | put(bit(flag::kNotPresent) ^ 1, 47) |
         put(user.limit >> 16 & 0xf, 48) | put(bit(flag::kUsable), 52) |
         put(bit(flag::k32Bit), 54) | put(bit(flag::kLimitInPages), 55) | put(user.base >> 24, 56);
}

UserDescriptor to_user(std::uint64_t descriptor, std::uint32_t entry) {
  const auto bits = [descriptor](unsigned low, unsigned count) {
    return static_cast<std::uint32_t>(descriptor >> low) & ((1U << count) - 1);
  };
  return {.entry_number = entry,
          .base = bits(16, 24) | bits(56, 8) << 24,
          .limit = bits(0, 16) | bits(48, 4) << 16,
          .flags = bits(54, 1) | bits(42, 2) << 1 | (bits(41, 1) ^ 1) << 3 | bits(55, 1) << 4 |
                   (bits(47, 1) ^ 1) << 5 | bits(52, 1) << 6};
}

/// Its place among the thread's entries; EINVAL: it is not one of them.
Result<unsigned> tls_index(std::uint32_t entry) {
  const std::uint32_t index = entry - segment::kFirstTls;
  if (index >= segment::kTlsEntries) return fail(Errno::kInval);
  return index;
}

}  // namespace

/// ESRCH: all three entries are in use.
std::int64_t i386_set_thread_area(Call& call) {
  auto user = call.memory().load<UserDescriptor>(call.address(0));
  if (!user) return raw(user.error());
  if (!is_allowed(*user)) return -EINVAL;
  auto& tls = call.task.registers().tls;
  if (user->entry_number == ~0U) {
    const auto unused = std::ranges::find(tls, std::uint64_t{0});
    if (unused == tls.end()) return -ESRCH;
    user->entry_number = segment::kFirstTls + static_cast<std::uint32_t>(unused - tls.begin());
    if (auto stored = call.memory().store(call.address(0), user->entry_number); !stored) {
      return raw(stored.error());
    }
  }
  const auto index = tls_index(user->entry_number);
  if (!index) return raw(index.error());
  tls[*index] = to_descriptor(*user);
  return 0;
}

std::int64_t i386_get_thread_area(Call& call) {
  const auto entry = call.memory().load<std::uint32_t>(call.address(0));
  if (!entry) return raw(entry.error());
  const auto index = tls_index(*entry);
  if (!index) return raw(index.error());
  return raw(
      call.memory().store(call.address(0), to_user(call.task.registers().tls[*index], *entry)));
}

}  // namespace gonzo
