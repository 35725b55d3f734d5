// The kernel half's access to user memory, through the direct map.
// Linux: copy_from_user, copy_to_user, clear_user, strncpy_from_user; but the permissions are
// checked against our entries, as no processor does it for us.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "mm/code_pages.h"
#include "mm/guest_bytes.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
/// Visits what is mapped from `at` on, and moves `at` to the first page that must be faulted in.
/// False: the visitor has enough. Under the lock a mapped page stays where it is, but that another
/// thread's copy on write may move a read-only one: then it is visited again.
bool AddressSpace::visit_mapped(VirtAddr& at, VirtAddr end, Access access,
                                const UserVisitor& visit) {
  const std::uint64_t used =
      access == Access::kWrite ? pte::kAccessed | pte::kDirty : pte::kAccessed;
  SharedLockGuard guard(lock_);
  while (at < end) {
    const EntryRef slot = table_->find(at);
    if (!slot) return true;
    const Entry entry = slot.load();
    if (!entry.is_present() || (access == Access::kWrite && !entry.is_writable())) return true;
    if ((entry.raw() & used) != used) slot.set_bits(used);

    const std::uint64_t size = std::min(kPageSize - at.page_offset(), end - at);
    const bool more = visit(frames_.address(entry.pfn()) + at.page_offset(), at, size);
    if (access == Access::kWrite) note_kernel_write(cache_, frames_.frame(entry.pfn()), entry);
    if (!entry.is_writable()) {
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the visitor's reads come first
      if (slot.load().pfn() != entry.pfn()) continue;
    }
    at += size;
    if (!more) return false;
  }
  return true;
}

/// Calls `visit(data, at, size)` for each page's part of the range, in order, until it returns
/// false; twice for the same part when that moved meanwhile. EFAULT.
Result<void> AddressSpace::visit_user(VirtAddr start, std::uint64_t length, Access access,
                                      const UserVisitor& visit) {
  const VirtAddr limit = table_->user_end();
  if (start > limit || length > limit - start) return fail(Errno::kFault);
  const VirtAddr end = start + length;
  for (VirtAddr at = start; at < end;) {
    if (!visit_mapped(at, end, access, visit)) break;
    if (at < end && !mended(fault(at, access))) return fail(Errno::kFault);
  }
  return {};
}

Result<void> AddressSpace::copy_in(std::span<std::byte> to, VirtAddr from) {
  return visit_user(from, to.size(), Access::kRead,
                    [&](const std::byte* data, VirtAddr at, std::size_t size) {
                      copy_guest_bytes(to.data() + (at - from), data, size);
                      return true;
                    });
}

Result<void> AddressSpace::copy_out(VirtAddr to, std::span<const std::byte> from) {
  return visit_user(to, from.size(), Access::kWrite,
                    [&](std::byte* data, VirtAddr at, std::size_t size) {
                      copy_guest_bytes(data, from.data() + (at - to), size);
                      return true;
                    });
}

Result<void> AddressSpace::clear(VirtAddr start, std::uint64_t length) {
  return visit_user(start, length, Access::kWrite, [](std::byte* data, VirtAddr, std::size_t size) {
    std::memset(data, 0, size);
    return true;
  });
}

Result<std::string> AddressSpace::copy_in_string(VirtAddr from, std::size_t limit) {
  std::string text;
  bool ended = false;
  const auto append = [&](const std::byte* data, VirtAddr at, std::size_t size) {
    const char* const piece = reinterpret_cast<const char*>(data);
    const void* const nul = std::memchr(piece, 0, size);
    ended = nul != nullptr;
    text.resize(at - from);
    text.append(piece, ended ? static_cast<const char*>(nul) - piece : size);
    return !ended;
  };
  const VirtAddr end = table_->user_end();
  const std::uint64_t room = from < end ? end - from : 0;
  GONZO_TRY(visit_user(from, std::min<std::uint64_t>(limit, room), Access::kRead, append));
  if (!ended) return fail(limit <= room ? Errno::kNameTooLong : Errno::kFault);
  return text;
}

}  // namespace gonzo
