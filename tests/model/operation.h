// One step of a random life of an address space, small enough to shrink and to read from fuzz
// bytes.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

namespace gonzo::model {

enum class Action : std::uint8_t {
  kMap,    ///< MAP_FIXED
  kPlace,  ///< with a hint that may be taken, or none
  kUnmap,
  kProtect,
  kMove,    ///< mremap to a fixed place
  kResize,  ///< mremap that may move
  kDontNeed,
  kGuard,  ///< MADV_GUARD_INSTALL
  kUnguard,
  kLock,
  kUnlock,
  kRead,
  kWrite,
  kTruncate,  ///< the object
  kFork,      ///< the child takes the place of the one before it
  kSwitch,    ///< the other process goes on
  kExit,      ///< of the process that does not run
};
inline constexpr unsigned kActions = 17;

/// What is mapped. The order is that of `variety`.
enum class Backing : std::uint8_t { kAnonymous, kSharedAnonymous, kPrivateFile, kSharedFile };
inline constexpr unsigned kBackings = 4;

inline constexpr unsigned kWindowPages = 64;  ///< where fixed mappings lie
inline constexpr unsigned kMaxPages = 20;
inline constexpr unsigned kObjects = 2;  ///< a file and a memfd
inline constexpr unsigned kObjectPages = 24;

/// Every combination of values means something: numbers are taken modulo their range.
struct Operation {
  Action action = Action::kMap;
  Backing backing = Backing::kAnonymous;
  std::uint8_t page = 0;  ///< in the window, or 0 to 7: nth page of what was placed last
  std::uint8_t pages = 1;
  std::uint8_t protection = 3;  ///< PROT_*
  std::uint8_t object = 0;
  std::uint8_t offset = 0;  ///< in the object, or of the target; in pages
  std::uint8_t value = 0;

  bool operator==(const Operation&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Operation& operation);

/// Eight bytes each; the rest is left out.
std::vector<Operation> operations_from(std::span<const std::uint8_t> bytes);

}  // namespace gonzo::model
