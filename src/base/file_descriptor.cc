#include <unistd.h>

#include <gonzo/base/file_descriptor.h>

namespace gonzo {

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace gonzo
