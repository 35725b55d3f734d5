// What a step came to, comparable between the model and the real thing.
#pragma once

#include <cstdint>
#include <ostream>

namespace gonzo::model {

enum class Ending : std::uint8_t {
  kDone,       ///< `value`: an address or a byte
  kError,      ///< `value`: an errno
  kNoMapping,  ///< SIGSEGV, SEGV_MAPERR
  kNoAccess,   ///< SIGSEGV, SEGV_ACCERR
  kBusError,
  kNoMemory,  ///< a fault found no frame
  kSkipped,   ///< the step makes no sense here
};

struct Outcome {
  Ending ending = Ending::kDone;
  std::uint64_t value = 0;

  static Outcome error(int number) { return {Ending::kError, static_cast<std::uint64_t>(number)}; }
  bool operator==(const Outcome&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << "ending " << static_cast<int>(outcome.ending) << ", value 0x" << std::hex
             << outcome.value << std::dec;
}

}  // namespace gonzo::model
