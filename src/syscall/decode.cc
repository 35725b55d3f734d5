#include "syscall/decode.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <ctime>

#include "syscall/ioctl_table.h"
#include "syscall/pinned_memory.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::size_t kShownText = 32;  // strace's default
constexpr std::size_t kShownPath = 4096;
constexpr std::size_t kShownElements = 16;
constexpr int kResultColumn = 39;

std::string address_text(std::uint64_t value) {
  return value == 0 ? "NULL" : fmt::format("{:#x}", value);
}

/// Reads and writes down one argument behind a pointer. An address, when it cannot be read.
class PointedText {
 public:
  PointedText(Call& call, unsigned index, std::optional<std::int64_t> result)
      : call_(call),
        argument_(call.row.signature.arguments[index]),
        address_(call[index]),
        result_(result) {}

  std::string text() {
    if (address_ == 0) return "NULL";
    if (argument_.kind == ArgumentKind::kPath) return string(kShownPath);
    if (argument_.kind == ArgumentKind::kString) return string(kShownText);
    switch (argument_.style) {
      case Style::kText:
        return bytes();
      case Style::kTimespec:
        return as<timespec>([](const timespec& t) {
          return fmt::format("{{tv_sec={}, tv_nsec={}}}", t.tv_sec, t.tv_nsec);
        });
      case Style::kTimeval:
        return as<timeval>([](const timeval& t) {
          return fmt::format("{{tv_sec={}, tv_usec={}}}", t.tv_sec, t.tv_usec);
        });
      case Style::kStat:
        return as<struct stat>(stat_text);
      case Style::kSigset:
        return as<SignalSet>(set_text);
      case Style::kSigaction:
        return as<SignalAction>(action_text);
      case Style::kRlimit:
        return as<ResourceLimit>(limit_text);
      case Style::kIntegers:
        return integers();
      case Style::kIovec:
        return array<iovec>(element_count(), [this](const iovec& v) {
          return fmt::format("{{iov_base={}, iov_len={}}}", iov_text(v), v.iov_len);
        });
      case Style::kPollfds:
        return array<pollfd>(element_count(), [this](const pollfd& p) {
          const short events = result_ ? p.revents : p.events;
          return fmt::format("{{fd={}, {}={}}}", p.fd, result_ ? "revents" : "events",
                             symbols::kPollEvents.text(static_cast<unsigned short>(events)));
        });
      case Style::kSocketAddress:
        return socket_address();
      default:
        return address_text(address_);
    }
  }

 private:
  std::string unreadable() const { return address_text(address_); }

  std::string string(std::size_t limit) {
    const auto text = call_.memory().copy_in_string(VirtAddr(address_), kShownPath);
    if (!text) return unreadable();
    return quoted(std::string_view(*text).substr(0, limit), text->size() <= limit);
  }

  std::uint64_t element_count() const { return call_[argument_.counter]; }

  std::uint64_t byte_count() const {
    if (argument_.extent == Extent::kReturned && result_) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(*result_, 0));
    }
    if (argument_.extent == Extent::kFixed) return argument_.size;
    if (argument_.extent == Extent::kValueResult) {
      return call_.memory().load<std::uint32_t>(call_.address(argument_.counter)).value_or(0);
    }
    return element_count() * argument_.size;
  }

  std::string bytes() { return some_bytes(VirtAddr(address_), byte_count()); }

  std::string some_bytes(VirtAddr from, std::uint64_t count) {
    std::array<char, kShownText> shown;
    const auto part = std::span(shown).first(std::min<std::uint64_t>(count, shown.size()));
    if (!call_.memory().copy_in(std::as_writable_bytes(part), from)) {
      return address_text(from.value);
    }
    return quoted({part.data(), part.size()}, count <= shown.size());
  }

  std::string iov_text(const iovec& vector) {
    const VirtAddr base(reinterpret_cast<std::uint64_t>(vector.iov_base));
    return call_.row.signature.arguments[1].direction == Direction::kIn && is_write()
               ? some_bytes(base, vector.iov_len)
               : address_text(base.value);
  }
  bool is_write() const {
    return std::string_view(call_.row.name).find("write") != std::string_view::npos;
  }

  template <typename T, typename Show>
  std::string as(Show show) {
    const auto value = call_.memory().load<T>(VirtAddr(address_));
    return value ? show(*value) : unreadable();
  }

  template <typename T, typename Show>
  std::string array(std::uint64_t count, Show show) {
    std::string result = "[";
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i != 0) result += ", ";
      if (i == kShownElements) return result + "...]";
      const auto value = call_.memory().load<T>(VirtAddr(address_) + i * sizeof(T));
      if (!value) return unreadable();
      result += show(*value);
    }
    return result + "]";
  }

  std::string integers() {
    const std::uint64_t count = argument_.kind == ArgumentKind::kLength
                                    ? 1
                                    : std::max<std::uint64_t>(byte_count() / sizeof(int), 1);
    return array<int>(count, [](int value) { return std::to_string(value); });
  }

  std::string socket_address() {
    sockaddr_storage storage{};
    const auto part = std::as_writable_bytes(std::span(&storage, 1))
                          .first(std::min<std::uint64_t>(byte_count(), sizeof storage));
    if (!call_.memory().copy_in(part, VirtAddr(address_))) return unreadable();
    if (storage.ss_family == AF_UNIX) {
      sockaddr_un local;
      std::memcpy(&local, &storage, sizeof local);
      const std::string_view path(local.sun_path, sizeof local.sun_path);
      const bool abstract = path.front() == '\0';
      const auto shown =
          abstract ? path.substr(1, path.find('\0', 1) - 1) : path.substr(0, path.find('\0'));
      return fmt::format("{{sa_family=AF_UNIX, sun_path={}{}}}", abstract ? "@" : "",
                         quoted(shown, true));
    }
    if (storage.ss_family == AF_INET) {
      sockaddr_in internet;
      std::memcpy(&internet, &storage, sizeof internet);
      std::array<char, INET_ADDRSTRLEN> text{};
      inet_ntop(AF_INET, &internet.sin_addr, text.data(), text.size());
      return fmt::format("{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}",
                         ntohs(internet.sin_port), text.data());
    }
    return fmt::format("{{sa_family={}, ...}}", symbols::kSocketFamily.text(storage.ss_family));
  }

  static std::string stat_text(const struct stat& s) {
    const auto type = [&]() -> const char* {
      switch (s.st_mode & S_IFMT) {
        case S_IFREG:
          return "S_IFREG";
        case S_IFDIR:
          return "S_IFDIR";
        case S_IFLNK:
          return "S_IFLNK";
        case S_IFCHR:
          return "S_IFCHR";
        case S_IFBLK:
          return "S_IFBLK";
        case S_IFIFO:
          return "S_IFIFO";
        case S_IFSOCK:
          return "S_IFSOCK";
        default:
          return "0";
      }
    }();
    const auto size = S_ISCHR(s.st_mode) || S_ISBLK(s.st_mode)
                          ? fmt::format("st_rdev={:#x}", s.st_rdev)
                          : fmt::format("st_size={}", s.st_size);
    return fmt::format("{{st_mode={}|{:#03o}, {}, ...}}", type, s.st_mode & 07777, size);
  }

  static std::string set_text(SignalSet set) {
    const bool many = __builtin_popcountll(set) > 32;
    SignalSet shown = many ? ~set : set;
    std::string result = many ? "~[" : "[";
    for (int signal = 1; signal <= kSignals; ++signal) {
      if ((shown & signal_bit(signal)) == 0) continue;
      if (result.back() != '[') result += ' ';
      const std::string name = signal_name(signal);
      result += name.starts_with("SIG") ? name.substr(3) : name;
    }
    return result + "]";
  }

  static std::string action_text(const SignalAction& action) {
    const std::string handler = action.is_default()  ? "SIG_DFL"
                                : action.is_ignore() ? "SIG_IGN"
                                                     : fmt::format("{:#x}", action.handler);
    return fmt::format("{{sa_handler={}, sa_mask={}, sa_flags={}}}", handler, set_text(action.mask),
                       symbols::kSigaction.text(action.flags));
  }

  static std::string limit_text(const ResourceLimit& limit) {
    const auto one = [](std::uint64_t value) {
      if (value == kUnlimited) return std::string("RLIM64_INFINITY");
      return value != 0 && value % 1024 == 0 ? fmt::format("{}*1024", value / 1024)
                                             : std::to_string(value);
    };
    return fmt::format("{{rlim_cur={}, rlim_max={}}}", one(limit.soft), one(limit.hard));
  }

  Call& call_;
  const Argument& argument_;
  std::uint64_t address_;
  std::optional<std::int64_t> result_;
};

std::string number_text(const Argument& argument, std::uint64_t value) {
  switch (argument.style) {
    case Style::kUnsigned:
      return std::to_string(value);
    case Style::kHex:
      return value == 0 ? "0" : fmt::format("{:#x}", value);
    case Style::kOctal:
      return value == 0 ? "000" : fmt::format("{:#03o}", value);
    case Style::kAddress:
      return address_text(value);
    case Style::kSymbols:
      return argument.symbols->text(value);
    case Style::kSignal:
      return signal_name(static_cast<int>(value));
    case Style::kIoctl: {
      const IoctlRow* row = find_ioctl(static_cast<unsigned>(value));
      return row != nullptr ? row->name : fmt::format("{:#x}", value);
    }
    case Style::kDescriptor:
      return std::to_string(static_cast<int>(value));
    default:
      break;
  }
  return std::to_string(static_cast<std::int64_t>(value));
}

const char* restart_text(std::int64_t result) {
  switch (-result) {
    case restart::kSys:
      return "ERESTARTSYS (To be restarted if SA_RESTART is set)";
    case restart::kNoIntr:
      return "ERESTARTNOINTR (To be restarted)";
    case restart::kNoHand:
      return "ERESTARTNOHAND (To be restarted if no handler)";
    case restart::kBlock:
      return "ERESTART_RESTARTBLOCK (Interrupted by signal)";
    default:
      return nullptr;
  }
}

}  // namespace

std::string quoted(std::string_view bytes, bool complete) {
  std::string result = "\"";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        result += "\\\"";
        continue;
      case '\\':
        result += "\\\\";
        continue;
      case '\n':
        result += "\\n";
        continue;
      case '\t':
        result += "\\t";
        continue;
      case '\r':
        result += "\\r";
        continue;
      case '\v':
        result += "\\v";
        continue;
      case '\f':
        result += "\\f";
        continue;
      default:
        break;
    }
    if (byte >= 0x20 && byte < 0x7f) {
      result += c;
      continue;
    }
    const bool digit_follows =
        i + 1 < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[i + 1])) != 0;
    result += digit_follows ? fmt::format("\\{:03o}", byte) : fmt::format("\\{:o}", byte);
  }
  return result + (complete ? "\"" : "\"...");
}

std::string result_text(const Call& call, std::int64_t result) {
  if (const char* text = restart_text(result)) return fmt::format("? {}", text);
  if (is_error(result)) {
    const auto error = static_cast<Errno>(-result);
    return fmt::format("-1 {} ({})", errno_name(error), errno_text(error));
  }
  switch (call.row.signature.result) {
    case Returns::kAddress:
    case Returns::kHex:
      return fmt::format("{:#x}", static_cast<std::uint64_t>(result));
    case Returns::kOctal:
      return fmt::format("0{:o}", result);
    case Returns::kNothing:
      return "?";
    case Returns::kInteger:
    case Returns::kDescriptor:
      break;
  }
  return std::to_string(result);
}

namespace {
bool is_looked_at(const Call& call, const Argument& argument) {
  return argument.flag_bits == 0 || (call[argument.flag_argument] & argument.flag_bits) != 0;
}
}  // namespace

CallText::CallText(Call& call) {
  if (call.row.signature.absent != Errno{}) {
    for (unsigned i = 0; i < before_.size(); ++i) before_[i] = fmt::format("{:#x}", call[i]);
    count_ = before_.size();
    return;
  }
  count_ = call.row.argument_count();
  while (count_ > 0 && !is_looked_at(call, call.row.signature.arguments[count_ - 1])) --count_;
  for (unsigned i = 0; i < count_; ++i) {
    const Argument& argument = call.row.signature.arguments[i];
    if (!argument.is_pointer()) {
      before_[i] = number_text(argument, call[i]);
    } else if (argument.goes_in()) {
      before_[i] = PointedText(call, i, std::nullopt).text();
    }
  }
}

std::string CallText::finished(Call& call, std::int64_t result) const {
  std::string line = fmt::format("{}(", call.row.name);
  for (unsigned i = 0; i < count_; ++i) {
    const Argument& argument = call.row.signature.arguments[i];
    if (i != 0) line += ", ";
    const bool came_out = argument.is_pointer() && argument.goes_out() && result >= 0;
    if (came_out) {
      const std::string after = PointedText(call, i, result).text();
      const bool changed = !before_[i].empty() && before_[i] != after;
      line += changed ? fmt::format("{} => {}", before_[i], after) : after;
    } else {
      line += before_[i].empty() && argument.is_pointer() ? address_text(call[i]) : before_[i];
    }
  }
  line += ')';
  return fmt::format("{:<{}} = {}", line, kResultColumn, result_text(call, result));
}

std::string CallText::begun(const Call& call) const {
  std::string line = fmt::format("{}(", call.row.name);
  for (unsigned i = 0; i < count_; ++i) {
    line += fmt::format("{}{}", i != 0 ? ", " : "", before_[i]);
  }
  return line + ')';
}

}  // namespace gonzo
