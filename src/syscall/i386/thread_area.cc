// A thread's own segments. Linux: arch/x86/kernel/tls.c.
#include <algorithm>

#include "syscall/i386/handlers.h"
#include <gonzo/machine/user_descriptor.h>

namespace gonzo {

namespace {

/// Linux: tls_desc_okay: data segments of 32 bits that are there.
bool is_allowed(const UserDescriptor& user) {
  if (user.is_empty()) return true;
  return (user.flags & UserDescriptor::k32Bit) != 0 &&
         (user.flags & UserDescriptor::kContents) <= 2 &&
         (user.flags & UserDescriptor::kNotPresent) == 0;
}

/// Its place among the thread's entries; EINVAL: it is not one of them.
Result<unsigned> tls_index(std::uint32_t entry) {
  const std::uint32_t index = entry - segment::kFirstTls;
  if (index >= segment::kTlsEntries) return fail(Errno::kInval);
  return index;
}

}  // namespace

Result<void> check_segment(const UserDescriptor& user) {
  if (!is_allowed(user)) return fail(Errno::kInval);
  GONZO_TRY(tls_index(user.entry_number));
  return {};
}

/// ESRCH: all three entries are in use. ENOSYS: from a program on 64-bit page tables, where the
/// machine has no place that the guest cannot have.
std::int64_t i386_set_thread_area(Call& call) {
  if (!is_32bit(call.memory().page_table().format())) return -ENOSYS;
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
  tls[*index] = user->to_descriptor();
  return 0;
}

std::int64_t i386_get_thread_area(Call& call) {
  const auto entry = call.memory().load<std::uint32_t>(call.address(0));
  if (!entry) return raw(entry.error());
  const auto index = tls_index(*entry);
  if (!index) return raw(index.error());
  return raw(call.memory().store(call.address(0),
                                 UserDescriptor::of(call.task.registers().tls[*index], *entry)));
}

}  // namespace gonzo
