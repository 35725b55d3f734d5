// From logical to linear addresses: what a thread's segment registers say. Intel SDM vol. 3A, 3.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/task.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

struct Segment {
  std::string_view name;  ///< "cs" ...
  std::uint16_t selector = 0;
  std::uint64_t descriptor = 0;  ///< as the processor read it; 0: none was, as for a null selector
  std::uint64_t base = 0;        ///< added to an offset gives the linear address
  std::uint64_t limit = 0;       ///< the last offset; all ones where none is checked

  bool is_usable() const { return limit != 0; }
  /// Offsets are linear addresses.
  bool is_flat() const { return is_usable() && base == 0; }
  /// Of a linear address, if it is one.
  std::optional<std::uint64_t> offset_of(std::uint64_t linear) const;
};

/// cs, ss, ds, es, fs, gs. In 64-bit code the processor takes all but fs and gs for flat, whatever
/// their descriptors say (SDM vol. 3A, 3.4.4).
std::vector<Segment> segments_of(const CpuRegisters& registers);

/// The same of a program's thread whose registers are not at hand, but for these.
std::vector<Segment> segments_of(PagingFormat format, const ThreadSegments& thread);

/// Those that all threads of such programs have: without fs and gs, which are each thread's own.
std::vector<Segment> flat_segments(PagingFormat format);

/// "data, read/write, 32-bit, ring 3": the access rights of a descriptor.
std::string descriptor_text(std::uint64_t descriptor);

}  // namespace gonzo
