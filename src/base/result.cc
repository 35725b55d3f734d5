#include <cstring>

#include <gonzo/base/result.h>

namespace gonzo {

std::string_view errno_name(Errno error) {
  const char* name = strerrorname_np(static_cast<int>(error));
  return name != nullptr ? name : "E?";
}

std::string_view errno_text(Errno error) {
  const char* text = strerrordesc_np(static_cast<int>(error));
  return text != nullptr ? text : "Unknown error";
}

}  // namespace gonzo
