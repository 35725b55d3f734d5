#include "observe/pfn_lists.h"

namespace gonzo {
namespace {

/// A page that no entry maps.
PfnList unmapped(const FrameReport& frame) {
  using namespace frame_flags;
  if (frame.state == FrameState::kPageCache) {
    if (!frame.has(kUptodate)) return PfnList::kTransition;
    // What is shared memory's has no other place until swap has it.
    return frame.has(kDirty | kSwapBacked) ? PfnList::kModified : PfnList::kStandby;
  }
  // Read ahead from swap, or on its way there.
  if (frame.has(kSwapCached)) {
    return frame.has(kUnwritten) ? PfnList::kModified : PfnList::kStandby;
  }
  return PfnList::kActive;
}

ActiveUse use_of(const FrameReport& frame) {
  switch (frame.state) {
    case FrameState::kAnonymous:
      return ActiveUse::kPrivate;
    case FrameState::kPageCache:
      return frame.has(frame_flags::kSwapBacked) ? ActiveUse::kShared : ActiveUse::kFile;
    case FrameState::kPageTable:
      return ActiveUse::kPageTable;
    default:
      return ActiveUse::kKernel;
  }
}

}  // namespace

PfnList list_of(const FrameReport& frame) {
  switch (frame.state) {
    case FrameState::kVirgin:
      return PfnList::kZeroed;
    case FrameState::kFree:
    case FrameState::kCached:
      return frame.has(frame_flags::kZeroed) ? PfnList::kZeroed : PfnList::kFree;
    case FrameState::kAnonymous:
    case FrameState::kPageCache:
      return frame.maps > 0 ? PfnList::kActive : unmapped(frame);
    default:
      return PfnList::kActive;
  }
}

PfnLists PfnLists::count(const FrameAllocator& frames) {
  PfnLists lists;
  report_blocks(frames, [&lists](const FrameReport& frame, std::uint64_t count) {
    const PfnList list = list_of(frame);
    lists.frames.at(static_cast<std::size_t>(list)) += count;
    if (list == PfnList::kActive) {
      lists.active.at(static_cast<std::size_t>(use_of(frame))) += count;
    }
    lists.total += count;
  });
  return lists;
}

std::string_view list_name(PfnList list) {
  switch (list) {
    case PfnList::kZeroed:
      return "Zeroed";
    case PfnList::kFree:
      return "Free";
    case PfnList::kStandby:
      return "Standby";
    case PfnList::kModified:
      return "Modified";
    case PfnList::kTransition:
      return "Transition";
    case PfnList::kActive:
      return "Active";
    case PfnList::kBad:
      break;
  }
  return "Bad";
}

std::string_view use_name(ActiveUse use) {
  switch (use) {
    case ActiveUse::kPrivate:
      return "process private";
    case ActiveUse::kFile:
      return "mapped files";
    case ActiveUse::kShared:
      return "shared memory";
    case ActiveUse::kPageTable:
      return "page tables";
    case ActiveUse::kKernel:
      break;
  }
  return "kernel";
}

}  // namespace gonzo
