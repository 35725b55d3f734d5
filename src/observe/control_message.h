// What gonzo explain asks a run, and what that answers: one JSON object in a line each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>

namespace gonzo {

enum class TextFormat : std::uint8_t { kText, kJson };

struct ControlRequest {
  static constexpr std::size_t kMostAddresses = 1000;

  int guest = 1;  ///< the guest's process
  std::vector<VirtAddr> addresses;
  TextFormat format = TextFormat::kText;
  std::size_t columns = 80;  ///< of text

  /// With its newline.
  std::string to_line() const;
  /// None: not a request, or of more than kMostAddresses.
  static std::optional<ControlRequest> parse(std::string_view line);
};

struct ControlReply {
  std::string output;  ///< as it is to be printed
  std::string error;   ///< empty: there is none

  std::string to_line() const;
  static std::optional<ControlReply> parse(std::string_view line);
};

/// Up to the first newline, which is left out. EMSGSIZE: more than `most` bytes without one; EPIPE:
/// the other side ended before it; or what the host answers.
Result<std::string> receive_line(int socket, std::size_t most);
/// All of it; no SIGPIPE. What the host answers.
Result<void> send_all(int socket, std::string_view bytes);

}  // namespace gonzo
