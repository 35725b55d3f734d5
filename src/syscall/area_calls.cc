// Calls that change what areas are: sealed, named, remapped.
#include <array>

#include "syscall/handlers.h"

namespace gonzo {

std::int64_t sys_mseal(Call& call) {
  return raw(call.memory().seal(call.address(0), call[1], call[2]));
}

std::int64_t sys_remap_file_pages(Call& call) {
  // A protection is an unsigned long here: none of its bits may be set.
  const int protection = call[2] != 0 ? -1 : 0;
  return raw(
      call.memory().remap_pages(call.address(0), call[1], protection, call[3], call.integer(4)));
}

/// prctl(PR_SET_VMA). EINVAL: another option, an unaligned range, a name with a character that
/// /proc/PID/maps could not show or of 80 bytes and more with its NUL; EFAULT; and see name_area().
std::int64_t set_area_name(Call& call) {
  constexpr std::size_t kMostBytes = 80;  // ANON_VMA_NAME_MAX_LEN
  constexpr unsigned long kAnonymousName = 0;
  if (call[1] != kAnonymousName) return -EINVAL;
  AreaNameRef name;
  if (!call.is_null(4)) {
    auto text = call.memory().copy_in_string(call.address(4), kMostBytes);
    if (!text) return text.error() == Errno::kNameTooLong ? -EINVAL : raw(text.error());
    for (const char c : *text) {
      if (c <= 0x1f || c == 0x7f || std::string_view("\\`$[]").contains(c)) return -EINVAL;
    }
    name = AreaNameRef(new AreaName(std::move(*text)));
  }
  return raw(call.memory().name_area(call.address(2), call[3], name));
}

}  // namespace gonzo
