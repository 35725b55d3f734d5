// What a guest's host process maps right now: the record of the shadow, kept by the runner.
#pragma once

#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>

namespace gonzo {

/// Host protections of a shadow page: PROT_READ, with or without PROT_WRITE and PROT_EXEC.
using ShadowProtection = std::uint16_t;

/// Pages mapped with one protection onto consecutive frames: one mapping of the host.
struct ShadowRun {
  VirtAddr start;
  VirtAddr end;
  Pfn frame;
  ShadowProtection protection = 0;

  AddressRange range() const { return {start, end}; }
  Pfn frame_at(VirtAddr address) const { return frame + (address - start) / kPageSize; }
};

/// Merges neighbours exactly as the host kernel merges file mappings, so that size() is the number
/// of mappings that count against vm.max_map_count. Nodes come from a pool: no heap call in the
/// steady state. Not thread-safe.
class ShadowMap {
 public:
  ShadowMap() : runs_(&pool_) {}

  std::size_t size() const { return runs_.size(); }

  /// The run that holds `address`.
  std::optional<ShadowRun> find(VirtAddr address) const;
  /// The part of the first run in `range` that lies there.
  std::optional<ShadowRun> first(AddressRange range) const;
  /// Replaces what `run` overlaps.
  void insert(const ShadowRun& run);
  /// Forgets the range. The hull of what was there: unmapping it is enough; empty when nothing was.
  AddressRange erase(AddressRange range);
  /// Calls for the part of each run that lies in `range`, in order, until false.
  void for_each(AddressRange range, FunctionRef<bool(const ShadowRun&)> visit) const;
  void clear() { runs_.clear(); }

 private:
  struct Tail {  // a run but for its start, which is the key
    VirtAddr end;
    Pfn frame;
    ShadowProtection protection;
  };
  using Runs = std::pmr::map<VirtAddr, Tail>;

  static ShadowRun run_of(Runs::const_iterator it) {
    return {it->first, it->second.end, it->second.frame, it->second.protection};
  }
  /// The first run that ends after `address`.
  Runs::const_iterator first_after(VirtAddr address) const;
  static bool joins(const ShadowRun& a, const ShadowRun& b);

  std::pmr::unsynchronized_pool_resource pool_;
  Runs runs_;
};

}  // namespace gonzo
