// All of memory at one moment: a process's segments, what frames are used for and where, and who
// shares them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/machine_memory.h"
#include "kernel/process.h"
#include "observe/frame_map.h"
#include <gonzo/mm/area_report.h>

namespace gonzo {

/// Bytes. What is neither present nor swapped was never touched, or has gone back to its file.
struct PartUsage {
  std::uint64_t size = 0, present = 0, swapped = 0;
  unsigned areas = 0;

  std::uint64_t absent() const { return size - present - swapped; }
  void add(const AreaReport& area);
};

/// A part of a process's memory as textbooks draw it: text, data, bss, heap, mmap, stack.
struct MemoryPart {
  enum class Kind : std::uint8_t { kText, kData, kBss, kHeap, kMmap, kStack };
  /// Areas of one file, or of one kind.
  struct Member {
    std::string name;
    PartUsage usage;
  };

  Kind kind = Kind::kMmap;
  AddressRange range;  ///< of the lowest to the highest of its areas
  PartUsage usage;
  std::vector<Member> members;  ///< kMmap: by what they map, the highest first
};
/// "text" ...
std::string_view part_name(MemoryPart::Kind kind);

/// The parts of a process, top to bottom: areas that follow each other and are of one kind make
/// one. `areas` in order, cut where the heap begins.
std::vector<MemoryPart> memory_parts(const std::vector<AreaReport>& areas,
                                     const SegmentBounds& bounds);

/// Pages of an area that others map as well.
struct SharedArea {
  int process = 0;
  std::string program;
  AreaReport area;

  std::uint64_t bytes() const { return area.usage.shared_clean + area.usage.shared_dirty; }
};

struct MemoryReport {
  int process = 0;
  std::string program;
  PagingFormat format = PagingFormat::kFourLevel;
  VirtAddr user_end;
  AddressSpaceCounts counts;
  std::vector<MemoryPart> parts;
  MachineMemory machine;
  FrameMap map;
  std::vector<SharedArea> shared;  ///< of all processes

  /// Takes the locks of address spaces: the caller holds none. Thread-safe.
  static MemoryReport of(Process& process);
};

/// In lines of `width` columns, 60 at least.
std::string memory_report_text(const MemoryReport& report, std::size_t width);
/// One line, without its end.
std::string memory_report_json(const MemoryReport& report);

}  // namespace gonzo
