#include "kernel/kernel_pages.h"

#include <algorithm>
#include <bit>

namespace gonzo {

Result<boost::intrusive_ptr<KernelPages>> KernelPages::create(FrameAllocator& frames,
                                                              std::uint64_t count) {
  const auto order = static_cast<unsigned>(std::countr_zero(count));
  GONZO_ASSIGN(const Pfn first,
               frames.allocate_split(order, FrameState::kKernel, ZeroPolicy::kZeroed));
  return boost::intrusive_ptr(new KernelPages(&frames, first, count));
}

ObjectRef KernelPages::none() { return ObjectRef(new KernelPages(nullptr, Pfn::none(), 0)); }

KernelPages::~KernelPages() {
  for (std::uint64_t i = 0; i < count_; ++i) frames_->put(first_ + i);
}

std::span<std::byte> KernelPages::bytes() const {
  return {frames_->address(first_), count_ * kPageSize};
}

/// EFAULT: past the last one.
Result<ObjectPage> KernelPages::get_page(std::uint64_t index, PageIntent /*intent*/) {
  if (index >= count_) return fail(Errno::kFault);
  const Pfn pfn = first_ + index;
  frames_->get(pfn);
  return ObjectPage{.pfn = pfn};
}

/// None: each page is mapped when it is touched (Linux: special_mapping_vmops has no map_pages).
void KernelPages::get_resident(std::uint64_t /*first*/, std::span<Pfn> out) {
  std::ranges::fill(out, Pfn::none());
}

}  // namespace gonzo
