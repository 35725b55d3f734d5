// What must be true of each area, whatever the index.
#pragma once

#include <string>

#include <gonzo/vma/vma.h>

namespace gonzo {

/// Of `vma` and the one before it (null: it is the first). Empty, or what is wrong.
std::string verify_area(const Vma& vma, const Vma* previous);

}  // namespace gonzo
