#include "syscall/terminal_calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <tuple>
#include <utility>

#include "kernel/privilege.h"
#include "kernel/process_table.h"
#include "syscall/ioctl_table.h"
#include "syscall/new_descriptor.h"

namespace gonzo {

namespace {

/// The terminal that an ioctl is about.
struct Subject {
  int fd;
  TerminalId id;
  bool is_runners, is_master;
};

bool is_own(const Call& call, const Subject& subject) {
  return call.processes().terminal_of(call.process().pid()) == subject.id;
}

/// Of the runner's terminal the host knows one group of ours: the runner's.
std::int64_t get_group(Call& call, const Subject& subject) {
  if (!subject.is_master && !is_own(call, subject)) return -ENOTTY;
  int group = call.processes().foreground(subject.id);
  if (subject.is_runners) {
    const int host_group = tcgetpgrp(subject.fd);
    if (host_group < 0) return -errno;
    if (host_group != getpgrp()) group = host_group;
  }
  return raw(call.memory().store(call.address(2), group));
}

std::int64_t set_group(Call& call, const Subject& subject) {
  if (const auto refused = in_background(call, subject.id, SIGTTOU)) return *refused;
  const auto group = call.memory().load<int>(call.address(2));
  if (!group) return raw(group.error());
  const auto set = call.processes().set_foreground(call.process().pid(), subject.id, *group);
  if (!set || !subject.is_runners) return raw(set);
  const int own = getpgrp();
  return call.host(SYS_ioctl, {static_cast<std::uint64_t>(subject.fd), TIOCSPGRP,
                               reinterpret_cast<std::uint64_t>(&own)});
}

std::int64_t get_session(Call& call, const Subject& subject) {
  if (!subject.is_master && !is_own(call, subject)) return -ENOTTY;
  const int session = call.processes().session_of(subject.id);
  return session == 0 ? -ENOTTY : raw(call.memory().store(call.address(2), session));
}

std::int64_t take(Call& call, const Subject& subject) {
  using Taking = ProcessTable::Taking;
  const bool by_force = call.integer(2) == 1 && has_capability(CAP_SYS_ADMIN);
  return raw(call.processes().take_terminal(call.process().pid(), subject.id,
                                            by_force ? Taking::kByForce : Taking::kIfFree));
}

/// Linux: tty_do_resize.
std::int64_t resize(Call& call, const Subject& subject) {
  const auto size = call.memory().load<winsize>(call.address(2));
  if (!size) return raw(size.error());
  winsize before{};
  ioctl(subject.fd, TIOCGWINSZ, &before);
  if (ioctl(subject.fd, TIOCSWINSZ, &*size) != 0) return -errno;
  if (std::memcmp(&before, &*size, sizeof before) != 0) {
    call.processes().signal_foreground(subject.id, SIGWINCH);
  }
  return 0;
}

/// Linux: pty_signal.
std::int64_t signal_by_master(Call& call, const Subject& subject) {
  if (ioctl(subject.fd, TIOCSIG, call[2]) != 0) return -errno;
  call.processes().signal_foreground(subject.id, call.integer(2));
  return 0;
}

/// Linux: ptm_open_peer.
std::int64_t open_peer(Call& call, const Subject& subject) {
  const std::uint64_t flags = call.word(2);
  const int peer = ioctl(subject.fd, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
  if (peer < 0) return -errno;
  auto file = opened_file(call, peer, flags);
  if (!file) return raw(file.error());
  return raw(call.files().insert(std::move(*file),
                                 (flags & O_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo));
}

bool is_about_jobs(const IoctlRow& row) {
  switch (row.request) {
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCSWINSZ:
    case TIOCSIG:
    case TIOCGPTPEER:
      return true;
    default:
      return row.changes_terminal;
  }
}

}  // namespace

std::optional<std::int64_t> terminal_ioctl(Call& call, const OpenFile& file, const IoctlRow& row) {
  if (!is_about_jobs(row)) return std::nullopt;
  const unsigned request = row.request;
  const TerminalId id = terminal_behind(file.host_fd());
  if (id == 0) return std::nullopt;  // the host says that it is none
  ProcessTable& processes = call.processes();
  const Subject subject{.fd = file.host_fd(),
                        .id = id,
                        .is_runners = id == processes.runner_terminal(),
                        .is_master = is_terminal_master(file.host_fd())};
  if (!processes.has_terminal(id)) {
    // Another session's on the host.
    if (request == TIOCSCTTY) return -EPERM;
    return request == TIOCNOTTY ? std::optional<std::int64_t>(-ENOTTY) : std::nullopt;
  }
  switch (request) {
    case TIOCGPGRP:
      return get_group(call, subject);
    case TIOCSPGRP:
      return set_group(call, subject);
    case TIOCGSID:
      return get_session(call, subject);
    case TIOCSCTTY:
      return take(call, subject);
    case TIOCNOTTY:
      return raw(processes.give_up_terminal(call.process().pid(), subject.is_master ? 0 : id));
    case TIOCSWINSZ:
      // The runner hears of its own terminal's by SIGWINCH.
      return subject.is_runners ? std::nullopt : std::optional(resize(call, subject));
    case TIOCSIG:
      return subject.is_master ? std::optional(signal_by_master(call, subject)) : std::nullopt;
    case TIOCGPTPEER:
      return subject.is_master ? std::optional(open_peer(call, subject)) : std::nullopt;
    default:
      return in_background(call, id, SIGTTOU);
  }
}

std::optional<std::int64_t> in_background(Call& call, TerminalId terminal, int signal) {
  using Background = ProcessTable::Background;
  switch (call.processes().check_background(call.task, terminal, signal)) {
    case Background::kMayGoOn:
      break;
    case Background::kFails:
      return -EIO;
    case Background::kSignalled:
      call.task.call_attention();
      return -restart::kSys;
  }
  return std::nullopt;
}

std::optional<std::string> own_terminal_path(Call& call, std::string path) {
  if (path != "/dev/tty") return path;
  const TerminalId own = call.processes().terminal_of(call.process().pid());
  if (own == 0) return std::nullopt;
  return own == call.processes().runner_terminal() ? path : terminal_path(own);
}

Result<OpenFileRef> opened_file(Call& call, int host_fd, std::uint64_t flags) {
  const auto access = flags & O_ACCMODE;
  const bool may_be_terminal = (flags & (O_PATH | O_DIRECTORY | O_CREAT)) == 0;
  ProcessTable& processes = call.processes();
  if (may_be_terminal && access == O_RDWR && is_terminal_master(host_fd)) {
    GONZO_ASSIGN(const int high, move_or_close(host_fd));
    return std::make_shared<TerminalMaster>(high, terminal_behind(high), processes);
  }
  const int caller = call.process().pid();
  if (may_be_terminal && access != O_WRONLY && (flags & O_NOCTTY) == 0 &&
      processes.wants_terminal(caller)) {
    const TerminalId id = terminal_behind(host_fd);
    if (processes.has_terminal(id)) {
      std::ignore = processes.take_terminal(caller, id, ProcessTable::Taking::kIfFree);
    }
  }
  return new_open_file(call, host_fd);
}

}  // namespace gonzo
