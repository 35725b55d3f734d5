#include "cli/curve/ladder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

#include <gonzo/base/address.h>
#include <gonzo/base/bytes.h>

namespace gonzo {
namespace {

constexpr std::array kDefaultShares{1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.1875, 0.125};
constexpr double kDefaultTo = 0.125;
constexpr unsigned kDefaultSteps = 9;

std::uint64_t whole_pages(double bytes) {
  return static_cast<std::uint64_t>(std::ceil(bytes / kPageSize)) * kPageSize;
}

}  // namespace

std::uint64_t MemorySize::of(std::uint64_t peak) const {
  return whole_pages(share != 0 ? share * static_cast<double>(peak) : static_cast<double>(bytes));
}

std::optional<MemorySize> parse_memory_size(std::string_view text) {
  constexpr double kMostPercent = 1000;
  if (text.ends_with('%')) {
    double percent = 0;
    text.remove_suffix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (error != std::errc{} || end != text.data() + text.size() || !(percent > 0) ||
        percent > kMostPercent) {
      return std::nullopt;
    }
    return MemorySize{.share = percent / 100};
  }
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes < kLeastCurveMemory || *bytes > std::uint64_t{1} << 40) return std::nullopt;
  return MemorySize{.bytes = *bytes};
}

std::vector<std::uint64_t> Ladder::rungs(std::uint64_t peak) const {
  std::vector<std::uint64_t> rungs;
  if (!sizes.empty()) {
    for (const MemorySize& size : sizes) rungs.push_back(size.of(peak));
  } else if (!from && !to && !steps) {
    for (const double share : kDefaultShares) rungs.push_back(MemorySize{.share = share}.of(peak));
  } else {
    const auto first = static_cast<double>(from.value_or(MemorySize{.share = 1}).of(peak));
    const auto last = static_cast<double>(to.value_or(MemorySize{.share = kDefaultTo}).of(peak));
    const unsigned count = steps.value_or(kDefaultSteps);
    for (unsigned i = 0; i < count; ++i) {
      const double part = count == 1 ? 0 : static_cast<double>(i) / (count - 1);
      rungs.push_back(whole_pages(first * std::pow(last / first, part)));
    }
  }
  std::ranges::sort(rungs, std::greater());
  const auto [first_again, end] = std::ranges::unique(rungs);
  rungs.erase(first_again, end);
  std::erase_if(rungs, [](std::uint64_t size) { return size < kLeastCurveMemory; });
  return rungs;
}

Knee find_knee(std::span<const Point> points, double full_speed, double within) {
  Knee knee{.within = within, .memory = {}, .too_small = {}};
  const auto is_quick = [&](const Point& point) {
    return point.outcome == Outcome::kSame && point.real().median <= full_speed * (1 + within);
  };
  for (const Point& point : points) {
    if (is_quick(point)) knee.memory = std::min(knee.memory.value_or(point.memory), point.memory);
  }
  if (!knee.memory) return knee;
  for (const Point& point : points) {
    if (point.memory >= *knee.memory) continue;
    knee.too_small = std::max(knee.too_small.value_or(0), point.memory);
  }
  return knee;
}

std::optional<std::uint64_t> next_size(const Knee& knee, double resolution) {
  if (!knee.memory || !knee.too_small || knee.resolution() <= resolution) return std::nullopt;
  const auto middle = static_cast<double>(*knee.memory + *knee.too_small) / 2;
  const std::uint64_t size = whole_pages(middle);
  if (size >= *knee.memory || size <= *knee.too_small) return std::nullopt;
  return size;
}

}  // namespace gonzo
