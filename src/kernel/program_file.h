// A file that is about to be executed. Linux: do_open_execat, prepare_binprm in fs/exec.c.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "kernel/exec_error.h"
#include "kernel/script.h"
#include <gonzo/cache/host_file.h>
#include <gonzo/cache/page_cache.h>

namespace gonzo {

struct ProgramFile {
  std::shared_ptr<HostFile> file;
  std::string path;  ///< absolute, links resolved
  std::array<char, kProgramHeadBytes> head{};

  /// Its pages, for mapping.
  ExecOutcome<ObjectRef> object(PageCache& cache) const;
};

/// Opens `path` if execve may execute it: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG as open(2) has them,
/// EACCES when it is no regular file, not executable or on a noexec mount,
/// or an interpreter without a name. One thing more than
/// Linux asks for: it must be readable. `referrer` is the file that names it as its interpreter, or
/// empty.
ExecOutcome<ProgramFile> open_program(const std::string& path, const std::string& referrer);

}  // namespace gonzo
