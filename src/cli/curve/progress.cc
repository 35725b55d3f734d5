#include "cli/curve/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace gonzo {
namespace {

unsigned terminal_width() {
  winsize size{};
  constexpr unsigned kUsual = 80;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : kUsual;
}

}  // namespace

std::string progress_line(unsigned done, unsigned all, std::string_view what, unsigned width) {
  constexpr unsigned kLeastBar = 8, kMostBar = 40;
  all = std::max({all, done, 1U});
  std::string text = fmt::format("{} of {}, {}", done, all, what);
  const auto length = static_cast<unsigned>(text.size());
  if (width >= length + kLeastBar + 3) {
    const unsigned bar = std::min(kMostBar, width - length - 3);
    const unsigned full = bar * done / all;
    text = fmt::format("[{:#<{}}{:.<{}}] {}", "", full, "", bar - full, text);
  }
  text.resize(std::min<std::size_t>(text.size(), width));
  return text;
}

Progress::Progress() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { clear(); }

void Progress::show(unsigned done, unsigned all, std::string_view what) {
  done_ = done;
  all_ = all;
  what_ = what;
  since_ = std::chrono::steady_clock::now();
  draw();
}

void Progress::tick() { draw(); }

void Progress::draw() {
  if (!is_terminal_) return;
  const auto passed = std::chrono::steady_clock::now() - since_;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(passed).count();
  const std::string what = seconds == 0 ? what_ : fmt::format("{}, {} s", what_, seconds);
  // The last column stays free: some terminals go to the next line there.
  fmt::print(stderr, "\r\033[K{}", progress_line(done_, all_, what, terminal_width() - 1));
}

void Progress::clear() {
  if (is_terminal_) fmt::print(stderr, "\r\033[K");
}

}  // namespace gonzo
