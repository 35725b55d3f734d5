// Catches writes to free memory, in debug builds. Linux: CONFIG_PAGE_POISONING (mm/page_poison.c).
#pragma once

#include <cstddef>

#include <gonzo/frame/frame.h>

namespace gonzo {

#ifdef NDEBUG
inline constexpr bool kPoisoning = false;
#else
inline constexpr bool kPoisoning = true;
#endif

/// Fills a frame that is being freed.
void poison(Frame& frame, std::byte* page);
/// Aborts unless a free frame still holds what it was left with: poison, or zeros if never used.
void check_poison(const Frame& frame, Pfn pfn, const std::byte* page);

}  // namespace gonzo
