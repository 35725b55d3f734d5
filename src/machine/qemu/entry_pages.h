// What the stub needs in the entry area of one format's kernel half: its code, tables and mailbox,
// in frames of the machine's.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "machine/qemu/stub/mailbox.h"
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/kernel_half.h>

namespace gonzo {

class EntryPages {
 public:
  /// Maps them into `half`, before any page table carries it; both outlive this. ENOMEM.
  static Result<std::unique_ptr<EntryPages>> create(FrameAllocator& frames, KernelHalf& half);
  /// No processor uses them any more. The half goes on mapping the frames.
  ~EntryPages();
  EntryPages(const EntryPages&) = delete;
  EntryPages& operator=(const EntryPages&) = delete;

  KernelHalf& half() const { return half_; }
  /// Of the entry area.
  VirtAddr base() const { return half_.entry_area().start; }
  gonzo_qemu_mailbox& mailbox() const {
    return *reinterpret_cast<gonzo_qemu_mailbox*>(page(GONZO_QEMU_MAILBOX).data());
  }
  std::span<std::byte> tables() const { return page(GONZO_QEMU_TABLES); }
  /// The areas that the stub saves to and loads from.
  std::span<std::byte> saved_state() const { return page(GONZO_QEMU_STATE); }
  std::span<std::byte> loaded_state() const { return page(GONZO_QEMU_LOAD_AREA); }
  /// A page by its offset in the area.
  std::span<std::byte> page(std::uint64_t offset) const {
    return {frames_.address(pages_[offset / kPageSize]), kPageSize};
  }
  /// Shows a frame to the stub's code in window `index`, once it has flushed what was there.
  void show(unsigned index, Pfn pfn);

 private:
  static constexpr std::size_t kPages =
      (GONZO_QEMU_STATE + GONZO_QEMU_STATE_BYTES) / std::size_t{kPageSize};

  EntryPages(FrameAllocator& frames, KernelHalf& half) : frames_(frames), half_(half) {
    pages_.fill(Pfn::none());
  }

  FrameAllocator& frames_;
  KernelHalf& half_;
  std::array<Pfn, kPages> pages_;
};

}  // namespace gonzo
