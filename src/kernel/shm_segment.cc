#include "kernel/shm_segment.h"

#include <fmt/format.h>

#include <utility>

#include "kernel/shm_namespace.h"
#include <gonzo/mm/memory_manager.h>

namespace gonzo {
namespace {

/// Linux: the internal mount of tmpfs, whose inodes get the id for a number.
ObjectName name_of(const ShmStatus& status) {
  return {.device_major = 0,
          .device_minor = 1,
          .inode = static_cast<std::uint64_t>(status.id),
          .path = fmt::format("/SYSV{:08x} (deleted)",
                              static_cast<std::uint32_t>(status.permissions.key))};
}

}  // namespace

ShmSegment::ShmSegment(ShmNamespace& home, MemoryManager& memory, const ShmStatus& status,
                       CommitCharge charge, ShmemCommit commit)
    : SharedMemory(memory.frames(), status.bytes, name_of(status), std::move(charge), commit,
                   &memory.objects()),
      home_(home),
      id_(status.id) {}

void ShmSegment::evict(std::span<DepartingPage> pages) {
  if (!is_locked_.load(std::memory_order_relaxed)) SharedMemory::evict(pages);
}

void ShmSegment::area_opened(const AreaNotice& notice) { home_.area_opened(*this, notice.owner); }
void ShmSegment::area_closed(const AreaNotice& notice) { home_.area_closed(*this, notice.owner); }

}  // namespace gonzo
