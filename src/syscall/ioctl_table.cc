#include "syscall/ioctl_table.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>

namespace gonzo {

namespace {

constexpr std::uint32_t kTermios = sizeof(termios);  // the kernel's, without the C library's speeds
constexpr std::uint32_t kTermios2 = sizeof(termios2);
constexpr std::uint32_t kTermio = 18;
constexpr std::uint32_t kWinsize = 8;
constexpr std::uint32_t kInt = sizeof(int);
constexpr std::uint32_t kIfreq = sizeof(ifreq);

void clone_range_in(Call& call, std::span<std::byte> bytes) {
  file_clone_range range;
  std::memcpy(&range, bytes.data(), sizeof range);
  const auto file = call.files().get(static_cast<int>(range.src_fd));
  range.src_fd = file ? (*file)->host_fd() : -1;
  std::memcpy(bytes.data(), &range, sizeof range);
}

constexpr Direction kIn = Direction::kIn, kOut = Direction::kOut, kInOut = Direction::kInOut;

constexpr IoctlRow change(unsigned request, const char* name, std::uint32_t bytes = 0) {
  IoctlRow row{request, kIn, name, bytes};
  row.changes_terminal = true;
  return row;
}

constexpr IoctlRow kRows[] = {
    {TIOCGLCKTRMIOS, kOut, "TIOCGLCKTRMIOS", kTermios},
    {TIOCSLCKTRMIOS, kIn, "TIOCSLCKTRMIOS", kTermios},
    {TCGETS, kOut, "TCGETS", kTermios},
    change(TCSETS, "TCSETS", kTermios),
    change(TCSETSW, "TCSETSW", kTermios),
    change(TCSETSF, "TCSETSF", kTermios),
    {TCGETA, kOut, "TCGETA", kTermio},
    change(TCSETA, "TCSETA", kTermio),
    change(TCSETAW, "TCSETAW", kTermio),
    change(TCSETAF, "TCSETAF", kTermio),
    {TCGETS2, kOut, "TCGETS2", kTermios2},
    change(TCSETS2, "TCSETS2", kTermios2),
    change(TCSETSW2, "TCSETSW2", kTermios2),
    change(TCSETSF2, "TCSETSF2", kTermios2),
    change(TCSBRK, "TCSBRK"),
    change(TCSBRKP, "TCSBRKP"),
    change(TCXONC, "TCXONC"),
    change(TCFLSH, "TCFLSH"),
    {TIOCEXCL, kIn, "TIOCEXCL"},
    {TIOCNXCL, kIn, "TIOCNXCL"},
    {TIOCGEXCL, kOut, "TIOCGEXCL", kInt},
    {TIOCSCTTY, kIn, "TIOCSCTTY"},
    {TIOCNOTTY, kIn, "TIOCNOTTY"},
    {TIOCGPGRP, kOut, "TIOCGPGRP", kInt},
    {TIOCSPGRP, kIn, "TIOCSPGRP", kInt},
    {TIOCGSID, kOut, "TIOCGSID", kInt},
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
    {TIOCGPTPEER, kIn, "TIOCGPTPEER"},
    {TIOCSIG, kIn, "TIOCSIG"},
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
