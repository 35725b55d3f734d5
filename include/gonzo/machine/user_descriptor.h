// A segment descriptor as set_thread_area(2) takes it, and as the processor reads it. Linux: struct
// user_desc, fill_ldt, fill_user_desc; Intel SDM vol. 3A, figure 3-8.
#pragma once

#include <cstdint>

namespace gonzo {

struct UserDescriptor {
  std::uint32_t entry_number = 0, base = 0, limit = 0;
  std::uint32_t flags = 0;  ///< the bit fields

  static constexpr std::uint32_t k32Bit = 1, kContents = 6, kReadExecOnly = 8, kLimitInPages = 16,
                                 kNotPresent = 32, kUsable = 64, kKnown = 127;

  /// Means "no segment": all zero, or as LDT_empty() has it.
  constexpr bool is_empty() const {
    const std::uint32_t known = flags & kKnown;
    return base == 0 && limit == 0 && (known == 0 || known == (kReadExecOnly | kNotPresent));
  }

  /// For the processor; 0 when empty.
  constexpr std::uint64_t to_descriptor() const {
    if (is_empty()) return 0;
    const auto has = [this](std::uint32_t which) -> std::uint64_t { return (flags & which) != 0; };
    constexpr std::uint64_t kAccessed = 1, kUserSegment = 0x7;  // S, and privilege level 3
    const std::uint64_t type = (has(kReadExecOnly) ^ 1) << 1 | (flags & kContents) << 1 | kAccessed;
    return (limit & 0xffff) | std::uint64_t{base & 0xffffff} << 16 | type << 40 |
           kUserSegment << 44 | (has(kNotPresent) ^ 1) << 47 |
           std::uint64_t{limit >> 16 & 0xf} << 48 | has(kUsable) << 52 | has(k32Bit) << 54 |
           has(kLimitInPages) << 55 | std::uint64_t{base >> 24} << 56;
  }

  static constexpr UserDescriptor of(std::uint64_t descriptor, unsigned entry) {
    if (descriptor == 0) return {.entry_number = entry, .flags = kReadExecOnly | kNotPresent};
    const auto bits = [descriptor](unsigned first, unsigned count) {
      return static_cast<std::uint32_t>(descriptor >> first) & ((1U << count) - 1);
    };
    return {.entry_number = entry,
            .base = bits(16, 24) | bits(56, 8) << 24,
            .limit = bits(0, 16) | bits(48, 4) << 16,
            .flags = bits(54, 1) | bits(42, 2) << 1 | (bits(41, 1) ^ 1) << 3 | bits(55, 1) << 4 |
                     (bits(47, 1) ^ 1) << 5 | bits(52, 1) << 6};
  }
};
static_assert(sizeof(UserDescriptor) == 16);

}  // namespace gonzo
