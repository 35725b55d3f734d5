// What a subject shows after one operation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oracle/operation.h"
#include <gonzo/base/function_ref.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo::oracle {

/// A result of a call that returns an address outside the region: where is the subject's own
/// affair.
inline constexpr std::int64_t kElsewhere = 1;

/// In pages (VmSize, VmData, VmStk, VmExe and VmLib, VmLck).
struct Counts {
  std::uint64_t total = 0, data = 0, stack = 0, exec = 0, locked = 0;

  Counts operator-(const Counts& other) const;
  /// Without spaces.
  std::string text() const;
};

struct Observation {
  std::int64_t result = 0;  ///< the call's result, the byte read, or -errno
  int signal = 0;           ///< SIGSEGV or SIGBUS, with its si_code and the faulting address
  int signal_code = 0;
  std::uint64_t signal_address = 0;
  std::string
      residency;  ///< mincore of each page of the region: '1', '0', or '-' where nothing is mapped
  std::string counts;  ///< Counts of the region
  std::string maps;    ///< the maps lines of the region, device, inode and name made comparable,
                       ///< then what a child saw

  bool operator==(const Observation&) const = default;
};

std::string describe(const Observation& observation);
/// What a child that was just forked sees in itself: `seen` before it touches anything, then each
/// page read, and some written, by `access`.
std::string child_text(const Operation& fork, const Observation& seen,
                       FunctionRef<Observation(const Operation&)> access);
/// Keeps the lines of the region; "inode" and "name" become one word that says what backs the area.
std::string region_of_maps(const std::string& maps);

/// Each runs the sequence in a fresh address space.
std::vector<Observation> run_on_live_kernel(const std::vector<Operation>& operations);
std::vector<Observation> run_on_gonzo(const std::vector<Operation>& operations, VmaIndexKind index);

}  // namespace gonzo::oracle
