// To which family an area's private pages belong. Linux: struct anon_vma, as far as it shows: it
// decides which areas may become one.
#pragma once

#include <cstdint>

namespace gonzo {

/// None while an area has no pages of its own. Made by the first of them; handed on by splits and
/// moves; a fork gives the child's areas new ones, which are marked.
class Lineage {
 public:
  enum class Origin : std::uint8_t { kFault, kFork };

  constexpr Lineage() = default;
  constexpr Lineage(std::uint64_t number, Origin origin)
      : value_(number << 1 | (origin == Origin::kFork ? 1 : 0)) {}
  static constexpr Lineage from_raw(std::uint64_t value) { return Lineage(value); }

  constexpr std::uint64_t raw() const { return value_; }
  constexpr bool is_none() const { return value_ == 0; }
  /// Its pages are shared with a parent (Linux: vma_is_fork_child).
  constexpr bool is_from_fork() const { return (value_ & 1) != 0; }
  constexpr bool operator==(const Lineage&) const = default;

 private:
  constexpr explicit Lineage(std::uint64_t value) : value_(value) {}

  std::uint64_t value_ = 0;
};

/// May two areas of these lineages be one? What came by fork joins its like only: the frames that
/// it shares are not for newcomers to be looked up among. (Linux: is_mergeable_anon_vma.)
constexpr bool can_join(Lineage a, Lineage b) {
  if (a == b) return true;
  if (!a.is_none() && !b.is_none()) return false;
  return !a.is_from_fork() && !b.is_from_fork();
}

}  // namespace gonzo
