// Where a trace of system calls goes.
#pragma once

#include <string>

#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// Lines on a descriptor, each written at once.
class Trace {
 public:
  /// Takes `descriptor` over.
  explicit Trace(int descriptor) : descriptor_(descriptor) {}
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  void line(std::string text) const;
  /// The same, told from the first task's.
  void line(const Task& task, std::string text) const;

 private:
  int descriptor_;
};

}  // namespace gonzo
