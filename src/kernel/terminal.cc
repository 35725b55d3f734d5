#include "kernel/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include "kernel/process_table.h"

namespace gonzo {
namespace {

/// How the kernel packs a device's number into 32 bits (new_encode_dev).
unsigned minor_of(TerminalId id) {
  constexpr unsigned kLow = 0xff, kHigh = 0xfff00, kHighShift = 12;
  return (id & kLow) | (id >> kHighShift & kHigh);
}

bool is_key(const termios& settings, int which, unsigned char key) {
  const cc_t character = settings.c_cc[which];
  return character != _POSIX_VDISABLE && character == key;
}

/// 0: none.
int signal_of_key(const termios& settings, unsigned char key) {
  if (is_key(settings, VINTR, key)) return SIGINT;
  if (is_key(settings, VQUIT, key)) return SIGQUIT;
  return is_key(settings, VSUSP, key) ? SIGTSTP : 0;
}

}  // namespace

TerminalId terminal_behind(int host_fd) {
  unsigned number = 0;
  return ioctl(host_fd, TIOCGDEV, &number) == 0 ? number : 0;
}

bool is_terminal_master(int host_fd) {
  constexpr unsigned kMajor = 5, kMinor = 2;  // TTYAUX_MAJOR, ptmx
  struct stat status;
  return fstat(host_fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(kMajor, kMinor);
}

TerminalId controlling_terminal() {
  const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (terminal < 0) return 0;
  const TerminalId id = terminal_behind(terminal);
  ::close(terminal);
  return id;
}

std::string terminal_path(TerminalId id) { return fmt::format("/dev/pts/{}", minor_of(id)); }

KeySignals signals_of_keys(const termios& settings, std::span<const std::byte> input,
                           bool first_is_quoted) {
  constexpr unsigned char kSevenBits = 0x7f;
  KeySignals result;
  result.quotes_next = first_is_quoted;
  const tcflag_t local = settings.c_lflag;
  if ((local & EXTPROC) != 0) return {};
  const bool quotes = (local & ICANON) != 0 && (local & IEXTEN) != 0;
  for (const std::byte byte : input) {
    if (std::exchange(result.quotes_next, false)) continue;
    auto key = std::to_integer<unsigned char>(byte);
    if ((settings.c_iflag & ISTRIP) != 0) key &= kSevenBits;
    const int signal = (local & ISIG) != 0 ? signal_of_key(settings, key) : 0;
    if (signal != 0) {
      result.signals.push_back(signal);
    } else if (quotes && is_key(settings, VLNEXT, key)) {
      result.quotes_next = true;
    }
  }
  return result;
}

TerminalMaster::TerminalMaster(int host_fd, TerminalId id, ProcessTable& processes)
    : OpenFile(host_fd), id_(id), processes_(processes) {
  processes_.add_terminal(id);
}

TerminalMaster::~TerminalMaster() {
  close_host();
  // Somebody else may have it still (SCM_RIGHTS).
  if (access(terminal_path(id_).c_str(), F_OK) != 0) processes_.hang_up(id_);
}

void TerminalMaster::keys_pressed(const termios& settings, std::span<const std::byte> input) {
  KeySignals keys;
  {
    const LockGuard guard(keys_lock_);
    keys = signals_of_keys(settings, input, next_is_quoted_);
    next_is_quoted_ = keys.quotes_next;
  }
  for (const int signal : keys.signals) processes_.signal_foreground(id_, signal);
}

}  // namespace gonzo
