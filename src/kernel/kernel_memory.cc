#include "kernel/kernel_memory.h"

#include "kernel/open_file.h"
#include "kernel/process.h"
#include "kernel/task.h"
#include <gonzo/cache/cached_file.h>
#include <gonzo/mm/address_space.h>
#include <gonzo/vma/vma.h>

namespace gonzo {
namespace {

template <typename T>
SlabCache& add_cache_of(SlabAllocator& slabs, const char* name,
                        SlabKind kind = SlabKind::kUnreclaimable) {
  return slabs.add_cache({.name = name, .bytes = sizeof(T), .alignment = alignof(T), .kind = kind});
}

}  // namespace

/// By the names that Linux gives to caches of the same.
KernelMemory::KernelMemory(FrameAllocator& frames, Machine& machine,
                           std::optional<PagingFormat> format)
    : frames_(frames),
      machine_(machine),
      slabs_(frames),
      area_cache_(add_cache_of<Vma>(slabs_, "vm_area_struct")),
      space_cache_(add_cache_of<AddressSpace>(slabs_, "mm_struct")),
      task_cache_(add_cache_of<Task>(slabs_, "task_struct")),
      process_cache_(add_cache_of<Process>(slabs_, "signal_cache")),
      open_file_cache_(add_cache_of<OpenFile>(slabs_, "filp")),
      cached_file_cache_(add_cache_of<CachedFile>(slabs_, "inode_cache", SlabKind::kReclaimable)),
      format_(format) {}

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
    GONZO_ASSIGN(auto made, KernelHalf::create(frames_, format));
    GONZO_TRY(machine_.prepare(*made));
    half = std::move(made);
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
