// What a started program inherits over execve from whoever started the runner.
#pragma once

#include <vector>

#include "kernel/open_file.h"
#include "kernel/resource_limit.h"
#include "kernel/signal_info.h"
#include <gonzo/base/result.h>

namespace gonzo {

struct Inheritance {
  struct Descriptor {
    int number;  ///< the guest's
    OpenFileRef file;
  };
  std::vector<Descriptor> descriptors;
  ResourceLimits limits = kDefaultLimits;
  SignalSet ignored_signals = 0;  ///< nohup
  SignalSet blocked_signals = 0;
  int oom_adjustment = 0;  ///< oom_score_adj

  /// Takes the runner's own: every descriptor that exec left open moves to a high host number
  /// (standard input and output become /dev/null for the runner, standard error stays for its
  /// messages), then the runner's soft limit of descriptors is raised to the hard one. Call once,
  /// first thing, before anything else opens a descriptor. EMFILE.
  static Result<Inheritance> take_from_host();
};

}  // namespace gonzo
