#include "paging/basic_page_table.h"
#include "paging/format.h"
#include "paging/verify_page_table.h"
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/page_table.h>

namespace gonzo {

Result<std::unique_ptr<PageTable>> PageTable::create(FrameAllocator& frames, PagingFormat format,
                                                     const KernelHalf* kernel) {
  if (kernel != nullptr && kernel->format() != format) return fail(Errno::kInval);
  switch (format) {
    case PagingFormat::kClassic32:
      return BasicPageTable<Classic32>::create(frames, kernel);
    case PagingFormat::kPae:
      return BasicPageTable<Pae>::create(frames, kernel);
    case PagingFormat::kFourLevel:
      return BasicPageTable<FourLevel>::create(frames, kernel);
    case PagingFormat::kFiveLevel:
      return BasicPageTable<FiveLevel>::create(frames, kernel);
  }
  return fail(Errno::kInval);
}

}  // namespace gonzo
