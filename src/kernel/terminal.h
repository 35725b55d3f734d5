// Terminals that guests can have: the runner's own and the pseudo-terminals that they make.
#pragma once

#include <termios.h>

#include <span>
#include <string>
#include <vector>

#include "kernel/open_file.h"

namespace gonzo {

class ProcessTable;

/// The number of its device as TIOCGDEV and /proc/PID/stat tell it, of a pair the side that
/// programs see. 0: none.
using TerminalId = unsigned;

/// Of the terminal behind a descriptor, either side. 0: it is none.
TerminalId terminal_behind(int host_fd);
/// The side that a terminal emulator has.
bool is_terminal_master(int host_fd);
/// That controls the runner.
TerminalId controlling_terminal();
/// /dev/pts/N.
std::string terminal_path(TerminalId id);

/// Which signals the keys in `input` send, in their order, and whether the last one quotes what
/// comes next. Linux: n_tty_receive_char_special.
struct KeySignals {
  std::vector<int> signals;
  bool quotes_next = false;
};
KeySignals signals_of_keys(const termios& settings, std::span<const std::byte> input,
                           bool first_is_quoted);

/// The emulator's side of a pair that a guest has made. Whose session the other side controls is
/// told when it is closed: the host knows nothing of the guest's sessions.
class TerminalMaster final : public OpenFile {
 public:
  /// `processes` must outlive it.
  TerminalMaster(int host_fd, TerminalId id, ProcessTable& processes);
  ~TerminalMaster() override;

  TerminalMaster* terminal_master() override { return this; }
  /// What was written to it: the keys among that send their signals. `settings` are those before.
  void keys_pressed(const termios& settings, std::span<const std::byte> input)
      GONZO_EXCLUDES(keys_lock_);

 private:
  const TerminalId id_;
  ProcessTable& processes_;
  Mutex keys_lock_;
  bool next_is_quoted_ GONZO_GUARDED_BY(keys_lock_) = false;
};

}  // namespace gonzo
