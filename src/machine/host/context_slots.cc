#include "machine/host/context_slots.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include <cstring>

namespace gonzo {
namespace {

constexpr std::size_t kBytes = GONZO_SLOT_COUNT * GONZO_SLOT_SIZE;
// What the stub itself may need on the signal stack, beside the kernel's frame.
constexpr unsigned long kStubStack = 4096;

}  // namespace

Result<std::unique_ptr<ContextSlots>> ContextSlots::create() {
  // Two frames: a guest whose stack pointer is in its slot gets the frame below it.
  const unsigned long frame = getauxval(AT_MINSIGSTKSZ);
  if (2 * frame + kStubStack > GONZO_SLOT_SIZE - GONZO_MAILBOX_SIZE) {
    return fail(Errno::kOpNotSupp);
  }
  GONZO_ASSIGN(FileDescriptor file, create_memory_file("gonzo-contexts", kBytes));
  void* memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (memory == MAP_FAILED) return fail_from_host();
  return std::unique_ptr<ContextSlots>(
      new ContextSlots(std::move(file), static_cast<std::byte*>(memory)));
}

ContextSlots::~ContextSlots() { munmap(memory_, kBytes); }

Result<std::uint32_t> ContextSlots::allocate() {
  std::uint32_t slot;
  {
    LockGuard guard(mutex_);
    if (!released_.empty()) {  // last in, first out: its pages are backed and warm
      slot = released_.back();
      released_.pop_back();
    } else if (next_ < GONZO_SLOT_COUNT) {
      slot = next_++;
    } else {
      return fail(Errno::kAgain);
    }
  }
  std::memset(bytes(slot).data(), 0, sizeof(gonzo_mailbox));
  return slot;
}

void ContextSlots::release(std::uint32_t slot) {
  LockGuard guard(mutex_);
  released_.push_back(slot);
}

}  // namespace gonzo
