// The same random sequence on the live kernel and on Gonzo: every result, byte, signal, residency
// and maps line agrees.
//   GONZO_ORACLE_OPS=N    operations in all (default 100,000)
//   GONZO_ORACLE_SEED=N   first seed (default 1)
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "oracle/observation.h"

namespace gonzo::oracle {
namespace {

constexpr std::size_t kOperationsASeed = 400;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

struct Disagreement {
  std::size_t at;
  Observation kernel, gonzo;
};

/// They take turns.
VmaIndexKind index_for(std::uint64_t seed) {
  return kVmaIndexKinds[seed % std::size(kVmaIndexKinds)];
}

std::optional<Disagreement> first_disagreement(const std::vector<Operation>& operations,
                                               VmaIndexKind index) {
  const std::vector<Observation> kernel = run_on_live_kernel(operations);
  const std::vector<Observation> gonzo = run_on_gonzo(operations, index);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (i >= kernel.size()) {
      Observation died;
      died.maps = "  the live kernel's process died\n";
      return Disagreement{i, died, gonzo[i]};
    }
    if (kernel[i] != gonzo[i]) return Disagreement{i, kernel[i], gonzo[i]};
  }
  return {};
}

/// Leaves operations out for as long as the rest still disagrees.
std::vector<Operation> shrink(std::vector<Operation> operations, VmaIndexKind index) {
  for (std::size_t chunk = operations.size() / 2; chunk > 0; chunk /= 2) {
    for (std::size_t start = 0; start + chunk <= operations.size();) {
      std::vector<Operation> fewer = operations;
      const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(start);
      fewer.erase(from, from + static_cast<std::ptrdiff_t>(chunk));
      if (const auto found = first_disagreement(fewer, index)) {
        fewer.resize(found->at + 1);
        operations = std::move(fewer);
      } else {
        start += chunk;
      }
    }
  }
  return operations;
}

std::string report(std::uint64_t seed, std::vector<Operation> operations, std::size_t at) {
  operations.resize(at + 1);
  const VmaIndexKind index = index_for(seed);
  operations = shrink(std::move(operations), index);
  std::string text = fmt::format("seed {}: the live kernel and Gonzo disagree after\n", seed);
  for (const Operation& op : operations) text += "  " + describe(op) + "\n";
  if (const auto found = first_disagreement(operations, index)) {
    text += "kernel:\n" + describe(found->kernel) + "gonzo:\n" + describe(found->gonzo);
  }
  return text;
}

TEST(Oracle, TheLiveKernelAndGonzoAgree) {
  const std::uint64_t total = setting("GONZO_ORACLE_OPS", 100000);
  const std::uint64_t first_seed = setting("GONZO_ORACLE_SEED", 1);
  for (std::uint64_t done = 0; done < total; done += kOperationsASeed) {
    const std::uint64_t seed = first_seed + done / kOperationsASeed;
    const auto operations = random_operations(seed, kOperationsASeed);
    if (const auto found = first_disagreement(operations, index_for(seed))) {
      FAIL() << report(seed, operations, found->at);
    }
  }
}

}  // namespace
}  // namespace gonzo::oracle
