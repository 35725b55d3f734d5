#include "syscall/trace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

namespace gonzo {

Trace::~Trace() { ::close(descriptor_); }

void Trace::line(std::string text) const {
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Trace::line(const Task& task, std::string text) const {
  if (task.tid() != kFirstProcess) text.insert(0, fmt::format("[pid {:5}] ", task.tid()));
  line(std::move(text));
}

}  // namespace gonzo
