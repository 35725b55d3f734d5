#include "observe/control_message.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "observe/json.h"

namespace gonzo {
namespace {

/// Null where it is none.
Json parse_object(std::string_view line) {
  Json json = Json::parse(line, nullptr, false);
  return json.is_object() ? json : Json();
}

}  // namespace

std::string ControlRequest::to_line() const {
  Json list = Json::array();
  for (const VirtAddr address : addresses) list.push_back(address.value);
  return one_line({{"guest", guest},
                   {"addresses", list},
                   {"format", format == TextFormat::kJson ? "json" : "text"},
                   {"columns", columns}}) +
         "\n";
}

std::optional<ControlRequest> ControlRequest::parse(std::string_view line) {
  const Json json = parse_object(line);
  if (json.is_null()) return {};
  const Json guest = json.value("guest", Json()), addresses = json.value("addresses", Json());
  const Json format = json.value("format", Json()), columns = json.value("columns", Json());
  if (!guest.is_number_integer() || !addresses.is_array() || !columns.is_number_unsigned() ||
      (format != "text" && format != "json") || addresses.size() > kMostAddresses) {
    return {};
  }
  ControlRequest request{.guest = guest.get<int>(),
                         .addresses = {},
                         .format = format == "json" ? TextFormat::kJson : TextFormat::kText,
                         .columns = columns.get<std::size_t>()};
  for (const Json& address : addresses) {
    if (!address.is_number_unsigned()) return {};
    request.addresses.emplace_back(address.get<std::uint64_t>());
  }
  return request;
}

std::string ControlReply::to_line() const {
  return one_line({{"output", output}, {"error", error}}) + "\n";
}

std::optional<ControlReply> ControlReply::parse(std::string_view line) {
  const Json json = parse_object(line);
  if (json.is_null()) return {};
  const Json output = json.value("output", Json()), error = json.value("error", Json());
  if (!output.is_string() || !error.is_string()) return {};
  return ControlReply{.output = output.get<std::string>(), .error = error.get<std::string>()};
}

Result<std::string> receive_line(int socket, std::size_t most) {
  std::string line;
  std::array<char, 4096> buffer;
  while (line.size() <= most) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_from_host();
    if (got == 0) return fail(Errno::kPipe);
    const std::size_t searched = line.size();
    line.append(buffer.data(), static_cast<std::size_t>(got));
    if (const std::size_t end = line.find('\n', searched); end != std::string::npos) {
      line.resize(end);
      return line;
    }
  }
  return fail(Errno::kMsgSize);
}

Result<void> send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_from_host();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace gonzo
