#include "paging/basic_page_table.h"
#include "paging/format.h"
#include "paging/verify_page_table.h"
#include <gonzo/paging/page_table.h>

namespace gonzo {

Result<std::unique_ptr<PageTable>> PageTable::create(FrameAllocator& frames, PagingFormat format) {
  switch (format) {
    case PagingFormat::kClassic32:
      return BasicPageTable<Classic32>::create(frames);
    case PagingFormat::kPae:
      return BasicPageTable<Pae>::create(frames);
    case PagingFormat::kFourLevel:
      return BasicPageTable<FourLevel>::create(frames);
    case PagingFormat::kFiveLevel:
      return BasicPageTable<FiveLevel>::create(frames);
  }
  return fail(Errno::kInval);
}

}  // namespace gonzo
