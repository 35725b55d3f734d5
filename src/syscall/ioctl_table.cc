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

namespace gonzo {

namespace {

constexpr std::uint32_t kTermios = sizeof(termios);  // the kernel's, without the C library's speeds
constexpr std::uint32_t kTermios2 = sizeof(termios2);
constexpr std::uint32_t kTermio = 18;
constexpr std::uint32_t kWinsize = 8;
constexpr std::uint32_t kInt = sizeof(int);
constexpr std::uint32_t kIfreq = sizeof(ifreq);

// The terminal knows the runner's process group; the guest is the only one in its own.

void group_in(Call& call, std::span<std::byte> bytes) {
  int group = 0;
  std::memcpy(&group, bytes.data(), sizeof group);
  if (group == call.process().pid()) group = getpgrp();
  std::memcpy(bytes.data(), &group, sizeof group);
}

void group_out(Call& call, std::span<std::byte> bytes) {
  int group = 0;
  std::memcpy(&group, bytes.data(), sizeof group);
  if (group == getpgrp()) group = call.process().pid();
  std::memcpy(bytes.data(), &group, sizeof group);
}

void session_out(Call& call, std::span<std::byte> bytes) {
  const int session = call.process().pid();
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
    {TCGETS, "TCGETS", kOut, kTermios},
    {TCSETS, "TCSETS", kIn, kTermios},
    {TCSETSW, "TCSETSW", kIn, kTermios},
    {TCSETSF, "TCSETSF", kIn, kTermios},
    {TCGETA, "TCGETA", kOut, kTermio},
    {TCSETA, "TCSETA", kIn, kTermio},
    {TCSETAW, "TCSETAW", kIn, kTermio},
    {TCSETAF, "TCSETAF", kIn, kTermio},
    {TCGETS2, "TCGETS2", kOut, kTermios2},
    {TCSETS2, "TCSETS2", kIn, kTermios2},
    {TCSETSW2, "TCSETSW2", kIn, kTermios2},
    {TCSETSF2, "TCSETSF2", kIn, kTermios2},
    {TCSBRK, "TCSBRK"},
    {TCSBRKP, "TCSBRKP"},
    {TCXONC, "TCXONC"},
    {TCFLSH, "TCFLSH"},
    {TIOCEXCL, "TIOCEXCL"},
    {TIOCNXCL, "TIOCNXCL"},
    {TIOCGEXCL, "TIOCGEXCL", kOut, kInt},
    {TIOCSCTTY, "TIOCSCTTY"},
    {TIOCNOTTY, "TIOCNOTTY"},
    {TIOCGPGRP, "TIOCGPGRP", kOut, kInt, false, nullptr, group_out},
    {TIOCSPGRP, "TIOCSPGRP", kIn, kInt, false, group_in},
    {TIOCGSID, "TIOCGSID", kOut, kInt, false, nullptr, session_out},
    {TIOCOUTQ, "TIOCOUTQ", kOut, kInt},
    {TIOCSTI, "TIOCSTI", kIn, 1},
    {TIOCGWINSZ, "TIOCGWINSZ", kOut, kWinsize},
    {TIOCSWINSZ, "TIOCSWINSZ", kIn, kWinsize},
    {TIOCMGET, "TIOCMGET", kOut, kInt},
    {TIOCMSET, "TIOCMSET", kIn, kInt},
    {TIOCMBIS, "TIOCMBIS", kIn, kInt},
    {TIOCMBIC, "TIOCMBIC", kIn, kInt},
    {TIOCGSOFTCAR, "TIOCGSOFTCAR", kOut, kInt},
    {TIOCSSOFTCAR, "TIOCSSOFTCAR", kIn, kInt},
    {TIOCPKT, "TIOCPKT", kIn, kInt},
    {TIOCGETD, "TIOCGETD", kOut, kInt},
    {TIOCSETD, "TIOCSETD", kIn, kInt},
    {TIOCSPTLCK, "TIOCSPTLCK", kIn, kInt},
    {TIOCGPTLCK, "TIOCGPTLCK", kOut, kInt},
    {TIOCGPTN, "TIOCGPTN", kOut, kInt},
    {TIOCGDEV, "TIOCGDEV", kOut, kInt},
    {FIONREAD, "FIONREAD", kOut, kInt},
    {FIONBIO, "FIONBIO", kIn, kInt},
    {FIOASYNC, "FIOASYNC", kIn, kInt},
    {FIOQSIZE, "FIOQSIZE", kOut, 8},
    {FIOCLEX, "FIOCLEX"},
    {FIONCLEX, "FIONCLEX"},
    {FICLONE, "FICLONE", kIn, 0, true},
    {FICLONERANGE, "FICLONERANGE", kIn, sizeof(file_clone_range), false, clone_range_in},
    {FIGETBSZ, "FIGETBSZ", kOut, kInt},
    {FS_IOC_GETFLAGS, "FS_IOC_GETFLAGS", kOut, 4},
    {FS_IOC_SETFLAGS, "FS_IOC_SETFLAGS", kIn, 4},
    {FS_IOC_GETVERSION, "FS_IOC_GETVERSION", kOut, 4},
    {FS_IOC_FSGETXATTR, "FS_IOC_FSGETXATTR", kOut, sizeof(fsxattr)},
    {FS_IOC_FSSETXATTR, "FS_IOC_FSSETXATTR", kIn, sizeof(fsxattr)},
    {BLKGETSIZE, "BLKGETSIZE", kOut, 8},
    {BLKGETSIZE64, "BLKGETSIZE64", kOut, 8},
    {BLKSSZGET, "BLKSSZGET", kOut, kInt},
    {BLKBSZGET, "BLKBSZGET", kOut, kInt},
    {BLKROGET, "BLKROGET", kOut, kInt},
    {SIOCATMARK, "SIOCATMARK", kOut, kInt},
    {SIOCGIFNAME, "SIOCGIFNAME", kInOut, kIfreq},
    {SIOCGIFINDEX, "SIOCGIFINDEX", kInOut, kIfreq},
    {SIOCGIFFLAGS, "SIOCGIFFLAGS", kInOut, kIfreq},
    {SIOCGIFADDR, "SIOCGIFADDR", kInOut, kIfreq},
    {SIOCGIFNETMASK, "SIOCGIFNETMASK", kInOut, kIfreq},
    {SIOCGIFBRDADDR, "SIOCGIFBRDADDR", kInOut, kIfreq},
    {SIOCGIFMTU, "SIOCGIFMTU", kInOut, kIfreq},
    {SIOCGIFHWADDR, "SIOCGIFHWADDR", kInOut, kIfreq},
};

}  // namespace

std::span<const IoctlRow> ioctl_rows() { return kRows; }

const IoctlRow* find_ioctl(unsigned request) {
  const auto found = std::ranges::find(kRows, request, &IoctlRow::request);
  return found != std::end(kRows) ? found : nullptr;
}

}  // namespace gonzo
