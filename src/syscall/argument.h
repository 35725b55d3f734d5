// How one argument of a system call is described: what it is, which way its bytes go, how many they
// are and how a trace shows it. The pass-through driver and the trace read the same description.
#pragma once

#include <sys/socket.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "syscall/symbols.h"

namespace gonzo {

enum class ArgumentKind : std::uint8_t {
  kNone,        ///< there is no such argument
  kInteger,     ///< goes to the host as it is
  kDescriptor,  ///< a guest descriptor
  kDirectory,   ///< a guest descriptor or AT_FDCWD; an absolute path makes it irrelevant
  kPath,        ///< a file name: NUL within PATH_MAX bytes
  kString,      ///< another string: NUL within `limit` bytes
  kBytes,       ///< a pointer to bytes, as many as `extent` says
  kLength,      ///< a pointer to the int that gives and takes the length of another argument
  kPointer,     ///< a guest address that the handler deals with itself
};

enum class Direction : std::uint8_t { kIn, kOut, kInOut };

enum class Presence : std::uint8_t { kRequired, kOptional };

/// How many bytes a kBytes argument has.
enum class Extent : std::uint8_t {
  kFixed,        ///< `size`
  kCounted,      ///< `size` times the argument `counter`
  kReturned,     ///< room for `size` times the argument `counter`; valid are as many as the call
                 ///< returns
  kValueResult,  ///< room for what the int behind the argument `counter` says; valid: what it says
                 ///< then
};

/// What a structure consists of, where that depends on who calls.
enum class Members : std::uint8_t {
  kFixed,  ///< the same for all
  kLongs,  ///< nothing but longs: times, most of them
  kStatfs,
};

/// How a trace shows the value.
enum class Style : std::uint8_t {
  kSigned,
  kUnsigned,
  kHex,
  kOctal,
  kAddress,
  kSymbols,     ///< by `symbols`
  kSignal,      ///< a signal's number
  kIoctl,       ///< an ioctl's request
  kDescriptor,  ///< 32 bits, signed
  kText,        ///< bytes as a quoted string
  kOpaque,      ///< bytes: only their address
  kTimespec,
  kTimeval,
  kStat,
  kIntegers,  ///< an array of int
  kIovec,     ///< an array of struct iovec
  kPollfds,   ///< an array of struct pollfd
  kSigset,
  kSigaction,
  kSocketAddress,
  kRlimit,
};

struct Argument {
  ArgumentKind kind = ArgumentKind::kNone;
  Style style = Style::kSigned;
  Direction direction = Direction::kIn;
  Presence presence = Presence::kRequired;
  Extent extent = Extent::kFixed;
  std::uint8_t counter = 0;  ///< index of the argument that holds the count
  std::uint32_t size = 0;    ///< bytes of the structure or of one element, for x86-64
  Members members = Members::kFixed;
  std::uint32_t limit = 65536;  ///< bytes: a larger buffer is treated as if it were this large
  const SymbolSet* symbols = nullptr;
  std::uint8_t flag_argument = 0;  ///< looked at only if that argument has one of `flag_bits`
  std::uint32_t flag_bits = 0;     ///< 0: always looked at

  /// Defined before its users, which are evaluated at compile time.
  template <typename Member, typename Value>
  constexpr Argument with(Member Argument::* member, Value value) const {
    Argument copy = *this;
    copy.*member = value;
    return copy;
  }

  constexpr Argument shown_as(Style s) const { return with(&Argument::style, s); }
  constexpr Argument made_of(Members m) const { return with(&Argument::members, m); }
  constexpr Argument or_null() const { return with(&Argument::presence, Presence::kOptional); }
  constexpr Argument at_most(std::uint32_t bytes) const { return with(&Argument::limit, bytes); }

  constexpr Argument only_with(std::uint8_t argument, std::uint32_t bits) const {
    return with(&Argument::flag_argument, argument).with(&Argument::flag_bits, bits);
  }

  constexpr bool is_pointer() const {
    return kind == ArgumentKind::kPath || kind == ArgumentKind::kString ||
           kind == ArgumentKind::kBytes || kind == ArgumentKind::kLength ||
           kind == ArgumentKind::kPointer;
  }
  constexpr bool goes_in() const { return direction != Direction::kOut; }
  constexpr bool goes_out() const { return direction != Direction::kIn; }
};

// The words that rows are written in.

constexpr Argument integer() { return {.kind = ArgumentKind::kInteger}; }
constexpr Argument size() { return integer().shown_as(Style::kUnsigned); }
constexpr Argument hex() { return integer().shown_as(Style::kHex); }
constexpr Argument mode() { return integer().shown_as(Style::kOctal); }
/// An address that is only a number here (munmap's first argument).
constexpr Argument address() { return integer().shown_as(Style::kAddress); }
constexpr Argument signal_number() { return integer().shown_as(Style::kSignal); }
constexpr Argument flags(const SymbolSet& set) {
  return {.kind = ArgumentKind::kInteger, .style = Style::kSymbols, .symbols = &set};
}
constexpr Argument fd() { return {.kind = ArgumentKind::kDescriptor, .style = Style::kDescriptor}; }
constexpr Argument dirfd() {
  return {.kind = ArgumentKind::kDirectory,
          .style = Style::kSymbols,
          .symbols = &symbols::kDirectoryFd};
}
constexpr Argument path() {
  return {.kind = ArgumentKind::kPath, .style = Style::kText, .limit = PATH_MAX};
}
constexpr Argument string(std::uint32_t limit) {
  return {.kind = ArgumentKind::kString, .style = Style::kText, .limit = limit};
}

namespace detail {
constexpr Argument bytes(Direction direction, Extent extent, std::uint8_t counter,
                         std::uint32_t element) {
  return {.kind = ArgumentKind::kBytes,
          .style = element == 1 ? Style::kText : Style::kOpaque,
          .direction = direction,
          .extent = extent,
          .counter = counter,
          .size = element};
}
}  // namespace detail

constexpr Argument in_struct(std::uint32_t bytes) {
  return detail::bytes(Direction::kIn, Extent::kFixed, 0, bytes).shown_as(Style::kOpaque);
}
constexpr Argument out_struct(std::uint32_t bytes) {
  return detail::bytes(Direction::kOut, Extent::kFixed, 0, bytes).shown_as(Style::kOpaque);
}
constexpr Argument inout_struct(std::uint32_t bytes) {
  return detail::bytes(Direction::kInOut, Extent::kFixed, 0, bytes).shown_as(Style::kOpaque);
}
/// `counter` is the index of the argument with the number of elements.
constexpr Argument in_buffer(std::uint8_t counter, std::uint32_t element = 1) {
  return detail::bytes(Direction::kIn, Extent::kCounted, counter, element);
}
constexpr Argument out_buffer(std::uint8_t counter, std::uint32_t element = 1) {
  return detail::bytes(Direction::kOut, Extent::kReturned, counter, element);
}
/// The call fills all of it.
constexpr Argument out_array(std::uint8_t counter, std::uint32_t element = 1) {
  return detail::bytes(Direction::kOut, Extent::kCounted, counter, element);
}
/// The argument `counter` is a length().
constexpr Argument out_with_length(std::uint8_t counter) {
  return detail::bytes(Direction::kOut, Extent::kValueResult, counter, 1);
}
constexpr Argument length() {
  return {.kind = ArgumentKind::kLength,
          .style = Style::kIntegers,
          .direction = Direction::kInOut,
          .size = sizeof(int)};
}
constexpr Argument in_sockaddr(std::uint8_t counter) {
  return in_buffer(counter).shown_as(Style::kSocketAddress).at_most(sizeof(sockaddr_storage));
}
constexpr Argument out_sockaddr(std::uint8_t counter) {
  return out_with_length(counter).shown_as(Style::kSocketAddress).at_most(sizeof(sockaddr_storage));
}
/// Guest memory that the handler reaches by itself; `bytes` of it are shown when not 0.
constexpr Argument pointer(Direction direction = Direction::kIn, Style style = Style::kAddress,
                           std::uint32_t bytes = 0) {
  return {.kind = ArgumentKind::kPointer, .style = style, .direction = direction, .size = bytes};
}
/// The same, as many elements as the argument `counter` says.
constexpr Argument pointer_counted(Direction direction, Style style, std::uint8_t counter,
                                   std::uint32_t element, Extent extent = Extent::kCounted) {
  return {.kind = ArgumentKind::kPointer,
          .style = style,
          .direction = direction,
          .extent = extent,
          .counter = counter,
          .size = element};
}

}  // namespace gonzo
