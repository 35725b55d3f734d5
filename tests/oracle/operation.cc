#include "oracle/operation.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>
#include <random>
#include <span>

namespace gonzo::oracle {
namespace {

constexpr std::uint64_t kPage = 4096;

/// Whether RLIMIT_MEMLOCK has room for the live kernel's process beside the region.
bool may_lock_process() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  rlimit raised{limit.rlim_cur, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &raised) == 0) return true;
  return limit.rlim_max >= kUnlimitedPages * kPage;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : engine_(seed) {}

  Operation next() {
    if (one_in(60)) return seal();
    if (one_in(40)) return remap_file();
    if (one_in(60)) return {.call = Call::kFork, .value = static_cast<std::uint8_t>(below(2))};
    if (one_in(40)) {
      return {.call = Call::kBind,
              .address = address(),
              .length = length(),
              .value = static_cast<std::uint8_t>(below(3))};
    }
    switch (below(28)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return map();
      case 5:
      case 6:
        return {.call = Call::kUnmap, .address = address(), .length = length()};
      case 7:
      case 8:
      case 9:
        return {.call = Call::kProtect,
                .address = address(),
                .length = length(),
                .protection = protection() | growth()};
      case 10:
      case 11:
        return remap();
      case 12:
      case 13:
        return {.call = Call::kAdvise,
                .address = address(),
                .length = length(),
                .flags = pick(kAdvice)};
      case 14:
        return {.call = Call::kSync,
                .address = address(),
                .length = length(),
                .flags = pick(kSyncFlags)};
      case 24:
      case 25:
        return {.call = Call::kLock,
                .address = address(),
                .length = length(),
                .flags = pick(kLockFlags)};
      case 26:
        return {.call = Call::kUnlock, .address = address(), .length = length()};
      case 27:
        return limit_or_lock_all();
      case 15:
        return {.call = Call::kIncore, .address = address(), .length = length()};
      case 16:
      case 17:
      case 18:
      case 19:
        return {.call = Call::kReadByte, .address = byte_address()};
      default:
        return {.call = Call::kWriteByte,
                .address = byte_address(),
                .value = static_cast<std::uint8_t>(1 + below(255))};
    }
  }

 private:
  static constexpr std::array kProtections = {PROT_READ | PROT_WRITE,
                                              PROT_READ | PROT_WRITE,
                                              PROT_READ,
                                              PROT_NONE,
                                              PROT_WRITE,
                                              PROT_READ | PROT_EXEC,
                                              PROT_READ | PROT_WRITE | PROT_EXEC,
                                              PROT_EXEC};
  static constexpr int kMapDroppable = 8;                        // since Linux 6.11
  static constexpr int kDontneedLocked = 24, kCollapse = 25;     // not in glibc 2.36
  static constexpr int kGuardInstall = 102, kGuardRemove = 103;  // since Linux 6.13
  static constexpr std::array kAdvice = {
      MADV_NORMAL,     MADV_RANDOM,         MADV_SEQUENTIAL,  MADV_WILLNEED, MADV_DONTNEED,
      MADV_DONTNEED,   MADV_FREE,           MADV_REMOVE,      MADV_DONTFORK, MADV_DOFORK,
      MADV_WIPEONFORK, MADV_KEEPONFORK,     MADV_DONTDUMP,    MADV_DODUMP,   MADV_POPULATE_READ,
      MADV_COLD,       MADV_POPULATE_WRITE, kDontneedLocked,  MADV_HUGEPAGE, MADV_NOHUGEPAGE,
      kCollapse,       MADV_MERGEABLE,      MADV_UNMERGEABLE, kGuardInstall, kGuardInstall,
      kGuardInstall,   kGuardRemove,        kGuardRemove,     9999};
  static constexpr std::array kSyncFlags = {MS_SYNC, MS_ASYNC,           MS_SYNC | MS_INVALIDATE,
                                            0,       MS_SYNC | MS_ASYNC, 64};

  static constexpr std::array<int, 6> kLockFlags = {0, 0, 0, MLOCK_ONFAULT, MLOCK_ONFAULT, 2};
  static constexpr std::array kLockAllFlags = {MCL_CURRENT,
                                               MCL_FUTURE,
                                               MCL_FUTURE,
                                               MCL_CURRENT | MCL_ONFAULT,
                                               MCL_FUTURE | MCL_ONFAULT,
                                               MCL_ONFAULT,
                                               8,
                                               MCL_CURRENT | MCL_FUTURE};
  static constexpr std::array kLimits = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK};

  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <typename T, std::size_t N>
  T pick(const std::array<T, N>& values) {
    return values[below(N)];
  }

  std::uint64_t address() {
    std::uint64_t a = kRegionStart + below(kRegionPages) * kPage;
    if (one_in(25)) a += 1 + below(kPage - 1);
    return a;
  }
  std::uint64_t byte_address() { return kRegionStart + below(kRegionPages * kPage); }
  std::uint64_t length() {
    if (one_in(30)) return 0;
    if (one_in(60)) return ~0ULL - below(3 * kPage);
    std::uint64_t bytes = (1 + below(one_in(4) ? 16 : 4)) * kPage;
    if (one_in(8)) bytes -= below(kPage);
    return bytes;
  }
  int protection() {
    if (one_in(60)) return 0x40;
    return pick(kProtections);
  }

  int growth() {
    if (one_in(12)) return PROT_GROWSDOWN;
    return one_in(60) ? PROT_GROWSUP : 0;
  }
  Operation seal() {
    Operation op{.call = Call::kSeal, .address = address(), .length = length()};
    if (one_in(3)) op.length = kPage;
    if (one_in(20)) op.flags = 1;
    return op;
  }
  Operation remap_file() {
    Operation op{
        .call = Call::kRemapFile, .address = address(), .length = length(), .offset = below(12)};
    if (one_in(30)) op.protection = PROT_READ;
    if (one_in(30)) op.offset = ~0ULL - below(4);
    if (one_in(30)) op.offset = 1ULL << 52;
    if (one_in(4)) op.flags = MAP_NONBLOCK;
    return op;
  }

  Operation map() {
    Operation op{
        .call = Call::kMap, .address = address(), .length = length(), .protection = protection()};
    op.flags = one_in(3) ? MAP_SHARED : MAP_PRIVATE;
    if (one_in(80)) op.flags = 0;
    if (one_in(20)) op.flags = MAP_SHARED_VALIDATE;
    if (one_in(3))
      op.flags |= MAP_FIXED_NOREPLACE;
    else if (!one_in(4))
      op.flags |= MAP_FIXED;
    if (one_in(12)) op.flags |= MAP_POPULATE;
    if (one_in(12)) op.flags |= MAP_NORESERVE;
    if (one_in(12)) op.flags |= MAP_LOCKED;
    if (one_in(12)) op.flags |= MAP_NONBLOCK;
    if (one_in(30)) op.flags |= MAP_STACK;
    if (one_in(40)) op.flags |= 1 << 25;
    if (one_in(40)) op.flags |= MAP_SYNC;
    if (one_in(40)) op.flags |= MAP_GROWSDOWN;
    // With MAP_NORESERVE Linux maps what cannot be touched (docs/differences.md).
    if (one_in(60) && (op.flags & MAP_NORESERVE) == 0) op.flags |= MAP_HUGETLB;
    if (one_in(40)) op.flags = (op.flags & ~MAP_TYPE) | kMapDroppable;
    if (one_in(3)) {
      op.backing = one_in(4) ? Backing::kReadOnlyFile : Backing::kFile;
      op.offset = below(12) * kPage;
      if (one_in(40)) op.offset += 1 + below(kPage - 1);
      if (one_in(60)) op.offset = ~0ULL << 12;
    } else {
      op.flags |= MAP_ANONYMOUS;
    }
    return op;
  }

  /// Limits and locks that hold for all that follows are taken away again before long.
  Operation limit_or_lock_all() {
    if (one_in(4)) {
      const int flags = pick(kLockAllFlags);
      return {.call = Call::kLockAll, .flags = may_lock_process() ? flags : flags & ~MCL_CURRENT};
    }
    if (one_in(2)) return {.call = Call::kUnlockAll};
    Operation op{.call = Call::kLimit, .flags = static_cast<int>(pick(kLimits))};
    op.length = one_in(2) ? kUnlimitedPages : below(kRegionPages + 8);
    return op;
  }

  Operation remap() {
    Operation op{.call = Call::kRemap,
                 .address = address(),
                 .length = length(),
                 .new_length = length(),
                 .new_address = address()};
    if (one_in(10)) op.length = 0;
    if (!one_in(3)) op.flags = MREMAP_MAYMOVE;
    if (one_in(2)) op.flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
    if (one_in(6)) op.flags |= MREMAP_DONTUNMAP;
    if (one_in(2)) op.new_length = op.length;
    return op;
  }

  std::mt19937_64 engine_;
};

std::string place(std::uint64_t address) {
  if (address < kRegionStart || address >= kRegionEnd) return fmt::format("{:#x}", address);
  const std::uint64_t offset = address - kRegionStart;
  return offset % kPage == 0 ? fmt::format("page {}", offset / kPage)
                             : fmt::format("page {}+{:#x}", offset / kPage, offset % kPage);
}

}  // namespace

std::string describe(const Operation& op) {
  const char* const kBackings[] = {"anonymous", "file", "read-only file"};
  switch (op.call) {
    case Call::kMap:
      return fmt::format("mmap({}, {:#x}, prot {:#x}, flags {:#x}, {}, offset {:#x})",
                         place(op.address), op.length, op.protection, op.flags,
                         kBackings[static_cast<int>(op.backing)], op.offset);
    case Call::kUnmap:
      return fmt::format("munmap({}, {:#x})", place(op.address), op.length);
    case Call::kProtect:
      return fmt::format("mprotect({}, {:#x}, {:#x})", place(op.address), op.length, op.protection);
    case Call::kRemap:
      return fmt::format("mremap({}, {:#x}, {:#x}, flags {}, {})", place(op.address), op.length,
                         op.new_length, op.flags, place(op.new_address));
    case Call::kAdvise:
      return fmt::format("madvise({}, {:#x}, {})", place(op.address), op.length, op.flags);
    case Call::kLock:
      return fmt::format("mlock2({}, {:#x}, {})", place(op.address), op.length, op.flags);
    case Call::kUnlock:
      return fmt::format("munlock({}, {:#x})", place(op.address), op.length);
    case Call::kLockAll:
      return fmt::format("mlockall({})", op.flags);
    case Call::kUnlockAll:
      return "munlockall()";
    case Call::kLimit:
      return fmt::format("setrlimit({}, {} pages)", op.flags, op.length);
    case Call::kSync:
      return fmt::format("msync({}, {:#x}, {})", place(op.address), op.length, op.flags);
    case Call::kSeal:
      return fmt::format("mseal({}, {:#x}, {})", place(op.address), op.length, op.flags);
    case Call::kRemapFile:
      return fmt::format("remap_file_pages({}, {:#x}, {}, {:#x}, {:#x})", place(op.address),
                         op.length, op.protection, op.offset, op.flags);
    case Call::kBind:
      return fmt::format("mbind({}, {:#x}, {})", place(op.address), op.length, op.value);
    case Call::kIncore:
      return fmt::format("mincore({}, {:#x})", place(op.address), op.length);
    case Call::kFork:
      return fmt::format("fork, of whose pages {}, {} ... are written", op.value, op.value + 2);
    case Call::kReadByte:
      return fmt::format("read {}", place(op.address));
    case Call::kWriteByte:
      return fmt::format("write {} = {}", place(op.address), op.value);
  }
  return "?";
}

std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count) {
  Generator generator(seed);
  std::vector<Operation> operations;
  operations.reserve(count);
  for (std::size_t i = 0; i < count; ++i) operations.push_back(generator.next());
  return operations;
}

}  // namespace gonzo::oracle
