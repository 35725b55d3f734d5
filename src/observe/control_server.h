// The thread that answers gonzo explain.
#pragma once

#include <memory>

#include "kernel/kernel_thread.h"
#include "kernel/system.h"
#include "observe/control_message.h"
#include <gonzo/base/file_descriptor.h>

namespace gonzo {

/// What a run answers to a request. Takes the locks of processes and address spaces: the caller
/// holds none. Thread-safe.
ControlReply answer_request(System& system, const ControlRequest& request);

/// Listens as long as it lives, to the same user and to root; one request at a time. Guests notice
/// nothing but that an address space's lock may be held for a moment.
class ControlServer final : private KernelThread {
 public:
  /// Under the number of the calling process. `system` outlives it. EADDRINUSE: somebody has the
  /// name already; or what the host answers.
  static Result<std::unique_ptr<ControlServer>> listen(System& system);
  ~ControlServer();

 private:
  ControlServer(System& system, FileDescriptor listener, FileDescriptor wake)
      : system_(system), listener_(std::move(listener)), wake_(std::move(wake)) {}
  void begin() GONZO_EXCLUDES(lock_);
  void serve() override GONZO_EXCLUDES(lock_);
  /// False: it is time to stop.
  bool wait_for_client() const;
  void attend(int client);

  System& system_;
  const FileDescriptor listener_;
  const FileDescriptor wake_;  ///< an eventfd: written when the thread is to stop
};

}  // namespace gonzo
