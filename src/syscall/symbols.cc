#include "syscall/symbols.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

namespace gonzo {

namespace {

#define S(name) \
  Symbol { static_cast<std::uint64_t>(name), #name }

constexpr Symbol kOpenChoices[] = {S(O_RDONLY), S(O_WRONLY), S(O_RDWR)};
// What includes the bits of another comes before it.
constexpr Symbol kOpenFlags[] = {S(O_CREAT),   S(O_EXCL),     S(O_NOCTTY),    S(O_TRUNC),
                                 S(O_APPEND),  S(O_NONBLOCK), S(O_SYNC),      S(O_DSYNC),
                                 S(O_DIRECT),  S(O_TMPFILE),  S(O_DIRECTORY), S(O_NOFOLLOW),
                                 S(O_NOATIME), S(O_CLOEXEC),  S(O_PATH)};
constexpr Symbol kAccessChoices[] = {S(F_OK)};
constexpr Symbol kAccessFlags[] = {S(R_OK), S(W_OK), S(X_OK)};
constexpr Symbol kDirectoryChoices[] = {{0xffffff9c, "AT_FDCWD"}};
constexpr Symbol kAtFlags[] = {S(AT_SYMLINK_NOFOLLOW), S(AT_REMOVEDIR), S(AT_SYMLINK_FOLLOW),
                               S(AT_NO_AUTOMOUNT), S(AT_EMPTY_PATH)};
constexpr Symbol kWhences[] = {S(SEEK_SET), S(SEEK_CUR), S(SEEK_END), S(SEEK_DATA), S(SEEK_HOLE)};
constexpr Symbol kFcntls[] = {S(F_DUPFD),      S(F_GETFD),     S(F_SETFD),         S(F_GETFL),
                              S(F_SETFL),      S(F_GETLK),     S(F_SETLK),         S(F_SETLKW),
                              S(F_SETOWN),     S(F_GETOWN),    S(F_DUPFD_CLOEXEC), S(F_SETPIPE_SZ),
                              S(F_GETPIPE_SZ), S(F_ADD_SEALS), S(F_GET_SEALS),     S(F_OFD_GETLK),
                              S(F_OFD_SETLK),  S(F_OFD_SETLKW)};
constexpr Symbol kCloseRangeFlags[] = {S(CLOSE_RANGE_UNSHARE), S(CLOSE_RANGE_CLOEXEC)};
constexpr Symbol kPipeFlags[] = {S(O_CLOEXEC), S(O_NONBLOCK), S(O_DIRECT)};
constexpr Symbol kProtections[] = {S(PROT_READ), S(PROT_WRITE), S(PROT_EXEC), S(PROT_GROWSDOWN),
                                   S(PROT_GROWSUP)};
constexpr Symbol kProtectionNone[] = {S(PROT_NONE)};
constexpr Symbol kMapTypes[] = {
    {0x1, "MAP_SHARED"}, {0x2, "MAP_PRIVATE"}, {0x3, "MAP_SHARED_VALIDATE"}};
constexpr Symbol kMapFlags[] = {
    S(MAP_FIXED),    S(MAP_ANONYMOUS), S(MAP_32BIT),     S(MAP_NORESERVE),      S(MAP_POPULATE),
    S(MAP_NONBLOCK), S(MAP_GROWSDOWN), S(MAP_DENYWRITE), S(MAP_EXECUTABLE),     S(MAP_LOCKED),
    S(MAP_STACK),    S(MAP_HUGETLB),   S(MAP_SYNC),      S(MAP_FIXED_NOREPLACE)};
constexpr Symbol kRemapFlags[] = {S(MREMAP_MAYMOVE), S(MREMAP_FIXED), S(MREMAP_DONTUNMAP)};
constexpr Symbol kAdvices[] = {S(MADV_NORMAL),
                               S(MADV_RANDOM),
                               S(MADV_SEQUENTIAL),
                               S(MADV_WILLNEED),
                               S(MADV_DONTNEED),
                               S(MADV_FREE),
                               S(MADV_REMOVE),
                               S(MADV_DONTFORK),
                               S(MADV_DOFORK),
                               S(MADV_MERGEABLE),
                               S(MADV_UNMERGEABLE),
                               S(MADV_HUGEPAGE),
                               S(MADV_NOHUGEPAGE),
                               S(MADV_DONTDUMP),
                               S(MADV_DODUMP),
                               S(MADV_WIPEONFORK),
                               S(MADV_KEEPONFORK),
                               S(MADV_COLD),
                               {24, "MADV_DONTNEED_LOCKED"},
                               {25, "MADV_COLLAPSE"},
                               {102, "MADV_GUARD_INSTALL"},
                               {103, "MADV_GUARD_REMOVE"},
                               S(MADV_PAGEOUT),
                               S(MADV_POPULATE_READ),
                               S(MADV_POPULATE_WRITE)};
constexpr Symbol kShmAttachFlags[] = {S(SHM_RDONLY), S(SHM_RND), S(SHM_REMAP), S(SHM_EXEC)};
constexpr Symbol kShmCommands[] = {S(IPC_RMID), S(IPC_SET),  S(IPC_STAT),
                                   S(IPC_INFO), S(SHM_LOCK), S(SHM_UNLOCK),
                                   S(SHM_STAT), S(SHM_INFO), S(SHM_STAT_ANY)};
constexpr Symbol kLock2Flags[] = {S(MLOCK_ONFAULT)};
constexpr Symbol kLockAllFlags[] = {S(MCL_CURRENT), S(MCL_FUTURE), S(MCL_ONFAULT)};
constexpr Symbol kMemoryPolicies[] = {S(MPOL_DEFAULT),
                                      S(MPOL_PREFERRED),
                                      S(MPOL_BIND),
                                      S(MPOL_INTERLEAVE),
                                      S(MPOL_LOCAL),
                                      {5, "MPOL_PREFERRED_MANY"},
                                      {6, "MPOL_WEIGHTED_INTERLEAVE"}};
constexpr Symbol kMemoryPolicyFlags[] = {
    S(MPOL_F_STATIC_NODES), S(MPOL_F_RELATIVE_NODES), {1 << 13, "MPOL_F_NUMA_BALANCING"}};
constexpr Symbol kAskPolicyFlags[] = {S(MPOL_F_NODE), S(MPOL_F_ADDR), S(MPOL_F_MEMS_ALLOWED)};
constexpr Symbol kBindFlags[] = {S(MPOL_MF_STRICT), S(MPOL_MF_MOVE), S(MPOL_MF_MOVE_ALL)};
constexpr Symbol kCloneBits[] = {S(CLONE_VM),
                                 S(CLONE_FS),
                                 S(CLONE_FILES),
                                 S(CLONE_SIGHAND),
                                 S(CLONE_PIDFD),
                                 S(CLONE_PTRACE),
                                 S(CLONE_VFORK),
                                 S(CLONE_PARENT),
                                 S(CLONE_THREAD),
                                 S(CLONE_NEWNS),
                                 S(CLONE_SYSVSEM),
                                 S(CLONE_SETTLS),
                                 S(CLONE_PARENT_SETTID),
                                 S(CLONE_CHILD_CLEARTID),
                                 S(CLONE_DETACHED),
                                 S(CLONE_UNTRACED),
                                 S(CLONE_CHILD_SETTID),
                                 S(CLONE_NEWCGROUP),
                                 S(CLONE_NEWUTS),
                                 S(CLONE_NEWIPC),
                                 S(CLONE_NEWUSER),
                                 S(CLONE_NEWPID),
                                 S(CLONE_NEWNET),
                                 S(CLONE_IO),
                                 {SIGCHLD, "SIGCHLD"}};
constexpr Symbol kSyncFlags[] = {S(MS_ASYNC), S(MS_INVALIDATE), S(MS_SYNC)};
constexpr Symbol kMemfdFlags[] = {S(MFD_CLOEXEC), S(MFD_ALLOW_SEALING), S(MFD_HUGETLB)};
constexpr Symbol kClocks[] = {S(CLOCK_REALTIME),
                              S(CLOCK_MONOTONIC),
                              S(CLOCK_PROCESS_CPUTIME_ID),
                              S(CLOCK_THREAD_CPUTIME_ID),
                              S(CLOCK_MONOTONIC_RAW),
                              S(CLOCK_REALTIME_COARSE),
                              S(CLOCK_MONOTONIC_COARSE),
                              S(CLOCK_BOOTTIME),
                              S(CLOCK_REALTIME_ALARM),
                              S(CLOCK_BOOTTIME_ALARM),
                              S(CLOCK_TAI)};
constexpr Symbol kFamilies[] = {S(AF_UNSPEC),  S(AF_UNIX),   S(AF_INET), S(AF_INET6),
                                S(AF_NETLINK), S(AF_PACKET), S(AF_VSOCK)};
constexpr Symbol kTypes[] = {S(SOCK_STREAM), S(SOCK_DGRAM), S(SOCK_RAW), S(SOCK_RDM),
                             S(SOCK_SEQPACKET)};
constexpr Symbol kTypeFlags[] = {S(SOCK_CLOEXEC), S(SOCK_NONBLOCK)};
constexpr Symbol kMessageFlags[] = {
    S(MSG_OOB),      S(MSG_PEEK), S(MSG_DONTROUTE),  S(MSG_CTRUNC),      S(MSG_TRUNC),
    S(MSG_DONTWAIT), S(MSG_EOR),  S(MSG_WAITALL),    S(MSG_CONFIRM),     S(MSG_ERRQUEUE),
    S(MSG_NOSIGNAL), S(MSG_MORE), S(MSG_WAITFORONE), S(MSG_CMSG_CLOEXEC)};
constexpr Symbol kLevels[] = {{0, "SOL_IP"},   S(SOL_SOCKET),    {6, "SOL_TCP"},
                              {17, "SOL_UDP"}, {41, "SOL_IPV6"}, S(SOL_NETLINK)};
constexpr Symbol kShutdowns[] = {S(SHUT_RD), S(SHUT_WR), S(SHUT_RDWR)};
constexpr Symbol kEpollCreateFlags[] = {S(EPOLL_CLOEXEC)};
constexpr Symbol kEpollOperations[] = {S(EPOLL_CTL_ADD), S(EPOLL_CTL_DEL), S(EPOLL_CTL_MOD)};
constexpr Symbol kEventfdFlags[] = {S(EFD_CLOEXEC), S(EFD_NONBLOCK), S(EFD_SEMAPHORE)};
constexpr Symbol kTimerfdFlags[] = {S(TFD_CLOEXEC), S(TFD_NONBLOCK)};
constexpr Symbol kInotifyFlags[] = {S(IN_CLOEXEC), S(IN_NONBLOCK)};
constexpr Symbol kFutexes[] = {
    S(FUTEX_WAIT),         S(FUTEX_WAKE),        S(FUTEX_REQUEUE),         S(FUTEX_CMP_REQUEUE),
    S(FUTEX_WAKE_OP),      S(FUTEX_LOCK_PI),     S(FUTEX_UNLOCK_PI),       S(FUTEX_TRYLOCK_PI),
    S(FUTEX_WAIT_BITSET),  S(FUTEX_WAKE_BITSET), S(FUTEX_WAIT_REQUEUE_PI), S(FUTEX_CMP_REQUEUE_PI),
    {13, "FUTEX_LOCK_PI2"}};
constexpr Symbol kFutexFlags[] = {S(FUTEX_PRIVATE_FLAG), S(FUTEX_CLOCK_REALTIME)};
constexpr Symbol kResources[] = {
    S(RLIMIT_CPU),      S(RLIMIT_FSIZE), S(RLIMIT_DATA),   S(RLIMIT_STACK),
    S(RLIMIT_CORE),     S(RLIMIT_RSS),   S(RLIMIT_NPROC),  S(RLIMIT_NOFILE),
    S(RLIMIT_MEMLOCK),  S(RLIMIT_AS),    S(RLIMIT_LOCKS),  S(RLIMIT_SIGPENDING),
    S(RLIMIT_MSGQUEUE), S(RLIMIT_NICE),  S(RLIMIT_RTPRIO), S(RLIMIT_RTTIME)};
constexpr Symbol kUsages[] = {S(RUSAGE_SELF), {0xffffffff, "RUSAGE_CHILDREN"}, S(RUSAGE_THREAD)};
constexpr Symbol kHows[] = {S(SIG_BLOCK), S(SIG_UNBLOCK), S(SIG_SETMASK)};
constexpr Symbol kArchPrctls[] = {
    S(ARCH_SET_GS), S(ARCH_SET_FS), S(ARCH_GET_FS), S(ARCH_GET_GS), {0x3001, "ARCH_CET_STATUS"}};
constexpr Symbol kPrctls[] = {S(PR_SET_NAME),       S(PR_GET_NAME),         S(PR_SET_PDEATHSIG),
                              S(PR_GET_PDEATHSIG),  S(PR_GET_DUMPABLE),     S(PR_SET_DUMPABLE),
                              S(PR_CAPBSET_READ),   S(PR_SET_NO_NEW_PRIVS), S(PR_SET_VMA),
                              S(PR_SET_TIMERSLACK), S(PR_GET_TIMERSLACK)};
constexpr Symbol kFlocks[] = {S(LOCK_SH), S(LOCK_EX), S(LOCK_UN)};
constexpr Symbol kFlockFlags[] = {S(LOCK_NB)};
constexpr Symbol kRandomFlags[] = {S(GRND_NONBLOCK), S(GRND_RANDOM), S(GRND_INSECURE)};
constexpr Symbol kReadWriteFlags[] = {S(RWF_HIPRI), S(RWF_DSYNC), S(RWF_SYNC), S(RWF_NOWAIT),
                                      S(RWF_APPEND)};
constexpr Symbol kFadvises[] = {S(POSIX_FADV_NORMAL),     S(POSIX_FADV_RANDOM),
                                S(POSIX_FADV_SEQUENTIAL), S(POSIX_FADV_WILLNEED),
                                S(POSIX_FADV_DONTNEED),   S(POSIX_FADV_NOREUSE)};
constexpr Symbol kFallocates[] = {S(FALLOC_FL_KEEP_SIZE),      S(FALLOC_FL_PUNCH_HOLE),
                                  S(FALLOC_FL_COLLAPSE_RANGE), S(FALLOC_FL_ZERO_RANGE),
                                  S(FALLOC_FL_INSERT_RANGE),   S(FALLOC_FL_UNSHARE_RANGE)};
constexpr Symbol kRenames[] = {
    {1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}};
constexpr Symbol kTimers[] = {S(ITIMER_REAL), S(ITIMER_VIRTUAL), S(ITIMER_PROF)};
constexpr Symbol kStatxBits[] = {
    S(STATX_ALL), S(STATX_BASIC_STATS), S(STATX_TYPE),   S(STATX_MODE),  S(STATX_NLINK),
    S(STATX_UID), S(STATX_GID),         S(STATX_ATIME),  S(STATX_MTIME), S(STATX_CTIME),
    S(STATX_INO), S(STATX_SIZE),        S(STATX_BLOCKS), S(STATX_BTIME), S(STATX_MNT_ID)};
constexpr Symbol kPolls[] = {S(POLLIN),     S(POLLPRI),    S(POLLOUT),    S(POLLERR),
                             S(POLLHUP),    S(POLLNVAL),   S(POLLRDNORM), S(POLLRDBAND),
                             S(POLLWRNORM), S(POLLWRBAND), S(POLLRDHUP)};
constexpr Symbol kActions[] = {{SA_NOCLDSTOP, "SA_NOCLDSTOP"}, {SA_NOCLDWAIT, "SA_NOCLDWAIT"},
                               {SA_SIGINFO, "SA_SIGINFO"},     {0x04000000, "SA_RESTORER"},
                               {SA_ONSTACK, "SA_ONSTACK"},     {SA_RESTART, "SA_RESTART"},
                               {SA_NODEFER, "SA_NODEFER"},     {SA_RESETHAND, "SA_RESETHAND"}};
#undef S

constexpr std::uint64_t kInt = 0xffffffff;

constexpr SymbolSet choice(std::span<const Symbol> values) {
  return {.choices = values, .choice_mask = kInt, .is_signed = true};
}
constexpr SymbolSet bits(std::span<const Symbol> values) { return {.flags = values}; }

}  // namespace

namespace symbols {

constinit const SymbolSet kDirectoryFd = choice(kDirectoryChoices);
constinit const SymbolSet kOpen = {
    .choices = kOpenChoices, .choice_mask = O_ACCMODE, .flags = kOpenFlags};
constinit const SymbolSet kAccess = {
    .choices = kAccessChoices, .choice_mask = kInt, .flags = kAccessFlags};
constinit const SymbolSet kAt = bits(kAtFlags);
constinit const SymbolSet kWhence = choice(kWhences);
constinit const SymbolSet kFcntl = choice(kFcntls);
constinit const SymbolSet kCloseRange = bits(kCloseRangeFlags);
constinit const SymbolSet kPipe = bits(kPipeFlags);
constinit const SymbolSet kProtection = {
    .choices = kProtectionNone, .choice_mask = kInt, .flags = kProtections};
constinit const SymbolSet kMap = {
    .choices = kMapTypes, .choice_mask = MAP_TYPE, .flags = kMapFlags};
constinit const SymbolSet kRemap = bits(kRemapFlags);
constinit const SymbolSet kAdvice = choice(kAdvices);
constinit const SymbolSet kShmAttach = bits(kShmAttachFlags);
constinit const SymbolSet kShmControl = choice(kShmCommands);
constinit const SymbolSet kCloneFlags = bits(kCloneBits);
constinit const SymbolSet kSync = bits(kSyncFlags);
constinit const SymbolSet kLock2 = bits(kLock2Flags);
constinit const SymbolSet kLockAll = bits(kLockAllFlags);
constinit const SymbolSet kMemoryPolicy = {
    .choices = kMemoryPolicies, .choice_mask = 0x1fff, .flags = kMemoryPolicyFlags};
constinit const SymbolSet kAskPolicy = bits(kAskPolicyFlags);
constinit const SymbolSet kBind = bits(kBindFlags);
constinit const SymbolSet kMemfd = bits(kMemfdFlags);
constinit const SymbolSet kClock = choice(kClocks);
constinit const SymbolSet kSocketFamily = choice(kFamilies);
constinit const SymbolSet kSocketType = {
    .choices = kTypes, .choice_mask = 0xf, .flags = kTypeFlags};
constinit const SymbolSet kMessage = bits(kMessageFlags);
constinit const SymbolSet kSocketLevel = choice(kLevels);
constinit const SymbolSet kShutdown = choice(kShutdowns);
constinit const SymbolSet kEpollCreate = bits(kEpollCreateFlags);
constinit const SymbolSet kEpollOperation = choice(kEpollOperations);
constinit const SymbolSet kEventfd = bits(kEventfdFlags);
constinit const SymbolSet kTimerfd = bits(kTimerfdFlags);
constinit const SymbolSet kInotify = bits(kInotifyFlags);
constinit const SymbolSet kFutex = {.choices = kFutexes, .choice_mask = 0x7f, .flags = kFutexFlags};
constinit const SymbolSet kResource = choice(kResources);
constinit const SymbolSet kUsage = choice(kUsages);
constinit const SymbolSet kSignalHow = choice(kHows);
constinit const SymbolSet kArchPrctl = choice(kArchPrctls);
constinit const SymbolSet kPrctl = choice(kPrctls);
constinit const SymbolSet kFlock = {.choices = kFlocks, .choice_mask = 0xb, .flags = kFlockFlags};
constinit const SymbolSet kRandom = bits(kRandomFlags);
constinit const SymbolSet kReadWrite = bits(kReadWriteFlags);
constinit const SymbolSet kFadvise = choice(kFadvises);
constinit const SymbolSet kFallocate = bits(kFallocates);
constinit const SymbolSet kRename = bits(kRenames);
constinit const SymbolSet kTimerWho = choice(kTimers);
constinit const SymbolSet kStatx = bits(kStatxBits);
constinit const SymbolSet kPollEvents = bits(kPolls);
constinit const SymbolSet kSigaction = bits(kActions);

}  // namespace symbols

std::string SymbolSet::text(std::uint64_t value) const {
  std::string result;
  const auto add = [&](std::string_view name) {
    if (!result.empty()) result += '|';
    result += name;
  };
  std::uint64_t rest = value;
  if (!choices.empty()) {
    for (const Symbol& symbol : choices) {
      if ((value & choice_mask) != symbol.value) continue;
      add(symbol.name);
      rest = choice_mask == kInt ? 0 : rest & ~choice_mask;
      break;
    }
    if (result.empty() && is_signed) return std::to_string(static_cast<int>(value));
  }
  for (const Symbol& symbol : flags) {
    if (symbol.value == 0 || (rest & symbol.value) != symbol.value) continue;
    add(symbol.name);
    rest &= ~symbol.value;
  }
  if (rest != 0) add(fmt::format("{:#x}", rest));
  return result.empty() ? "0" : result;
}

std::string signal_name(int number) {
  constexpr int kFirstRealTime = 32;
  if (number >= kFirstRealTime && number <= 64) {
    return number == kFirstRealTime ? "SIGRTMIN" : fmt::format("SIGRT_{}", number - kFirstRealTime);
  }
  const char* name = sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : std::to_string(number);
}

}  // namespace gonzo
