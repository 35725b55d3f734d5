#include "kernel/open_file.h"

#include <unistd.h>

namespace gonzo {

OpenFile::~OpenFile() { ::close(host_fd_); }

}  // namespace gonzo
