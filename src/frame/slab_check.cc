#include "frame/slab_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size) \
  (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) \
  (static_cast<void>(address), static_cast<void>(size))
#endif

namespace gonzo {
namespace {

// Linux: POISON_FREE, POISON_END, SLUB_RED_INACTIVE, SLUB_RED_ACTIVE.
constexpr std::byte kFree{0x6b}, kEnd{0xa5}, kInactive{0xbb}, kActive{0xcc};
constexpr std::size_t kRedZone = 8;

constexpr std::size_t round_up(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) & ~(to - 1);
}

std::span<std::byte> red_zone(std::byte* object, const ObjectLayout& layout) {
  return {object + layout.bytes, layout.link - layout.bytes};
}

void fill_free(std::byte* object, const ObjectLayout& layout) {
  std::memset(object, std::to_integer<int>(kFree), layout.bytes - 1);
  object[layout.bytes - 1] = kEnd;
  std::ranges::fill(red_zone(object, layout), kInactive);
}

/// The first byte of `bytes` that is not `expected`; its size: all are.
std::size_t find_other(std::span<const std::byte> bytes, std::byte expected) {
  return static_cast<std::size_t>(
      std::ranges::find_if_not(bytes, [&](std::byte each) { return each == expected; }) -
      bytes.begin());
}

}  // namespace

ObjectLayout ObjectLayout::of(std::size_t bytes, std::size_t alignment) {
  constexpr std::size_t kLink = sizeof(std::uint32_t);
  alignment = std::max(alignment, kLink);
  if constexpr (kPoisoning) {
    const std::size_t link = round_up(bytes + kRedZone, kLink);
    return {bytes, link, round_up(link + kLink, alignment)};
  }
  return {bytes, 0, round_up(std::max(bytes, kLink), alignment)};
}

void bad_object(const char* what, const char* cache, const std::byte* object, std::size_t offset) {
  fmt::print(stderr, "gonzo: internal error: {}: object {} of cache {}, offset {}\n", what,
             static_cast<const void*>(object), cache, offset);
  std::abort();
}

void begin_objects(std::byte* memory, std::size_t bytes) {
  ASAN_POISON_MEMORY_REGION(memory, bytes);
}

void end_objects(std::byte* memory, std::size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
}

void check_and_open(const char* cache, std::byte* object, const ObjectLayout& layout) {
  ASAN_UNPOISON_MEMORY_REGION(object, layout.stride);
  if constexpr (kPoisoning) {
    const std::span<const std::byte> all(object, layout.bytes);
    const std::size_t other = find_other(all.first(layout.bytes - 1), kFree);
    if (other != layout.bytes - 1 || all.back() != kEnd) {
      bad_object("written to while free", cache, object, other);
    }
    const auto zone = red_zone(object, layout);
    const std::size_t past = find_other(zone, kInactive);
    if (past != zone.size()) {
      bad_object("written past its end while free", cache, object, layout.bytes + past);
    }
    std::ranges::fill(zone, kActive);
  }
  ASAN_POISON_MEMORY_REGION(object + layout.bytes, layout.stride - layout.bytes);
}

void check_and_close(const char* cache, std::byte* object, const ObjectLayout& layout) {
  if constexpr (kPoisoning) {
    ASAN_UNPOISON_MEMORY_REGION(object, layout.stride);
    const auto zone = red_zone(object, layout);
    if (find_other(zone, kInactive) == zone.size()) bad_object("freed twice", cache, object, 0);
    const std::size_t past = find_other(zone, kActive);
    if (past != zone.size()) {
      bad_object("written past its end", cache, object, layout.bytes + past);
    }
    fill_free(object, layout);
  }
  ASAN_POISON_MEMORY_REGION(object, layout.stride);
}

void close_fresh(std::byte* object, const ObjectLayout& layout) {
  ASAN_UNPOISON_MEMORY_REGION(object, layout.stride);
  if constexpr (kPoisoning) fill_free(object, layout);
  ASAN_POISON_MEMORY_REGION(object, layout.stride);
}

// The two that touch what is out of everybody's bounds.

[[gnu::no_sanitize_address]] std::uint32_t load_link(const std::byte* object,
                                                     const ObjectLayout& layout) {
  return *reinterpret_cast<const std::uint32_t*>(object + layout.link);
}

[[gnu::no_sanitize_address]] void store_link(std::byte* object, const ObjectLayout& layout,
                                             std::uint32_t next) {
  *reinterpret_cast<std::uint32_t*>(object + layout.link) = next;
}

}  // namespace gonzo
