// What users are told of swap space. Linux: swap_show (mm/swapfile.c), si_swapinfo.
#include <fmt/format.h>

#include "swap/swap_area.h"
#include <gonzo/swap/swap_space.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kKiBPerPage = kPageSize / 1024;

/// As Linux's seq_file_path(" \t\n\\").
std::string escaped(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      out += fmt::format("\\{:03o}", c);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::vector<SwapSpace::Area> SwapSpace::areas() const {
  LockGuard change(change_lock_);
  std::vector<Area> all;
  for (const SwapArea* area : all_areas()) {
    const SwapDevice& device = area->device();
    all.push_back({area->type(), device.name(), std::string(device.kind()), area->priority(),
                   area->slots(), area->used(), device.stats()});
  }
  return all;
}

SwapSpace::Totals SwapSpace::totals() const {
  LockGuard change(change_lock_);
  const Usage now = usage();
  Totals sum{.slots = now.slots, .free = now.slots - now.used};
  for (const SwapArea* area : all_areas()) sum.cached += area->cached();
  sum.read = read_.load(std::memory_order_relaxed);
  sum.written = written_.load(std::memory_order_relaxed);
  sum.read_ahead = read_ahead_.load(std::memory_order_relaxed);
  sum.hits = hits_.load(std::memory_order_relaxed);
  return sum;
}

std::string SwapSpace::swaps_text() const {
  std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  for (const Area& area : areas()) {
    const std::string name = escaped(area.name);
    const std::uint64_t size = area.slots * kKiBPerPage, used = area.used * kKiBPerPage;
    // Linux pads the name to 40 columns, and short numbers with one more tab.
    const std::size_t padding = name.size() < 40 ? 40 - name.size() : 1;
    text += fmt::format("{}{:{}}{}\t{}\t{}{}\t{}{}\n", name, "", padding,
                        area.kind == "file" ? "file\t" : "partition", size,
                        size < 10'000'000 ? "\t" : "", used, used < 10'000'000 ? "\t" : "",
                        area.priority);
  }
  return text;
}

}  // namespace gonzo
