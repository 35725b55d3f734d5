// A frame's descriptor in words.
#pragma once

#include <string_view>
#include <vector>

#include <gonzo/frame/frame_report.h>

namespace gonzo {

/// The flags that are set, by their names: "uptodate", "swap_cached" ...
std::vector<std::string_view> frame_flag_names(const FrameReport& frame);

}  // namespace gonzo
