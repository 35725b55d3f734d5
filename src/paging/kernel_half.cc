#include "paging/basic_kernel_half.h"

namespace gonzo {

Result<std::unique_ptr<KernelHalf>> KernelHalf::create(FrameAllocator& frames,
                                                       PagingFormat format) {
  switch (format) {
    case PagingFormat::kClassic32:
      return BasicKernelHalf<Classic32>::create(frames);
    case PagingFormat::kPae:
      return BasicKernelHalf<Pae>::create(frames);
    case PagingFormat::kFourLevel:
      return BasicKernelHalf<FourLevel>::create(frames);
    case PagingFormat::kFiveLevel:
      return BasicKernelHalf<FiveLevel>::create(frames);
  }
  return fail(Errno::kInval);
}

}  // namespace gonzo
