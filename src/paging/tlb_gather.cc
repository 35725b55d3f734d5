#include <gonzo/paging/tlb_gather.h>

namespace gonzo {

void TlbGather::flush() {
  if (spared_ != 0) {
    std::array<AddressRange, kMostSpared + 1> ranges;
    for (std::size_t i = 0; i < spared_; ++i) {
      ranges[i] = {VirtAddr(earlier_[i].start), VirtAddr(earlier_[i].end)};
    }
    ranges[spared_] = range_;
    cache_.invalidate_each(std::span(ranges).first(spared_ + 1), what_);
    spared_ = 0;
  } else if (!range_.empty()) {
    cache_.invalidate(range_, what_);
  }
  range_ = {};
  for (std::size_t i = 0; i < count_; ++i) frames_.put(Pfn(batch_[i]));
  count_ = 0;
}

}  // namespace gonzo
