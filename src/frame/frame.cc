#include <gonzo/frame/frame.h>

namespace gonzo {

std::string_view frame_state_name(FrameState state) {
  switch (state) {
    case FrameState::kVirgin:
      return "virgin";
    case FrameState::kFree:
      return "free";
    case FrameState::kCached:
      return "cached";
    case FrameState::kAnonymous:
      return "anonymous";
    case FrameState::kPageCache:
      return "page cache";
    case FrameState::kPageTable:
      return "page table";
    case FrameState::kKernel:
      return "kernel";
    case FrameState::kVmalloc:
      return "vmalloc";
    case FrameState::kSlab:
      return "slab";
    case FrameState::kReserved:
      return "reserved";
  }
  return "?";
}

}  // namespace gonzo
