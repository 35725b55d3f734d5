#include "cli/columns.h"

#include <sys/ioctl.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "observe/wrap.h"

namespace gonzo {

std::size_t columns_of(int fd) {
  if (const char* told = std::getenv("COLUMNS"); told != nullptr) {
    const std::string_view text = told;
    std::size_t columns = 0;
    if (std::from_chars(text.begin(), text.end(), columns).ec == std::errc() && columns != 0) {
      return columns;
    }
  }
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : kUsualWidth;
}

}  // namespace gonzo
