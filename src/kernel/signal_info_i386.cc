#include "kernel/signal_info_i386.h"

#include <csignal>

namespace gonzo {
namespace {

/// What the fields of a siginfo are (Linux: enum siginfo_layout).
enum class Shape : std::uint8_t { kKill, kTimer, kPoll, kFault, kChild, kQueued, kCall };

/// Linux: siginfo_layout().
Shape shape_of(int signal, int code) {
  if (code <= SI_USER || code >= SI_KERNEL) {
    if (code == SI_TIMER) return Shape::kTimer;
    if (code == SI_SIGIO) return Shape::kPoll;
    return code < 0 ? Shape::kQueued : Shape::kKill;
  }
  switch (signal) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
      return Shape::kFault;
    case SIGCHLD:
      return Shape::kChild;
    case SIGPOLL:
      return Shape::kPoll;
    case SIGSYS:
      return Shape::kCall;
    default:
      return Shape::kKill;
  }
}

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
std::uint64_t joined(std::uint32_t low_half, std::uint32_t high_half) {
  return low_half | std::uint64_t{high_half} << 32;
}
std::uint64_t extended(std::uint32_t value) {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)});
}

}  // namespace

I386SignalInfo I386SignalInfo::of(const SignalInfo& info) {
  I386SignalInfo narrow{.signal = info.signal, .error = info.error, .code = info.code};
  const auto& from = info.fields;
  auto& to = narrow.fields;
  switch (shape_of(info.signal, info.code)) {
    case Shape::kKill:
      to[0] = low(from[0]);
      to[1] = high(from[0]);
      break;
    case Shape::kTimer:
    case Shape::kQueued:
      to[0] = low(from[0]);
      to[1] = high(from[0]);
      to[2] = low(from[1]);
      break;
    case Shape::kPoll:
    case Shape::kFault:
      to[0] = low(from[0]);
      to[1] = low(from[1]);
      break;
    case Shape::kChild:
      to[0] = low(from[0]);
      to[1] = high(from[0]);
      to[2] = low(from[1]);
      to[3] = low(from[2]);
      to[4] = low(from[3]);
      break;
    case Shape::kCall:
      to[0] = low(from[0]);
      to[1] = low(from[1]);
      to[2] = high(from[1]);
      break;
  }
  return narrow;
}

SignalInfo I386SignalInfo::widened() const {
  SignalInfo info{.signal = signal, .error = error, .code = code};
  auto& to = info.fields;
  switch (shape_of(signal, code)) {
    case Shape::kKill:
      to[0] = joined(fields[0], fields[1]);
      break;
    case Shape::kTimer:
    case Shape::kQueued:
      to[0] = joined(fields[0], fields[1]);
      to[1] = fields[2];
      break;
    case Shape::kPoll:
      to[0] = extended(fields[0]);
      to[1] = fields[1];
      break;
    case Shape::kFault:
      to[0] = fields[0];
      break;
    case Shape::kChild:
      to[0] = joined(fields[0], fields[1]);
      to[1] = fields[2];
      to[2] = extended(fields[3]);
      to[3] = extended(fields[4]);
      break;
    case Shape::kCall:
      to[0] = fields[0];
      to[1] = joined(fields[1], fields[2]);
      break;
  }
  return info;
}

}  // namespace gonzo
