// How far a long command is, on a terminal.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace gonzo {

/// A line on standard error that is written over again and again, and gone at the end. Nothing is
/// written where that is no terminal.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `what` is being done; `done` of about `all` parts are.
  void show(unsigned done, unsigned all, std::string_view what);
  /// The same with what has passed of the part at hand.
  void tick();
  void clear();

 private:
  void draw();

  const bool is_terminal_;
  unsigned done_ = 0, all_ = 1;
  std::string what_;
  std::chrono::steady_clock::time_point since_;
};

/// The line, at most `width` columns of it: "[####....] 3 of 12, 64.0 MiB, 2 s".
std::string progress_line(unsigned done, unsigned all, std::string_view what, unsigned width);

}  // namespace gonzo
