#include "syscall/file_facts.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace gonzo {

FileFacts FileFacts::of(const OpenFile& file) {
  FileFacts facts;
  struct stat status;
  if (fstat(file.host_fd(), &status) != 0) return facts;
  facts.identity = {major(status.st_dev), minor(status.st_dev), status.st_ino};
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      facts.kind = FileKind::kRegular;
      facts.size = static_cast<std::uint64_t>(status.st_size);
      break;
    case S_IFBLK:
      facts.kind = FileKind::kEndless;
      break;
    case S_IFCHR:
      facts.terminal = terminal_behind(file.host_fd());
      facts.kind = facts.terminal != 0 ? FileKind::kStream : FileKind::kEndless;
      break;
    case 0:
      facts.kind = FileKind::kMessages;
      break;
    default:
      facts.kind = FileKind::kStream;
      break;
  }
  return facts;
}

CachedFileRef cached_file(Call& call, const FileFacts& facts) {
  if (facts.kind != FileKind::kRegular) return nullptr;
  return call.process().system().page_cache().find(facts.identity);
}

}  // namespace gonzo
