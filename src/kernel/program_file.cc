#include "kernel/program_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

#include <gonzo/base/file_descriptor.h>

namespace gonzo {
namespace {

std::unexpected<ExecError> refuse(Errno error, const std::string& path, const std::string& referrer,
                                  std::string_view what) {
  std::string text = referrer.empty()
                         ? fmt::format("{}: {}", path, what)
                         : fmt::format("{}: its interpreter {}: {}", referrer, path, what);
  return std::unexpected(ExecError{error, std::move(text)});
}

}  // namespace

ExecOutcome<ObjectRef> ProgramFile::object(PageCache& cache) const {
  auto cached = cache.open(file);
  if (!cached) return refuse(cached.error(), path, {}, errno_text(cached.error()));
  return ObjectRef(*cached);
}

ExecOutcome<ProgramFile> open_program(const std::string& path, const std::string& referrer) {
  const auto refuse_host = [&] {
    const auto error = static_cast<Errno>(errno);
    return refuse(error, path, referrer, errno_text(error));
  };
  // The kernel looks up an interpreter without a name from the working directory, and finds that.
  if (path.empty() && !referrer.empty()) {
    return std::unexpected(
        ExecError{Errno::kAcces, fmt::format("{}: names no interpreter", referrer)});
  }
  // By the path alone first: opening a FIFO or a device to read would wait for, or start,
  // something.
  const FileDescriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.is_open()) return refuse_host();
  struct stat status{};
  if (fstat(place.get(), &status) != 0) return refuse_host();
  if (S_ISDIR(status.st_mode)) return refuse(Errno::kAcces, path, referrer, "is a directory");
  if (!S_ISREG(status.st_mode)) {
    return refuse(Errno::kAcces, path, referrer, "is not a regular file");
  }
  const std::string link = fmt::format("/proc/self/fd/{}", place.get());
  if (faccessat(AT_FDCWD, link.c_str(), X_OK, AT_EACCESS) != 0) {
    if (errno != EACCES) return refuse_host();
    return refuse(Errno::kAcces, path, referrer, "is not executable");
  }
  const FileDescriptor readable(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!readable.is_open()) return refuse_host();
  auto file = HostFile::open(readable.get());
  if (!file) return refuse(file.error(), path, referrer, errno_text(file.error()));

  ProgramFile program{.file = *file, .path = (*file)->path()};
  const std::array spans{std::span<std::byte>(std::as_writable_bytes(std::span(program.head)))};
  const auto count = program.file->read_at(0, spans);
  if (!count) return refuse(count.error(), path, referrer, "cannot be read");
  return program;
}

}  // namespace gonzo
