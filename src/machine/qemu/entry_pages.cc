#include "machine/qemu/entry_pages.h"

#include <algorithm>

#include "machine/qemu/descriptor_tables.h"
#include "machine/qemu/stub_image.h"
#include <gonzo/base/check.h>

namespace gonzo {

Result<std::unique_ptr<EntryPages>> EntryPages::create(FrameAllocator& frames, KernelHalf& half) {
  std::unique_ptr<EntryPages> made(new EntryPages(frames, half));
  for (std::size_t i = 0; i < kPages; ++i) {
    GONZO_ASSIGN(made->pages_[i], frames.allocate(0, FrameState::kKernel, ZeroPolicy::kZeroed));
    GONZO_TRY(half.map_entry_page(
        made->base() + i * kPageSize, made->pages_[i],
        i == GONZO_QEMU_CODE ? KernelHalf::EntryUse::kCode : KernelHalf::EntryUse::kData));
  }
  std::ranges::copy(stub_image(half.format()), made->page(GONZO_QEMU_CODE).begin());
  write_descriptor_tables(made->tables(), half.format(), made->base());
  return made;
}

EntryPages::~EntryPages() {
  for (const Pfn pfn : pages_) {
    if (!pfn.is_none()) frames_.put(pfn);
  }
}

void EntryPages::show(unsigned index, Pfn pfn) {
  // The table is there: it maps the pages before the windows, too.
  const auto mapped = half_.map_entry_page(base() + GONZO_QEMU_WINDOWS + index * kPageSize, pfn,
                                           KernelHalf::EntryUse::kData);
  GONZO_CHECK(mapped.has_value());
}

}  // namespace gonzo
