// Runs of pages against a plain map.
#include "windows/page_runs.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace gonzo::windows {
namespace {

TEST(PageRunsTest, AgreesWithAMap) {
  constexpr std::uint64_t kPages = 40;
  std::mt19937 random(7);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  PageRuns runs;
  std::map<std::uint64_t, std::uint32_t> expected;
  for (int step = 0; step < 3000; ++step) {
    const std::uint64_t first = below(kPages), end = first + below(kPages - first + 1);
    const auto value = static_cast<std::uint32_t>(below(3));
    const bool sets = below(3) != 0;
    if (sets) {
      runs.set(first, end, value);
    } else {
      runs.erase(first, end);
    }
    for (std::uint64_t page = first; page < end; ++page) {
      expected.erase(page);
      if (sets) expected[page] = value;
    }
    const auto value_at = [&](std::uint64_t page) {
      const auto found = expected.find(page);
      return found == expected.end() ? std::nullopt : std::optional(found->second);
    };
    const std::uint64_t from = below(kPages);
    const PageRuns::Part part = runs.part_at(from, kPages);
    ASSERT_EQ(part.value, value_at(from)) << step;
    for (std::uint64_t page = from; page < part.end; ++page) {
      ASSERT_EQ(value_at(page), part.value) << step;
    }
    if (part.end < kPages) {
      ASSERT_NE(value_at(part.end), part.value) << step;
    }
    ASSERT_EQ(runs.count(0, kPages), expected.size());
  }
}

}  // namespace
}  // namespace gonzo::windows
