#include "vma/verify_area.h"

#include <fmt/format.h>

namespace gonzo {

std::string verify_area(const Vma& vma, const Vma* previous) {
  const char* wrong = nullptr;
  if (vma.range().empty()) wrong = "is empty";
  if (!vma.start().is_page_aligned() || !vma.end().is_page_aligned()) wrong = "is unaligned";
  if (previous != nullptr && vma.start() < previous->end()) wrong = "overlaps the one before it";
  if (wrong == nullptr) return {};
  return fmt::format("area {:#x}-{:#x} {}", vma.start().value, vma.end().value, wrong);
}

}  // namespace gonzo
