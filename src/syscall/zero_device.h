// /dev/zero as something that is mapped.
#pragma once

#include <sys/stat.h>

#include <gonzo/vma/mapped_object.h>

namespace gonzo {

/// Only its name is ever asked for: see MappedObject::is_zero_device. `status`: of the descriptor.
ObjectRef make_zero_device(int host_fd, const struct stat& status);

}  // namespace gonzo
