#include <gonzo/vma/vma.h>

namespace gonzo {

bool can_merge(const VmaAttributes& previous, std::uint64_t previous_pages,
               const VmaAttributes& next) {
  if (((previous.flags ^ next.flags) & ~vm_flags::kIgnoreMerge) != 0) return false;
  if (((previous.flags | next.flags) & vm_flags::kSpecialMask) != 0) return false;
  if (previous.special_name != nullptr || next.special_name != nullptr) return false;
  if ((previous.zero_device == nullptr) != (next.zero_device == nullptr)) return false;
  if (!same_name(previous.name, next.name) || !same_policy(previous.policy, next.policy)) {
    return false;
  }
  if (previous.object != next.object || previous.open_file != next.open_file) return false;
  return previous.page_offset + previous_pages == next.page_offset;
}

}  // namespace gonzo
