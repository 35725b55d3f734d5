// A segment descriptor as set_thread_area(2) wants it. Linux: struct user_desc, fill_ldt().
#pragma once

#include <cstdint>

namespace gonzo {

struct UserDescriptor {
  std::uint32_t entry_number = 0;
  std::uint32_t base = 0;
  std::uint32_t limit = 0;
  std::uint32_t flags = 0;

  /// From what the processor reads (Intel SDM vol. 3A, figure 3-8); 0 empties the entry.
  static constexpr UserDescriptor of(std::uint64_t descriptor, unsigned entry) {
    if (descriptor == 0) return {.entry_number = entry, .flags = kReadExecOnly | kNotPresent};
    const auto bits = [descriptor](unsigned low, unsigned count) {
      return static_cast<std::uint32_t>(descriptor >> low) & ((1U << count) - 1);
    };
    return {.entry_number = entry,
            .base = bits(16, 24) | bits(56, 8) << 24,
            .limit = bits(0, 16) | bits(48, 4) << 16,
            .flags = bits(54, 1) /* 32 bits */ | bits(42, 2) << 1 /* contents */ |
                     (bits(41, 1) ^ 1) << 3 /* read only */ | bits(55, 1) << 4 /* in pages */ |
                     (bits(47, 1) ^ 1) << 5 /* not present */ | bits(52, 1) << 6 /* usable */};
  }

 private:
  static constexpr std::uint32_t kReadExecOnly = 1U << 3, kNotPresent = 1U << 5;
};
static_assert(sizeof(UserDescriptor) == 16);

}  // namespace gonzo
