#include "machine/host/host_pagemap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace gonzo {
namespace {

constexpr std::uint64_t kPresent = 1ULL << 63;  // PM_PRESENT
constexpr std::uint64_t kMostAtOnce = 64;       // pages that are near each other, in one call

}  // namespace

HostPagemap::HostPagemap(pid_t process)
    : file_(::open(fmt::format("/proc/{}/pagemap", process).c_str(), O_RDONLY | O_CLOEXEC)) {}

void HostPagemap::for_each_present(std::span<const VirtAddr> pages,
                                   FunctionRef<void(VirtAddr)> visit) const {
  std::array<std::uint64_t, kMostAtOnce> entries;
  while (!pages.empty()) {
    const VirtAddr first = pages.front();
    const auto end = std::ranges::find_if_not(pages, [&](VirtAddr page) {
      return page >= first && page - first < kMostAtOnce * kPageSize;
    });
    const auto near = pages.first(static_cast<std::size_t>(end - pages.begin()));
    const VirtAddr last = *std::ranges::max_element(near);
    const std::size_t bytes = ((last - first) / kPageSize + 1) * sizeof entries[0];
    const auto offset = static_cast<off_t>(first.page_number() * sizeof entries[0]);
    const ssize_t got = ::pread(file_.get(), entries.data(), bytes, offset);
    if (got != static_cast<ssize_t>(bytes)) return;
    for (const VirtAddr page : near) {
      if ((entries[(page - first) / kPageSize] & kPresent) != 0) visit(page);
    }
    pages = pages.subspan(near.size());
  }
}

}  // namespace gonzo
