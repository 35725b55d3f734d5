// The machine that runs guests on the host's own processor, in host processes.
// docs/machine-host.md tells how it works.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include <gonzo/base/result.h>
#include <gonzo/machine/arena.h>
#include <gonzo/machine/machine.h>

namespace gonzo {

struct HostMachineOptions {
  /// Host mappings that one guest may use before its shadow is dropped; 0: what the host allows
  /// (vm.max_map_count), less a margin.
  std::size_t mapping_limit = 0;
  /// A guest's process that leaves a request unanswered for so long is ended: it has blocked the
  /// signal that interrupts it, or spoilt what it shares with the runner. Far more than a loaded
  /// host takes.
  std::chrono::milliseconds patience{20'000};
  /// MachineThread::run() may return with its caller bound to one processor while it is faster to
  /// stay there with the guest. Who allows it calls unbind_from_processor() before it starts
  /// threads or asks for its own affinity (gonzo/base/processor_binding.h). Else it is bound only
  /// while the guest runs.
  bool may_leave_caller_bound = false;
};

/// One host process per MachineSpace; frame numbers of the page tables are pages of `arena`, which
/// outlives the machine. Needs Linux 5.10 or later on x86-64, no privilege. The machine and its
/// processes live until it is destroyed or the calling process dies. Its functions may be called
/// from any thread.
///
/// EAGAIN, ENOMEM, EMFILE: the host refused memory or a process. EOPNOTSUPP: a signal frame of this
/// processor does not fit into a context slot. ESRCH: the host lets no process install the seccomp
/// filter. EFBIG: RLIMIT_FSIZE is less than 256 MiB.
Result<std::unique_ptr<Machine>> create_host_machine(const Arena& arena,
                                                     const HostMachineOptions& options = {});

}  // namespace gonzo
