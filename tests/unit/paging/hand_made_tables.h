// One path through page tables, written byte by byte from the manual's figures.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <ostream>

#include "unit/paging/arena.h"
#include <gonzo/paging/software_mmu.h>

namespace gonzo::test {

/// An address and its index at each level (index[1] is the PTE's).
struct PathFacts {
  PagingFormat format;
  const char* name;
  unsigned levels;
  unsigned entry_bytes;
  std::uint64_t address;
  std::array<unsigned, 6> index;

  friend std::ostream& operator<<(std::ostream& out, const PathFacts& facts) {
    return out << facts.name;
  }
};

inline constexpr PathFacts kPaths[] = {
    {PagingFormat::kClassic32, "Classic32", 2, 4, 0x00c0'4abc, {0, 4, 3}},
    {PagingFormat::kPae, "Pae", 3, 8, 0x8060'4abc, {0, 4, 3, 2}},
    {PagingFormat::kFourLevel, "FourLevel", 4, 8, 0x0000'0080'8060'4abc, {0, 4, 3, 2, 1}},
    {PagingFormat::kFiveLevel, "FiveLevel", 5, 8, 0x0005'0080'8060'4abc, {0, 4, 3, 2, 1, 5}},
};

class HandMadeTables {
 public:
  explicit HandMadeTables(const PathFacts& facts) : facts_(facts) {
    for (unsigned level = 1; level <= facts.levels; ++level) {
      tables_[level] = arena_.allocate(FrameState::kPageTable);
    }
  }
  ~HandMadeTables() {
    for (unsigned level = 1; level <= facts_.levels; ++level) arena_.frames().put(tables_[level]);
  }
  HandMadeTables(const HandMadeTables&) = delete;
  HandMadeTables& operator=(const HandMadeTables&) = delete;

  /// The path's entry at a level, whatever it says.
  void write(unsigned level, std::uint64_t raw) {
    std::memcpy(slot(level), &raw, facts_.entry_bytes);
  }
  std::uint64_t read(unsigned level) {
    std::uint64_t raw = 0;
    std::memcpy(&raw, slot(level), facts_.entry_bytes);
    return raw;
  }
  /// An entry that leads on to the next table.
  void link(unsigned level, std::uint64_t flags) {
    write(level, tables_[level - 1].address().value | flags);
  }
  /// PAE's root entry has no other flag.
  std::uint64_t full_rights(unsigned level) const { return is_bare(level) ? 1 : 7; }
  bool is_bare(unsigned level) const { return facts_.format == PagingFormat::kPae && level == 3; }
  /// All rights above a 4 KiB page (leaf_level 1) or a large one.
  void link_all(unsigned leaf_level = 1) {
    for (unsigned level = facts_.levels; level > leaf_level; --level) {
      link(level, full_rights(level));
    }
  }

  std::expected<Translation, MmuFault> walk(Access access = Access::kRead,
                                            Privilege privilege = Privilege::kUser,
                                            const WalkControls& controls = {}) {
    return walk_at(facts_.address, access, privilege, controls);
  }
  std::expected<Translation, MmuFault> walk_at(std::uint64_t address, Access access,
                                               Privilege privilege,
                                               const WalkControls& controls = {}) {
    return gonzo::walk(arena_.frames(), facts_.format, tables_[facts_.levels], VirtAddr(address),
                       access, privilege, controls);
  }
  EntryRef entry(unsigned level) {
    return EntryRef(slot(level), facts_.entry_bytes == 4 ? EntryWidth::kNarrow : EntryWidth::kWide);
  }
  Pfn table(unsigned level) const { return tables_[level]; }
  Arena& arena() { return arena_; }

 private:
  std::byte* slot(unsigned level) {
    return arena_.frames().address(tables_[level]) + facts_.index[level] * facts_.entry_bytes;
  }

  PathFacts facts_;
  Arena arena_;
  std::array<Pfn, 6> tables_;
};

/// The error code of a page fault; ~0 for none, ~1 for another exception.
inline std::uint32_t fault_of(const std::expected<Translation, MmuFault>& result) {
  if (result) return ~0U;
  return result.error().vector == MmuFault::Vector::kPageFault ? result.error().error_code : ~1U;
}

}  // namespace gonzo::test
