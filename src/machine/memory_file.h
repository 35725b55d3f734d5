// Anonymous files whose pages may be executed.
#pragma once

#include <cstddef>

#include <gonzo/base/file_descriptor.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// A close-on-exec memfd of `bytes`, all zeros (memfd_create(2)). ENOMEM, EMFILE, ENFILE;
/// EFBIG: RLIMIT_FSIZE is less.
Result<FileDescriptor> create_memory_file(const char* name, std::size_t bytes);

}  // namespace gonzo
