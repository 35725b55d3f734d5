// Names of flags and constants, for traces.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace gonzo {

struct Symbol {
  std::uint64_t value;
  const char* name;
};

/// A set of bits, or a choice of one value; possibly a choice in the low bits and flags above it
/// (open's access mode, socket's type, futex's operation).
struct SymbolSet {
  std::span<const Symbol> choices;  ///< exactly one of these, compared under `choice_mask`
  std::uint64_t choice_mask = ~0ULL;
  std::span<const Symbol> flags;  ///< any of these
  const char* unknown = nullptr;  ///< strace's comment for a value without a name: "PROT_???"
  bool is_signed = false;         ///< an unnamed value is shown as a signed decimal
  /// "O_RDWR|O_CREAT"; an unnamed remainder in hexadecimal.
  std::string text(std::uint64_t value) const;
};

namespace symbols {
extern const SymbolSet kDirectoryFd, kOpen, kAccess, kAt, kWhence, kFcntl, kCloseRange, kPipe,
    kProtection, kMap, kRemap, kAdvice, kSync, kMemoryPolicy, kAskPolicy, kBind, kLock2, kLockAll,
    kMemfd, kClock, kSocketFamily, kSocketType, kMessage, kSocketLevel, kShutdown, kEpollCreate,
    kEpollOperation, kEventfd, kTimerfd, kInotify, kFutex, kResource, kUsage, kSignalHow,
    kArchPrctl, kPrctl, kCloneFlags, kFlock, kRandom, kReadWrite, kFadvise, kFallocate, kRename,
    kTimerWho, kStatx, kPollEvents, kSigaction, kShmAttach, kShmControl;
}  // namespace symbols

/// "SIGSEGV", "SIGRT_3", or the number.
std::string signal_name(int number);

}  // namespace gonzo
