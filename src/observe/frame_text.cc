#include "observe/frame_text.h"

#include <utility>

namespace gonzo {

std::vector<std::string_view> frame_flag_names(const FrameReport& frame) {
  constexpr std::pair<std::uint16_t, std::string_view> kNames[] = {
      {frame_flags::kZeroed, "zeroed"},          {frame_flags::kDirty, "dirty"},
      {frame_flags::kUptodate, "uptodate"},      {frame_flags::kMlocked, "mlocked"},
      {frame_flags::kPoisoned, "poisoned"},      {frame_flags::kSwapBacked, "swap_backed"},
      {frame_flags::kReferenced, "referenced"},  {frame_flags::kReadAhead, "read_ahead"},
      {frame_flags::kSwapCached, "swap_cached"}, {frame_flags::kUnwritten, "unwritten"},
      {frame_flags::kLazyFree, "lazy_free"}};
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : kNames) {
    if (frame.has(flag)) names.push_back(name);
  }
  return names;
}

}  // namespace gonzo
