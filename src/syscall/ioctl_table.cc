#include "syscall/ioctl_table.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/process_table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kTermios = sizeof(termios);  // the kernel's, without the C library's speeds
constexpr std::uint32_t kTermios2 = sizeof(termios2);
constexpr std::uint32_t kTermio = 18;
constexpr std::uint32_t kWinsize = 8;
constexpr std::uint32_t kInt = sizeof(int);
constexpr std::uint32_t kIfreq = sizeof(ifreq);

// The terminal knows the runner's process group alone; which of the guest's groups is in the
// foreground is kept here. A terminal that the guest made itself (a pseudo-terminal) sends no
// signals.

/// tcsetpgrp: the host sets the runner's own group again, which checks the terminal.
void group_in(Call& call, std::span<std::byte> bytes) {
  int group = 0;
  std::memcpy(&group, bytes.data(), sizeof group);
  group = call.processes().set_foreground(call.process().pid(), group) ? getpgrp() : -1;
  std::memcpy(bytes.data(), &group, sizeof group);
}

void group_out(Call& call, std::span<std::byte> bytes) {
  int group = 0;
  std::memcpy(&group, bytes.data(), sizeof group);
  if (group == getpgrp()) group = call.processes().foreground();
  std::memcpy(bytes.data(), &group, sizeof group);
}

void session_out(Call& call, std::span<std::byte> bytes) {
  const auto self = call.processes().identity(call.process().pid());
  const int session = self ? self->session : 0;
  std::memcpy(bytes.data(), &session, sizeof session);
}

void clone_range_in(Call& call, std::span<std::byte> bytes) {
  file_clone_range range;
  std::memcpy(&range, bytes.data(), sizeof range);
  const auto file = call.files().get(static_cast<int>(range.src_fd));
  range.src_fd = file ? (*file)->host_fd() : -1;
  std::memcpy(bytes.data(), &range, sizeof range);
}

constexpr Direction kIn = Direction::kIn, kOut = Direction::kOut, kInOut = Direction::kInOut;

constexpr IoctlRow kRows[] = {
    {TIOCGLCKTRMIOS, kOut, "TIOCGLCKTRMIOS", kTermios},
    {TIOCSLCKTRMIOS, kIn, "TIOCSLCKTRMIOS", kTermios},
    {TCGETS, kOut, "TCGETS", kTermios},
    {TCSETS, kIn, "TCSETS", kTermios},
    {TCSETSW, kIn, "TCSETSW", kTermios},
    {TCSETSF, kIn, "TCSETSF", kTermios},
    {TCGETA, kOut, "TCGETA", kTermio},
    {TCSETA, kIn, "TCSETA", kTermio},
    {TCSETAW, kIn, "TCSETAW", kTermio},
    {TCSETAF, kIn, "TCSETAF", kTermio},
    {TCGETS2, kOut, "TCGETS2", kTermios2},
    {TCSETS2, kIn, "TCSETS2", kTermios2},
    {TCSETSW2, kIn, "TCSETSW2", kTermios2},
    {TCSETSF2, kIn, "TCSETSF2", kTermios2},
    {TCSBRK, kIn, "TCSBRK"},
    {TCSBRKP, kIn, "TCSBRKP"},
    {TCXONC, kIn, "TCXONC"},
    {TCFLSH, kIn, "TCFLSH"},
    {TIOCEXCL, kIn, "TIOCEXCL"},
    {TIOCNXCL, kIn, "TIOCNXCL"},
    {TIOCGEXCL, kOut, "TIOCGEXCL", kInt},
    {TIOCSCTTY, kIn, "TIOCSCTTY"},
    {TIOCNOTTY, kIn, "TIOCNOTTY"},
    {TIOCGPGRP, kOut, "TIOCGPGRP", kInt, false, nullptr, group_out},
    {TIOCSPGRP, kIn, "TIOCSPGRP", kInt, false, group_in},
    {TIOCGSID, kOut, "TIOCGSID", kInt, false, nullptr, session_out},
    {TIOCOUTQ, kOut, "TIOCOUTQ", kInt},
    {TIOCSTI, kIn, "TIOCSTI", 1},
    {TIOCGWINSZ, kOut, "TIOCGWINSZ", kWinsize},
    {TIOCSWINSZ, kIn, "TIOCSWINSZ", kWinsize},
    {TIOCMGET, kOut, "TIOCMGET", kInt},
    {TIOCMSET, kIn, "TIOCMSET", kInt},
    {TIOCMBIS, kIn, "TIOCMBIS", kInt},
    {TIOCMBIC, kIn, "TIOCMBIC", kInt},
    {TIOCGSOFTCAR, kOut, "TIOCGSOFTCAR", kInt},
    {TIOCSSOFTCAR, kIn, "TIOCSSOFTCAR", kInt},
    {TIOCPKT, kIn, "TIOCPKT", kInt},
    {TIOCGETD, kOut, "TIOCGETD", kInt},
    {TIOCSETD, kIn, "TIOCSETD", kInt},
    {TIOCSPTLCK, kIn, "TIOCSPTLCK", kInt},
    {TIOCGPTLCK, kOut, "TIOCGPTLCK", kInt},
    {TIOCGPTN, kOut, "TIOCGPTN", kInt},
    {TIOCGDEV, kOut, "TIOCGDEV", kInt},
    {FIONREAD, kOut, "FIONREAD", kInt},
    {FIONBIO, kIn, "FIONBIO", kInt},
    {FIOASYNC, kIn, "FIOASYNC", kInt},
    {FIOQSIZE, kOut, "FIOQSIZE", 8},
    {FIOCLEX, kIn, "FIOCLEX"},
    {FIONCLEX, kIn, "FIONCLEX"},
    {FICLONE, kIn, "FICLONE", 0, true},
    {FICLONERANGE, kIn, "FICLONERANGE", sizeof(file_clone_range), false, clone_range_in},
    {FIGETBSZ, kOut, "FIGETBSZ", kInt},
    {FS_IOC_GETFLAGS, kOut, "FS_IOC_GETFLAGS", 4},
    {FS_IOC_SETFLAGS, kIn, "FS_IOC_SETFLAGS", 4},
    {FS_IOC_GETVERSION, kOut, "FS_IOC_GETVERSION", 4},
    {FS_IOC_FSGETXATTR, kOut, "FS_IOC_FSGETXATTR", sizeof(fsxattr)},
    {FS_IOC_FSSETXATTR, kIn, "FS_IOC_FSSETXATTR", sizeof(fsxattr)},
    {BLKGETSIZE, kOut, "BLKGETSIZE", 8},
    {BLKGETSIZE64, kOut, "BLKGETSIZE64", 8},
    {BLKSSZGET, kOut, "BLKSSZGET", kInt},
    {BLKBSZGET, kOut, "BLKBSZGET", kInt},
    {BLKROGET, kOut, "BLKROGET", kInt},
    {SIOCATMARK, kOut, "SIOCATMARK", kInt},
    {SIOCGIFNAME, kInOut, "SIOCGIFNAME", kIfreq},
    {SIOCGIFINDEX, kInOut, "SIOCGIFINDEX", kIfreq},
    {SIOCGIFFLAGS, kInOut, "SIOCGIFFLAGS", kIfreq},
    {SIOCGIFADDR, kInOut, "SIOCGIFADDR", kIfreq},
    {SIOCGIFNETMASK, kInOut, "SIOCGIFNETMASK", kIfreq},
    {SIOCGIFBRDADDR, kInOut, "SIOCGIFBRDADDR", kIfreq},
    {SIOCGIFMTU, kInOut, "SIOCGIFMTU", kIfreq},
    {SIOCGIFHWADDR, kInOut, "SIOCGIFHWADDR", kIfreq},
};

}  // namespace

std::span<const IoctlRow> ioctl_rows() { return kRows; }

const IoctlRow* find_ioctl(unsigned request) {
  const auto found = std::ranges::find(kRows, request, &IoctlRow::request);
  return found != std::end(kRows) ? found : nullptr;
}

}  // namespace gonzo
