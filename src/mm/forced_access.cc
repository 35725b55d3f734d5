// A debugger's access to user memory: /proc/PID/mem. Linux: access_remote_vm with FOLL_FORCE,
// check_vma_flags (mm/gup.c).
#include <algorithm>
#include <cstring>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include "mm/frame_use.h"
#include "mm/guest_bytes.h"
#include "mm/rss_change.h"
#include "mm/with_areas.h"
#include <gonzo/paging/entry.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Nothing that is written here reaches anybody else (Linux: is_cow_mapping).
bool is_private_copy(const Vma& vma) { return !vma.has(kShared) && vma.has(kMayWrite); }

bool may_read(const Vma& vma) { return !vma.has(kPfnMap | kIo) && vma.has(kRead | kMayRead); }

bool may_write(const Vma& vma) {
  return !vma.has(kPfnMap | kIo) && (vma.has(kWrite) || is_private_copy(vma));
}

}  // namespace

/// Linux grows a stack for the access's first page, and only for that.
bool AddressSpace::reach_area(VirtAddr address) {
  const LockGuard guard(lock_);
  return area_holding(address) != nullptr || grow_stack(address);
}

/// Inside one page.
bool AddressSpace::read_page_forced(VirtAddr from, std::span<std::byte> to) {
  bool is_read = false;
  const auto allowed = with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    const Vma* vma = area_holding(from);
    if (vma == nullptr || !may_read(*vma)) return fail(Errno::kFault);
    if (vma->has(kProtMask)) return {};
    // No access of the program's can bring the page in, so it is looked at where it is.
    const EntryRef slot = table_->find(from);
    FaultContext context{*this,         *vma, from.page_floor(),
                         Access::kRead, slot, slot ? slot.load() : Entry()};
    const auto present = context.leave_swap();
    lacks_frames_ = !present && present.error() == Errno::kNoMem;
    GONZO_TRY(present);
    is_read = true;
    const Entry entry = context.entry;
    if (entry.is_mapping()) {
      copy_guest_bytes(to.data(), frames_.address(entry.pfn()) + from.page_offset(), to.size());
      return {};
    }
    if (!entry.is_blank()) return fail(Errno::kFault);
    if (vma->is_anonymous()) {
      std::ranges::fill(to, std::byte{0});
      return {};
    }
    GONZO_ASSIGN(const auto page,
                 vma->object()->get_page(vma->page_index(from), PageIntent::kRead));
    copy_guest_bytes(to.data(), frames_.address(page.pfn) + from.page_offset(), to.size());
    frames_.put(page.pfn);
    return {};
  });
  return allowed && (is_read || copy_in(to, from).has_value());
}

bool AddressSpace::write_page_forced(VirtAddr to, std::span<const std::byte> from) {
  bool written = false;
  const auto allowed = with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    const Vma* vma = area_holding(to);
    if (vma == nullptr || !may_write(*vma)) return fail(Errno::kFault);
    if (vma->has(kWrite)) return {};
    GONZO_ASSIGN(const Pfn pfn, own_page(*vma, to.page_floor()));
    copy_guest_bytes(frames_.address(pfn) + to.page_offset(), from.data(), from.size());
    frames_.frame(pfn).clear(frame_flags::kCodeSeen);
    announce_code(cache_, *vma, pfn);
    written = true;
    return {};
  });
  return allowed && (written || copy_out(to, from).has_value());
}

/// The page's frame, the area's own: what was there is copied first if others see it too. The entry
/// allows what the area allows, so that the program's own write still faults. EFAULT: no such page;
/// EIO: it cannot be read; ENOMEM.
Result<Pfn> AddressSpace::own_page(const Vma& vma, VirtAddr page) {
  GONZO_ASSIGN(const EntryRef slot, reserve_entry(page));
  FaultContext context{*this, vma, page, Access::kRead, slot, slot.load()};
  const auto present = context.leave_swap();
  lacks_frames_ = !present && present.error() == Errno::kNoMem;
  GONZO_TRY(present);
  const Entry old = context.entry;
  if (!old.is_blank() && !old.is_mapping()) return fail(Errno::kFault);
  const bool counted = old.is_mapping() && !old.has(pte::kSpecial);
  const std::uint64_t used = pte::kAccessed | pte::kDirty;
  if (counted && take_from_swap(old.pfn())) {
    begin_write(old.pfn());
    slot.set_bits(used);
    return old.pfn();
  }

  const auto allocated = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kZeroed);
  lacks_frames_ = !allocated;
  GONZO_ASSIGN(const Pfn copy, allocated);
  if (counted) {
    std::memcpy(frames_.address(copy), frames_.address(old.pfn()), kPageSize);
  } else if (old.is_blank() && !vma.is_anonymous()) {
    const auto source = vma.object()->get_page(vma.page_index(page), PageIntent::kRead);
    if (!source) {
      frames_.put(copy);
      return fail(source.error());
    }
    std::memcpy(frames_.address(copy), frames_.address(source->pfn), kPageSize);
    frames_.put(source->pfn);
  }
  note_own_pages(vma);
  map_fresh(copy, vma.page_index(page));
  announce_code(cache_, vma, copy);
  const Entry replaced = slot.exchange(Entry::map(copy, entry_flags(vma) | used));
  RssChange change{.anon = 1};
  if (old.is_blank()) table_->entry_filled(slot);
  if (!replaced.is_blank()) cache_.invalidate({page, page + kPageSize}, Stricter::kGone);
  if (counted) {
    change.add(frames_.frame(old.pfn()), -1);
    forget_page(old.pfn());
    frames_.put(old.pfn());
  }
  count_rss(vma, change);
  return copy;
}

std::size_t AddressSpace::read_forced(VirtAddr from, std::span<std::byte> to) {
  if (to.empty() || !reach_area(from)) return 0;
  std::size_t done = 0;
  while (done < to.size()) {
    const VirtAddr at = from + done;
    const std::size_t size = std::min<std::size_t>(kPageSize - at.page_offset(), to.size() - done);
    if (!read_page_forced(at, to.subspan(done, size))) break;
    done += size;
  }
  return done;
}

std::size_t AddressSpace::write_forced(VirtAddr to, std::span<const std::byte> from) {
  if (from.empty() || !reach_area(to)) return 0;
  std::size_t done = 0;
  while (done < from.size()) {
    const VirtAddr at = to + done;
    const std::size_t size =
        std::min<std::size_t>(kPageSize - at.page_offset(), from.size() - done);
    if (!write_page_forced(at, from.subspan(done, size))) break;
    done += size;
  }
  return done;
}

}  // namespace gonzo
