// What is remembered of a page while it is out of memory.
#pragma once

#include <cstdint>

namespace gonzo {

/// What a policy wants to know of a page when its contents come back (Linux: a shadow entry). It is
/// kept where the contents are: with the swap slot, in the file's page index; and passed to added()
/// once. Zero, which fresh tables hold, is "none". The two highest bits are never set.
struct Shadow {
  std::uint64_t word = 0;

  constexpr bool is_none() const { return word == 0; }
  constexpr bool operator==(const Shadow&) const = default;
};

}  // namespace gonzo
