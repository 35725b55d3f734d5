// Gonzo as a subject: an AddressSpace that nothing executes, accesses by fault and walk.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "oracle/observation.h"
#include "oracle/test_file.h"
#include <gonzo/base/check.h>
#include <gonzo/cache/host_file.h>
#include <gonzo/cache/page_cache.h>
#include <gonzo/mm/address_space.h>

namespace gonzo::oracle {
namespace {

template <typename T>
std::int64_t outcome(const Result<T>& result) {
  return result ? 0 : -static_cast<std::int64_t>(result.error());
}

int code_of(FaultOutcome fault) {
  if (fault == FaultOutcome::kNoMapping) return SEGV_MAPERR;
  if (fault == FaultOutcome::kNoAccess) return SEGV_ACCERR;
  return BUS_ADRERR;
}

/// Pages from the host, zero until touched.
class HostMemory {
 public:
  explicit HostMemory(std::size_t bytes)
      : bytes_(bytes),
        memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    GONZO_CHECK(memory_ != MAP_FAILED);
  }
  ~HostMemory() { munmap(memory_, bytes_); }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  std::span<std::byte> span() const { return {static_cast<std::byte*>(memory_), bytes_}; }

 private:
  std::size_t bytes_;
  void* memory_;
};

class GonzoSubject {
 public:
  explicit GonzoSubject(VmaIndexKind index) {
    frames_ = FrameAllocator::create({.memory = memory_.span()}).value();
    manager_ = MemoryManager::create(*frames_, {}).value();
    pages_ = std::make_unique<PageCache>(*frames_, PageCache::Config{});
    object_ = pages_->open(HostFile::open(file_.writable()).value()).value();
    fill_cache();
    space_ = AddressSpace::create(*manager_, cache_, {.index = index}).value();
  }
  ~GonzoSubject() {
    space_.reset();
    object_.reset();
    pages_.reset();
    manager_.reset();
    GONZO_CHECK(frames_->check_all_free().empty());
  }
  GonzoSubject(const GonzoSubject&) = delete;
  GonzoSubject& operator=(const GonzoSubject&) = delete;

  Observation run(const Operation& op) {
    if (refill_) fill_cache();
    refill_ = makes_holes(op);
    Observation seen;
    std::string child;
    if (op.call == Call::kReadByte || op.call == Call::kWriteByte) {
      seen = access(*space_, op);
    } else if (op.call == Call::kFork) {
      child = fork(op);
    } else {
      seen.result = call(op);
    }
    look(*space_, seen);
    seen.maps += child;
    return seen;
  }

 private:
  static void look(AddressSpace& space, Observation& seen) {
    seen.residency = residency(space);
    seen.maps = region_of_maps(space.maps_text());
    const AddressSpaceCounts counts = space.counts();
    seen.counts = Counts{.total = counts.total,
                         .data = counts.data,
                         .stack = counts.stack,
                         .exec = counts.exec,
                         .locked = counts.locked}
                      .text();
    const std::string wrong = space.verify();
    if (!wrong.empty()) seen.maps += "verify: " + wrong;
  }

  std::string fork(const Operation& op) {
    const auto child = space_->fork(cache_).value();
    Observation seen;
    look(*child, seen);
    const std::string text = child_text(
        op, seen, [this, &child](const Operation& touch) { return access(*child, touch); });
    const std::string wrong = child->verify();
    return wrong.empty() ? text : text + "verify: " + wrong;
  }

  /// The live kernel has every page of a file that was just written.
  void fill_cache() {
    for (std::uint64_t page = 0; page * kPageSize < kFileBytes; ++page) {
      frames_->put(object_->get_page(page, PageIntent::kRead).value().pfn);
    }
  }

  Observation access(AddressSpace& space, const Operation& op) {
    Observation seen;
    const Access kind = op.call == Call::kReadByte ? Access::kRead : Access::kWrite;
    const VirtAddr address(op.address);
    for (;;) {
      const auto translation = walk(*frames_, PagingFormat::kFourLevel, space.page_table().root(),
                                    address, kind, Privilege::kUser);
      if (translation) {
        std::byte& byte = *frames_->address(translation->physical);
        if (kind == Access::kRead) {
          seen.result = static_cast<std::uint8_t>(byte);
        } else {
          byte = std::byte{op.value};
        }
        return seen;
      }
      const FaultOutcome fault = space.fault(address, kind);
      if (mended(fault)) continue;
      seen.signal = fault == FaultOutcome::kBeyondObject ? SIGBUS : SIGSEGV;
      seen.signal_code = code_of(fault);
      seen.signal_address = op.address;
      return seen;
    }
  }

  std::int64_t call(const Operation& op) {
    const VirtAddr address(op.address);
    switch (op.call) {
      case Call::kMap:
        return tidy(space_->map({.hint = address,
                                 .length = op.length,
                                 .protection = op.protection,
                                 .flags = op.flags,
                                 .object = op.backing == Backing::kAnonymous ? ObjectRef()
                                                                             : ObjectRef(object_),
                                 .offset = op.offset,
                                 .open_file = static_cast<std::uint64_t>(op.backing),
                                 .object_writable = op.backing != Backing::kReadOnlyFile}),
                    op.length);
      case Call::kUnmap:
        return outcome(space_->unmap(address, op.length));
      case Call::kProtect:
        return outcome(space_->protect(address, op.length, op.protection));
      case Call::kRemap:
        return tidy(
            space_->remap(address, op.length, op.new_length, op.flags, VirtAddr(op.new_address)),
            op.new_length);
      case Call::kAdvise:
        return outcome(space_->advise(address, op.length, op.flags));
      case Call::kLock:
        return outcome(space_->lock_memory(address, op.length, op.flags));
      case Call::kUnlock:
        return outcome(space_->unlock_memory(address, op.length));
      case Call::kLockAll:
        return outcome(space_->lock_all(op.flags));
      case Call::kUnlockAll:
        space_->unlock_all();
        return 0;
      case Call::kLimit:
        limit(op.flags, op.length);
        return 0;
      case Call::kSeal:
        return outcome(space_->seal(address, op.length, static_cast<unsigned>(op.flags)));
      case Call::kRemapFile:
        return outcome(space_->remap_pages(address, op.length, op.protection, op.offset, op.flags));
      case Call::kBind:
        return bind(op);
      case Call::kSync:
        return outcome(space_->sync(address, op.length, op.flags));
      default:
        vector_.resize(1 << 16);
        return outcome(space_->incore(address, op.length, vector_));
    }
  }

  void limit(int resource, std::uint64_t pages) {
    AddressSpaceLimits limits = space_->limits();
    std::uint64_t& limit = resource == RLIMIT_AS     ? limits.address_space
                           : resource == RLIMIT_DATA ? limits.data
                                                     : limits.locked;
    limit = pages * kPageSize;
    // The live process has data of its own: its limit is never 0.
    if (resource == RLIMIT_DATA) limits.hard_data = limit;
    space_->set_limits(limits);
  }

  /// The checks before AddressSpace's are the system call's own.
  std::int64_t bind(const Operation& op) {
    const VirtAddr start(op.address);
    if (!start.is_page_aligned()) return -EINVAL;
    const std::uint64_t length = page_ceil(op.length);
    if (start + length < start) return -EINVAL;
    if (length == 0) return 0;
    MemoryPolicyRef policy;
    if (op.value != 0) {
      auto* const made = new MemoryPolicy;
      policy = MemoryPolicyRef(made);
      made->mode = op.value;
      made->nodes = made->user_nodes = 1;
    }
    using Holes = AddressSpace::Holes;
    return outcome(
        space_->set_policy(start, length, policy, op.value == 0 ? Holes::kSkip : Holes::kRefuse));
  }

  std::int64_t tidy(const Result<VirtAddr>& result, std::uint64_t length) {
    if (!result) return -static_cast<std::int64_t>(result.error());
    if (*result >= VirtAddr(kRegionStart) && *result < VirtAddr(kRegionEnd)) {
      return static_cast<std::int64_t>(result->value);
    }
    GONZO_CHECK(space_->unmap(*result, length).has_value());
    return kElsewhere;
  }

  static std::string residency(AddressSpace& space) {
    std::string text;
    for (std::uint64_t page = 0; page < kRegionPages; ++page) {
      std::uint8_t one = 0;
      const bool mapped =
          space.incore(VirtAddr(kRegionStart + page * kPageSize), kPageSize, std::span(&one, 1))
              .has_value();
      text += !mapped ? '-' : (one & 1) != 0 ? '1' : '0';
    }
    return text;
  }

  HostMemory memory_{std::size_t{64} << 20};
  TestFile file_;
  NoTranslationCache cache_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<MemoryManager> manager_;
  std::unique_ptr<PageCache> pages_;
  CachedFileRef object_;
  std::unique_ptr<AddressSpace> space_;
  std::vector<std::uint8_t> vector_;
  bool refill_ = false;
};

}  // namespace

std::vector<Observation> run_on_gonzo(const std::vector<Operation>& operations,
                                      VmaIndexKind index) {
  GonzoSubject subject(index);
  std::vector<Observation> seen;
  seen.reserve(operations.size());
  for (const Operation& op : operations) seen.push_back(subject.run(op));
  return seen;
}

}  // namespace gonzo::oracle
