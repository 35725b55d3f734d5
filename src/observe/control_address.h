// Where a run that listens is found: an abstract socket with the runner's number in its name. It
// leaves nothing behind, whatever ends the runner; who may speak is decided by credentials.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <gonzo/base/file_descriptor.h>
#include <gonzo/base/result.h>

namespace gonzo {

struct ControlAddress {
  sockaddr_un name{};
  socklen_t length = 0;

  /// `runner`: a process number of the host's.
  static ControlAddress of(int runner);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

/// A stream socket that is closed on exec. What the host answers.
Result<FileDescriptor> make_control_socket();
/// Whether the other side is of the same user, or of root. EACCES: it is not; or what the host
/// answers.
Result<void> check_peer(int socket);

}  // namespace gonzo
