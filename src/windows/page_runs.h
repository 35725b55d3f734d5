// A value for each of some pages, kept as runs of pages with the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace gonzo::windows {

/// Pages are numbers. Neighbouring runs differ. Not thread-safe.
class PageRuns {
 public:
  /// Pages that are alike, up to `end`; without a value, they have none.
  struct Part {
    std::uint64_t end;
    std::optional<std::uint32_t> value;
  };
  /// What `first` is, and how far those after it are the same, up to `limit`.
  Part part_at(std::uint64_t first, std::uint64_t limit) const;
  /// Of [first, end), how many have a value.
  std::uint64_t count(std::uint64_t first, std::uint64_t end) const;

  void set(std::uint64_t first, std::uint64_t end, std::uint32_t value);
  void erase(std::uint64_t first, std::uint64_t end);

 private:
  struct Run {
    std::uint64_t end;
    std::uint32_t value;
  };
  void cut(std::uint64_t page);

  std::map<std::uint64_t, Run> runs_;  ///< by their first pages
};

}  // namespace gonzo::windows
