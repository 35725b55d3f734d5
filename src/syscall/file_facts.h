// What the calls need to know about a host file.
#pragma once

#include <cstdint>

#include "kernel/open_file.h"
#include "kernel/terminal.h"
#include "syscall/call.h"
#include <gonzo/cache/page_cache.h>

namespace gonzo {

enum class FileKind : std::uint8_t {
  kRegular,
  kEndless,   ///< block devices and devices that are not terminals: give what is asked for
  kStream,    ///< pipes, sockets, terminals: give what is there
  kMessages,  ///< eventfd, inotify and their like: one read is one whole thing
};

struct FileFacts {
  FileKind kind = FileKind::kStream;
  std::uint64_t size = 0;
  FileIdentity identity{};
  TerminalId terminal = 0;

  static FileFacts of(const OpenFile& file);
};

/// The cached pages of a regular file; null when there are none.
CachedFileRef cached_file(Call& call, const FileFacts& facts);

}  // namespace gonzo
