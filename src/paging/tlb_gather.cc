#include <gonzo/paging/tlb_gather.h>

namespace gonzo {

void TlbGather::flush() {
  if (!range_.empty()) cache_.invalidate(range_, what_);
  range_ = {};
  for (std::size_t i = 0; i < count_; ++i) frames_.put(Pfn(batch_[i]));
  count_ = 0;
}

}  // namespace gonzo
