#include <atomic>
#include <cstdint>

#include <gonzo/paging/entry_ref.h>

namespace gonzo {
namespace {

template <typename Raw>
unsigned count_leading_blanks(Raw* slots, unsigned count) {
  constexpr unsigned kGroup = 64 / sizeof(Raw);
  const auto load = [slots](unsigned i) {
    return std::atomic_ref(slots[i]).load(std::memory_order_relaxed);
  };
  unsigned i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    Raw any = 0;
    for (unsigned j = 0; j < kGroup; ++j) any |= load(i + j);
    if (any != 0) break;
  }
  while (i < count && load(i) == 0) ++i;
  return i;
}

}  // namespace

unsigned EntryRef::leading_blanks(unsigned count) const {
  return is_wide() ? count_leading_blanks(static_cast<std::uint64_t*>(slot_), count)
                   : count_leading_blanks(static_cast<std::uint32_t*>(slot_), count);
}

}  // namespace gonzo
