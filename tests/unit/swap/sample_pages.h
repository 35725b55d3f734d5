// Pages that compress to nothing, well, a little, and not at all.
#pragma once

#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gonzo/base/address.h>

namespace gonzo::test {

enum class PageKind { kZero, kSameFilled, kText, kNumbers, kRandom };
inline constexpr int kPageKinds = 5;

/// The same for the same kind and seed; different seeds give different pages (but for kZero).
inline std::vector<std::byte> sample_page(PageKind kind, std::uint64_t seed) {
  std::vector<std::byte> page(kPageSize);
  std::mt19937_64 random(seed);
  switch (kind) {
    case PageKind::kZero:
      break;
    case PageKind::kSameFilled: {
      const std::uint64_t word = random();
      for (std::size_t i = 0; i < kPageSize; i += sizeof word)
        std::memcpy(&page[i], &word, sizeof word);
      break;
    }
    case PageKind::kText: {
      std::string text = std::to_string(seed);
      while (text.size() < kPageSize)
        text += "line " + std::to_string(random() % 100) + " of the text\n";
      std::memcpy(page.data(), text.data(), kPageSize);
      break;
    }
    case PageKind::kNumbers:
      for (std::size_t i = 0; i < kPageSize; i += 8) {
        const std::uint64_t number = seed % 1000 * 1000 + random() % 5000;
        std::memcpy(&page[i], &number, sizeof number);
      }
      break;
    case PageKind::kRandom:
      for (std::size_t i = 0; i < kPageSize; i += 8) {
        const std::uint64_t word = random();
        std::memcpy(&page[i], &word, sizeof word);
      }
      break;
  }
  return page;
}

}  // namespace gonzo::test
