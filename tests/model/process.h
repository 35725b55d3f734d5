// A real address space and a processor's view of it: translations are kept until they are taken
// back, so a forgotten invalidation shows as a wrong byte.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "model/outcome.h"
#include <gonzo/mm/address_space.h>

namespace gonzo::model {

class Tlb final : public TranslationCache {
 public:
  struct Line {
    PhysAddr page;
    bool writable;  ///< and dirty: writes need no walk
  };
  void invalidate(AddressRange range, Stricter what) override;
  const Line* find(VirtAddr page) const;
  void insert(VirtAddr page, const Line& line) { lines_[page] = line; }

 private:
  std::map<VirtAddr, Line> lines_;
};

class Process {
 public:
  /// The first one.
  Process(MemoryManager& manager, const AddressSpace::Config& config);
  /// Null: no memory for it.
  std::unique_ptr<Process> fork();

  AddressSpace& space() { return *space_; }
  Outcome read(VirtAddr address);
  Outcome write(VirtAddr address, std::uint8_t value);

 private:
  Process() = default;
  /// The byte, or null and why not.
  std::byte* access(VirtAddr address, Access how, Outcome& refused);

  Tlb tlb_;
  std::unique_ptr<AddressSpace> space_;
};

}  // namespace gonzo::model
