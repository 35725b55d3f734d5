// Everything between an address of a program and the byte of memory behind it, or the reason why
// there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/segments.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/mm/page_mapping.h>
#include <gonzo/mm/page_report.h>
#include <gonzo/swap/swap_slot.h>

namespace gonzo {

/// What is behind an address.
enum class Residence : std::uint8_t {
  kPresent,       ///< a frame
  kZeroPage,      ///< the frame of zeros that all share
  kProtNone,      ///< a frame that no access may reach
  kSwapped,       ///< its contents are in swap
  kGuard,         ///< nothing, and any access is a fault: MADV_GUARD_INSTALL
  kNeverTouched,  ///< nothing yet; the first access brings it
  kNotMappedYet,  ///< the same, and what it will bring is in memory already
  kBeyondEnd,     ///< nothing ever: past the end of what the area maps
  kNoArea,        ///< nothing: no area is there
  kKernelHalf,    ///< the kernel's, which no program may touch
  kNoAddress,     ///< the processor knows no such address
};
/// "present", "never touched" ...
std::string_view residence_name(Residence residence);

struct SwapPlace {
  SwapSlot slot;
  std::string device, kind;   ///< "/dev/zram0", "partition"; empty: it has gone
  std::uint32_t entries = 0;  ///< that name the slot
  bool is_cached = false;     ///< its page is in memory as well
};

/// The fault that somebody died of.
struct FaultFacts {
  int signal = 0;
  std::string signal_name;
  std::optional<std::uint32_t> error_code;  ///< a page fault's, see fault_code
  std::string reason;                       ///< if the area forbids it; else the page's says all
};

struct Explanation {
  static constexpr std::size_t kMostMappings = 16;

  int process = 0;
  std::string program;
  std::optional<FaultFacts> fault;
  /// Of the thread; without fs and gs where its registers are not to be had, for it runs.
  std::vector<Segment> segments;
  PageReport page;
  Residence residence = Residence::kNoArea;
  std::string reason;                 ///< a sentence: why it is so, and what an access would do
  std::vector<PageMapping> mappings;  ///< of the frame: kMostMappings at most
  /// Where the reclaim policy has the page, in its words; empty: it may not leave.
  std::string policy, policy_place;
  std::optional<SwapPlace> swap;

  VirtAddr address() const { return page.address; }
};

/// "a read", "a write", "an instruction fetch": by a page fault's error code.
std::string_view access_name(std::uint32_t error_code);
/// Whether the area forbids such an access, in words; empty: it does not.
std::string denial_text(const AreaReport& area, std::uint32_t error_code);

/// All but what is said of process and thread. Changes nothing in `space`. Takes the locks of
/// address spaces: the caller holds none. Thread-safe.
Explanation explain(AddressSpace& space, VirtAddr address);

/// At most `width` columns, 60 or more; every line ends with a newline.
std::string explanation_text(const Explanation& explanation, std::size_t width);
/// An object in one line, without a newline. Addresses and entries are strings in hexadecimal.
std::string explanation_json(const Explanation& explanation);

}  // namespace gonzo
