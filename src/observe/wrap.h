// Text for a terminal of a given width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gonzo {

inline constexpr std::size_t kLeastWidth = 60, kUsualWidth = 80;

/// Appends `text`, indented, in lines of at most `width` columns, cut at spaces; what goes on in a
/// further line is indented by two more. A word that is too long for a line of its own stays whole.
void append_wrapped(std::string& out, std::string_view text, std::size_t indent, std::size_t width);

/// At most `width` columns: what is in front gives way, for the end of a path says most.
std::string shortened(std::string_view path, std::size_t width);

}  // namespace gonzo
