// A call as text, in the manner of strace(1).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "syscall/call.h"

namespace gonzo {

/// Made when the call begins; what goes in is written down then, what comes out at its end. Reads
/// the guest's memory through the same path as the calls do.
class CallText {
 public:
  explicit CallText(Call& call);
  /// "name(arguments) = result".
  std::string finished(Call& call, std::int64_t result) const;
  /// "name(arguments" as far as they are known: for a call that does not return.
  std::string begun(const Call& call) const;

 private:
  std::array<std::string, 6> before_;
  std::size_t count_ = 0;
};

/// "-1 ENOENT (No such file or directory)", "3", "0x7f0000001000".
std::string result_text(const Call& call, std::int64_t result);
/// Quoted, escaped, with an ellipsis when `shown` is not all.
std::string quoted(std::string_view bytes, bool complete);

}  // namespace gonzo
