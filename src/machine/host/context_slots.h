// The context slots of one machine: memory that runner and guest processes share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "machine/host/stub/mailbox.h"
#include "machine/memory_file.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/base/thread_annotations.h>

namespace gonzo {

/// Slot 0 is the zygote's. Thread-safe.
class ContextSlots {
 public:
  /// ENOMEM, EMFILE.
  static Result<std::unique_ptr<ContextSlots>> create();
  ~ContextSlots();
  ContextSlots(const ContextSlots&) = delete;
  ContextSlots& operator=(const ContextSlots&) = delete;

  /// A slot with a zeroed mailbox. EAGAIN: all are taken.
  Result<std::uint32_t> allocate() GONZO_EXCLUDES(mutex_);
  /// No process maps the slot any more.
  void release(std::uint32_t slot) GONZO_EXCLUDES(mutex_);

  int fd() const { return file_.get(); }
  std::span<std::byte> bytes(std::uint32_t slot) const {
    return {memory_ + slot * GONZO_SLOT_SIZE, GONZO_SLOT_SIZE};
  }
  gonzo_mailbox& mailbox(std::uint32_t slot) const {
    return *reinterpret_cast<gonzo_mailbox*>(bytes(slot).data());
  }
  /// Where guest processes see the slot.
  static std::uint64_t guest_address(std::uint32_t slot) {
    return GONZO_SLOTS_BASE + slot * GONZO_SLOT_SIZE;
  }

 private:
  ContextSlots(FileDescriptor file, std::byte* memory) : file_(std::move(file)), memory_(memory) {}

  FileDescriptor file_;
  std::byte* memory_;
  Mutex mutex_;
  std::vector<std::uint32_t> released_ GONZO_GUARDED_BY(mutex_);
  std::uint32_t next_ GONZO_GUARDED_BY(mutex_) = 1;
};

}  // namespace gonzo
