// Waiting for descriptors.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>
#include <optional>
#include <tuple>
#include <vector>

#include "syscall/handlers.h"
#include "syscall/pass_through.h"
#include "syscall/table.h"
#include "syscall/temporary_mask.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr int kClosedDescriptor = INT_MAX;  // POLLNVAL from the host
constexpr std::int64_t kNanosecond = 1'000'000'000;
constexpr int kMostSelected = 1 << 20;

std::uint64_t pointer_of(const void* p) { return reinterpret_cast<std::uint64_t>(p); }

/// `timeout` counts down, as the host does it; none: no limit.
std::int64_t host_poll(Call& call, std::vector<pollfd>& descriptors,
                       std::optional<timespec>& timeout) {
  return call.host(SYS_ppoll, {pointer_of(descriptors.data()), descriptors.size(),
                               timeout ? pointer_of(&*timeout) : 0, 0, sizeof(SignalSet)});
}

std::int64_t poll_with(Call& call, std::optional<timespec>& timeout) {
  const unsigned count = call.word(1);
  if (count > call.process().limits()[RLIMIT_NOFILE].soft) return -EINVAL;
  std::vector<pollfd> guest(count);
  const auto bytes = std::as_writable_bytes(std::span(guest));
  if (auto copied = call.memory().copy_in(bytes, call.address(0)); !copied) {
    return raw(copied.error());
  }
  std::vector<OpenFileRef> held;
  std::vector<pollfd> host = guest;
  for (pollfd& entry : host) {
    if (entry.fd < 0) continue;
    auto file = call.files().get(entry.fd);
    entry.fd = file ? (*file)->host_fd() : kClosedDescriptor;
    if (file) held.push_back(std::move(*file));
  }
  const std::int64_t result = host_poll(call, host, timeout);
  if (result < 0) return result;
  for (unsigned i = 0; i < count; ++i) guest[i].revents = host[i].revents;
  const auto copied = call.memory().copy_out(call.address(0), bytes);
  return copied ? result : raw(copied.error());
}

/// The three sets of select, as words of 64 bits. Linux: fd_set_bits.
class DescriptorSets {
 public:
  DescriptorSets(Call& call, int count) : call_(call), count_(count) {}

  Result<void> load() {
    for (unsigned set = 0; set < 3; ++set) {
      sets_[set].assign(words(), 0);
      if (call_.is_null(1 + set) || words() == 0) continue;
      const auto bytes = std::as_writable_bytes(std::span(sets_[set]));
      GONZO_TRY(call_.memory().copy_in(bytes.first(guest_bytes()), call_.address(1 + set)));
    }
    return {};
  }

  /// EBADF: a member is not open.
  Result<void> translate() {
    for (int fd = 0; fd < count_; ++fd) {
      short events = 0;
      for (unsigned set = 0; set < 3; ++set) {
        if (has(set, fd)) events = static_cast<short>(events | kWanted[set]);
      }
      if (events == 0) continue;
      GONZO_ASSIGN(OpenFileRef file, call_.files().get(fd));
      polled_.push_back({file->host_fd(), events, 0});
      numbers_.push_back(fd);
      held_.push_back(std::move(file));
    }
    return {};
  }

  /// How many bits are set in what is stored.
  Result<std::int64_t> store() {
    std::int64_t ready = 0;
    std::array<std::vector<std::uint64_t>, 3> out;
    for (auto& set : out) set.assign(words(), 0);
    for (std::size_t i = 0; i < polled_.size(); ++i) {
      for (unsigned set = 0; set < 3; ++set) {
        if (!has(set, numbers_[i]) || (polled_[i].revents & kReady[set]) == 0) continue;
        out[set][word(numbers_[i])] |= bit(numbers_[i]);
        ++ready;
      }
    }
    for (unsigned set = 0; set < 3; ++set) {
      if (call_.is_null(1 + set) || words() == 0) continue;
      const auto bytes = std::as_bytes(std::span(out[set]));
      GONZO_TRY(call_.memory().copy_out(call_.address(1 + set), bytes.first(guest_bytes())));
    }
    return ready;
  }

  std::vector<pollfd>& polled() { return polled_; }

 private:
  // Linux: POLLIN_SET, POLLOUT_SET, POLLEX_SET (fs/select.c).
  static constexpr std::array<short, 3> kWanted = {POLLIN | POLLRDNORM | POLLRDBAND,
                                                   POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI};
  static constexpr std::array<short, 3> kReady = {
      POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
      POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI};

  /// Whole longs of the caller's.
  std::size_t guest_bytes() const {
    const std::size_t bits = call_.is_i386() ? 32 : 64;
    return (static_cast<std::size_t>(count_) + bits - 1) / bits * (bits / 8);
  }
  std::size_t words() const { return (static_cast<std::size_t>(count_) + 63) / 64; }
  static std::size_t word(int fd) { return static_cast<std::size_t>(fd) / 64; }
  static std::uint64_t bit(int fd) { return std::uint64_t{1} << (static_cast<unsigned>(fd) % 64); }
  bool has(unsigned set, int fd) const { return (sets_[set][word(fd)] & bit(fd)) != 0; }

  Call& call_;
  int count_;
  std::array<std::vector<std::uint64_t>, 3> sets_;
  std::vector<pollfd> polled_;
  std::vector<int> numbers_;
  std::vector<OpenFileRef> held_;
};

std::int64_t select_with(Call& call, std::optional<timespec>& timeout) {
  if (call.integer(0) < 0) return -EINVAL;
  const auto numbers = call.files().numbers();
  const int open_end = numbers.empty() ? 0 : numbers.back() + 1;
  // Linux looks at no more of the sets than its descriptor table has room for.
  DescriptorSets sets(call, std::min({call.integer(0), std::max(open_end, 64), kMostSelected}));
  if (auto loaded = sets.load(); !loaded) return raw(loaded.error());
  if (auto translated = sets.translate(); !translated) return raw(translated.error());
  const std::int64_t result = host_poll(call, sets.polled(), timeout);
  return result < 0 ? result : raw(sets.store());
}

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kNanosecond;
}

/// Linux: poll_select_copy_remaining. Where it cannot be stored, nothing is said.
void store_remaining(Call& call, unsigned argument, const std::optional<timespec>& left,
                     bool as_timeval) {
  if (!left) return;
  if (as_timeval) {
    const timeval value{left->tv_sec, left->tv_nsec / 1000};
    std::ignore = store_longs(call, call.address(argument), value);
  } else {
    std::ignore = store_longs(call, call.address(argument), *left);
  }
}

/// pselect6's last argument, which stands for two.
struct MaskArgument {
  VirtAddr set;
  std::uint64_t size = 0;
};
Result<MaskArgument> load_mask_argument(Call& call, VirtAddr from) {
  if (from == VirtAddr()) return MaskArgument{};
  if (call.is_i386()) {
    GONZO_ASSIGN(const auto narrow, (call.memory().load<std::array<std::uint32_t, 2>>(from)));
    return MaskArgument{VirtAddr(narrow[0]), narrow[1]};
  }
  GONZO_ASSIGN(const auto wide, (call.memory().load<std::array<std::uint64_t, 2>>(from)));
  return MaskArgument{VirtAddr(wide[0]), wide[1]};
}

Result<std::optional<timespec>> load_timespec(Call& call, unsigned argument) {
  if (call.is_null(argument)) return std::optional<timespec>{};
  GONZO_ASSIGN(const timespec time, load_longs<timespec>(call, call.address(argument)));
  if (!is_valid(time)) return fail(Errno::kInval);
  return std::optional<timespec>{time};
}

}  // namespace

std::int64_t sys_poll(Call& call) {
  std::optional<timespec> timeout;
  const int milliseconds = call.integer(2);
  if (milliseconds >= 0) {
    timeout = timespec{milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  }
  return poll_with(call, timeout);
}

std::int64_t sys_ppoll(Call& call) {
  auto timeout = load_timespec(call, 2);
  if (!timeout) return raw(timeout.error());
  if (auto mask = begin_temporary_mask(call, call.address(3), call[4]); !mask) {
    return raw(mask.error());
  }
  const std::int64_t result = end_temporary_mask(call, poll_with(call, *timeout));
  store_remaining(call, 2, *timeout, false);
  return result;
}

std::int64_t sys_select(Call& call) {
  std::optional<timespec> timeout;
  if (!call.is_null(4)) {
    const auto given = load_longs<timeval>(call, call.address(4));
    if (!given) return raw(given.error());
    if (given->tv_sec < 0 || given->tv_usec < 0) return -EINVAL;
    timeout =
        timespec{given->tv_sec + given->tv_usec / 1'000'000, (given->tv_usec % 1'000'000) * 1000};
  }
  const std::int64_t result = select_with(call, timeout);
  store_remaining(call, 4, timeout, true);
  return result;
}

std::int64_t sys_pselect6(Call& call) {
  const auto mask = load_mask_argument(call, call.address(5));
  if (!mask) return raw(mask.error());
  auto timeout = load_timespec(call, 4);
  if (!timeout) return raw(timeout.error());
  if (auto begun = begin_temporary_mask(call, mask->set, mask->size); !begun) {
    return raw(begun.error());
  }
  const std::int64_t result = end_temporary_mask(call, select_with(call, *timeout));
  store_remaining(call, 4, *timeout, false);
  return result;
}

std::int64_t sys_epoll_ctl(Call& call) {
  epoll_event event{};
  const bool has_event = call.integer(1) != EPOLL_CTL_DEL;
  if (has_event) {
    const auto given = call.memory().load<epoll_event>(call.address(3));
    if (!given) return raw(given.error());
    event = *given;
  }
  const auto set = call.file(0), target = call.file(2);
  if (!set || !target) return -EBADF;
  const auto host_fd = (*target)->host_fd_in_epoll(call.integer(2));
  if (!host_fd) return raw(host_fd.error());
  return call.host(SYS_epoll_ctl, {static_cast<std::uint64_t>((*set)->host_fd()), call[1],
                                   static_cast<std::uint64_t>(*host_fd), pointer_of(&event)});
}

std::int64_t sys_epoll_pwait(Call& call) {
  if (auto mask = begin_temporary_mask(call, call.address(4), call[5]); !mask) {
    return raw(mask.error());
  }
  call.arguments[4] = 0;  // the host needs none: signals come to us
  return end_temporary_mask(call, PassThrough(call).run());
}

}  // namespace gonzo
