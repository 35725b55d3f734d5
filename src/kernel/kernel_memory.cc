#include "kernel/kernel_memory.h"

namespace gonzo {

std::string KernelMemory::verify() const {
  if (std::string wrong = slabs_.verify(); !wrong.empty()) return wrong;
  const Vmalloc* const vmalloc = existing_vmalloc();
  return vmalloc != nullptr ? vmalloc->verify() : std::string();
}

Result<KernelHalf*> KernelMemory::half(PagingFormat format) {
  const LockGuard guard(lock_);
  return half_locked(format);
}

Result<KernelHalf*> KernelMemory::half_locked(PagingFormat format) {
  auto& half = halves_[static_cast<std::size_t>(format)];
  if (half == nullptr) {
    GONZO_ASSIGN(half, KernelHalf::create(frames_, format));
    if (!format_) format_ = format;
  }
  return half.get();
}

Result<Vmalloc*> KernelMemory::vmalloc() {
  const LockGuard guard(lock_);
  if (vmalloc_ == nullptr) {
    GONZO_ASSIGN(KernelHalf* const half, half_locked(format_.value_or(PagingFormat::kFourLevel)));
    vmalloc_ = std::make_unique<Vmalloc>(frames_, *half, translations_);
  }
  return vmalloc_.get();
}

const Vmalloc* KernelMemory::existing_vmalloc() const {
  const LockGuard guard(lock_);
  return vmalloc_.get();
}

}  // namespace gonzo
