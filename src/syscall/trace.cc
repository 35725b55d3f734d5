#include "syscall/trace.h"

#include <unistd.h>

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

}  // namespace gonzo
