#include "observe/control_address.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace gonzo {

ControlAddress ControlAddress::of(int runner) {
  ControlAddress address;
  address.name.sun_family = AF_UNIX;
  const std::string name = fmt::format("gonzo/run/{}", runner);
  // A zero byte before it: no file.
  std::memcpy(&address.name.sun_path[1], name.data(), name.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Result<FileDescriptor> make_control_socket() {
  FileDescriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return fail_from_host();
  return made;
}

Result<void> check_peer(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail_from_host();
  if (peer.uid != ::geteuid() && peer.uid != 0) return fail(Errno::kAcces);
  return {};
}

}  // namespace gonzo
