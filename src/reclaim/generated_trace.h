// Traces of page uses with well-known shapes, the same for the same arguments on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace gonzo {

using Trace = std::vector<std::uint32_t>;

/// Page i is used in proportion to 1 / (i + 1)^exponent, pages of all ranks mixed.
Trace zipf_trace(std::uint32_t pages, std::size_t uses, double exponent, std::uint64_t seed);
/// 0, 1, ... pages - 1, 0, 1 ...
Trace loop_trace(std::uint32_t pages, std::size_t uses);
/// Uses of `hot` pages at random, between runs through `cold` others that are never used again soon
/// (a backup, a grep): `share` percent of the uses are hot.
Trace hot_and_scan_trace(std::uint32_t hot, std::uint32_t cold, std::size_t uses, unsigned share,
                         std::uint64_t seed);

}  // namespace gonzo
