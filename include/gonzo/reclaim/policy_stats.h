// A reclaim policy's figures, by the names that /proc/vmstat gives them.
#pragma once

#include <cstdint>

#include <gonzo/base/function_ref.h>
#include <gonzo/reclaim/page_kind.h>

namespace gonzo {

/// One figure for each kind of page.
struct PerKind {
  std::uint64_t anon = 0, file = 0;

  std::uint64_t& operator[](PageKind kind) { return kind == PageKind::kFile ? file : anon; }
  std::uint64_t operator[](PageKind kind) const { return kind == PageKind::kFile ? file : anon; }
  std::uint64_t total() const { return anon + file; }
};

/// In pages. Policies without an active list count all listed pages as inactive. Not thread-safe:
/// a copy of what was true under the caller's lock.
struct PolicyStats {
  PerKind nr_inactive, nr_active, nr_isolated;
  PerKind pgscan;    ///< looked at with a view to eviction
  PerKind pgsteal;   ///< evicted
  PerKind pgrefill;  ///< looked at in the active list
  std::uint64_t pgactivate = 0, pgdeactivate = 0, pgrotated = 0;
  PerKind workingset_refault;   ///< came back with a shadow
  PerKind workingset_activate;  ///< of these, those soon enough to count as in use
  PerKind workingset_restore;   ///< of these, those that were in use when they left

  /// Name and value of each, in /proc/vmstat's order: "nr_inactive_anon", ... "pgscan_file" ...
  using Visitor = FunctionRef<void(const char*, std::uint64_t)>;
  void for_each(Visitor visit) const;
};

}  // namespace gonzo
