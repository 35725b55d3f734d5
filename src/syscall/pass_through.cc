#include "syscall/pass_through.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "syscall/bad_pointer.h"
#include "syscall/guest_path.h"
#include "syscall/new_descriptor.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {
constexpr int kNoDescriptor = -1;  // the host gives EBADF, where and if it looks at it

std::span<std::int64_t> as_longs(std::span<std::byte> bytes) {
  return {reinterpret_cast<std::int64_t*>(bytes.data()), bytes.size() / sizeof(std::int64_t)};
}

}  // namespace

std::int64_t PassThrough::run() {
  const Signature& signature = call_.row.signature;
  host_ = call_.arguments;
  // Lengths first: buffers need them.
  for (unsigned i = 0; i < 6; ++i) {
    if (signature.arguments[i].kind == ArgumentKind::kLength) prepare_length(i);
  }
  for (unsigned i = 0; i < 6; ++i) prepare(i);

  std::int64_t result = call_.host(call_.row.number, host_);
  if (result < 0) return result;
  for (unsigned i = 0; i < 6; ++i) {
    if (!signature.arguments[i].goes_out() || buffers_[i].bytes.empty()) continue;
    if (auto copied = copy_out(i, result); !copied) {
      if (signature.result == Returns::kDescriptor) ::close(static_cast<int>(result));
      return raw(copied.error());
    }
  }
  return signature.result == Returns::kDescriptor ? adopt_descriptor(result) : result;
}

void PassThrough::prepare(unsigned index) {
  switch (call_.row.signature.arguments[index].kind) {
    case ArgumentKind::kDescriptor:
    case ArgumentKind::kDirectory:
      return prepare_descriptor(index);
    case ArgumentKind::kPath:
    case ArgumentKind::kString:
      return prepare_string(index);
    case ArgumentKind::kBytes:
      return prepare_bytes(index);
    case ArgumentKind::kPointer:
      if (!call_.is_null(index)) host_[index] = call_.bad_pointer.user();
      return;
    case ArgumentKind::kNone:
    case ArgumentKind::kInteger:
    case ArgumentKind::kLength:
      return;
  }
}

void PassThrough::prepare_descriptor(unsigned index) {
  const bool directory = call_.row.signature.arguments[index].kind == ArgumentKind::kDirectory;
  if (directory && call_.integer(index) == AT_FDCWD) return;
  auto file = call_.file(index);
  host_[index] = static_cast<std::uint64_t>(kNoDescriptor);
  if (!file) return;
  files_[index] = std::move(*file);
  host_[index] = static_cast<std::uint64_t>(files_[index]->host_fd());
}

void PassThrough::prepare_string(unsigned index) {
  const Argument& argument = call_.row.signature.arguments[index];
  if (call_.is_null(index) && argument.presence == Presence::kOptional) return;
  auto text = call_.memory().copy_in_string(call_.address(index), argument.limit);
  if (!text && text.error() != Errno::kNameTooLong) {
    host_[index] = call_.bad_pointer.in_place_of(call_.address(index), 1,
                                                 call_.memory().page_table().user_end());
    return;
  }
  // Too long: a string that is too long for the host as well.
  std::string host_text = text ? std::move(*text) : std::string(argument.limit, 'x');
  if (argument.kind == ArgumentKind::kPath) {
    host_text = host_path(call_, directory_before(index), host_text);
  }
  auto bytes = scratch_.take(host_text.size() + 1);
  std::memcpy(bytes.data(), host_text.c_str(), host_text.size() + 1);
  host_[index] = reinterpret_cast<std::uint64_t>(bytes.data());
}

/// The directory that a path is relative to: the argument before it, if that is one.
int PassThrough::directory_before(unsigned index) const {
  const bool has_one =
      index != 0 && call_.row.signature.arguments[index - 1].kind == ArgumentKind::kDirectory;
  return has_one ? call_.integer(index - 1) : AT_FDCWD;
}

void PassThrough::prepare_length(unsigned index) {
  const Argument& argument = call_.row.signature.arguments[index];
  if (call_.is_null(index) && argument.presence == Presence::kOptional) return;
  auto bytes = scratch_.take(sizeof(int));
  if (!call_.memory().copy_in(bytes, call_.address(index))) {
    host_[index] = call_.bad_pointer.user();
    return;
  }
  buffers_[index] = {bytes, bytes.size()};
  host_[index] = reinterpret_cast<std::uint64_t>(bytes.data());
}

std::uint64_t PassThrough::extent_of(unsigned index) {
  const Argument& argument = call_.row.signature.arguments[index];
  if (argument.extent == Extent::kFixed) return argument.size;
  const unsigned counter = argument.counter;
  if (argument.extent == Extent::kValueResult) {
    int length = 0;
    if (buffers_[counter].bytes.empty()) return 0;
    std::memcpy(&length, buffers_[counter].bytes.data(), sizeof length);
    if (length <= 0) return 0;
    length =
        static_cast<int>(std::min<std::uint64_t>(static_cast<unsigned>(length), argument.limit));
    std::memcpy(buffers_[counter].bytes.data(), &length, sizeof length);
    return static_cast<unsigned>(length);
  }
  std::uint64_t count = host_[counter];
  if (call_.row.signature.arguments[counter].style == Style::kSigned) {
    const int narrow = static_cast<int>(count);
    if (narrow < 0) return 0;  // the host refuses it
    count = static_cast<unsigned>(narrow);
  }
  const std::uint64_t most = argument.limit / argument.size;
  if (count > most) {
    count = argument.goes_out() ? most : most + 1;
    if (argument.goes_out()) host_[counter] = most;
  }
  return count * argument.size;
}

void PassThrough::prepare_bytes(unsigned index) {
  const Argument& argument = call_.row.signature.arguments[index];
  if (call_.is_null(index) && argument.presence == Presence::kOptional) return;
  const std::uint64_t bytes = extent_of(index);
  const bool too_large = argument.extent != Extent::kFixed && bytes > argument.limit;
  std::span<std::byte> memory;
  if (!too_large) memory = scratch_.take(bytes);
  if (too_large || (argument.goes_in() && !copy_in(index, memory))) {
    host_[index] = call_.bad_pointer.in_place_of(call_.address(index), bytes,
                                                 call_.memory().page_table().user_end());
    return;
  }
  buffers_[index] = {memory, memory.size()};
  host_[index] =
      bytes != 0 ? reinterpret_cast<std::uint64_t>(memory.data()) : call_.bad_pointer.user();
}

Result<void> PassThrough::copy_in(unsigned index, std::span<std::byte> to) {
  if (call_.row.signature.arguments[index].members == Members::kFixed) {
    return call_.memory().copy_in(to, call_.address(index));
  }
  return load_long_array(call_, call_.address(index), as_longs(to));
}

Result<void> PassThrough::copy_out(unsigned index, std::int64_t result) {
  const Argument& argument = call_.row.signature.arguments[index];
  if (argument.members == Members::kLongs) {
    return store_long_array(call_, call_.address(index), as_longs(buffers_[index].bytes));
  }
  if (argument.members == Members::kStatfs) {
    struct statfs status;
    std::memcpy(&status, buffers_[index].bytes.data(), sizeof status);
    return store_statfs(call_, call_.address(index), status);
  }
  std::uint64_t valid = buffers_[index].capacity;
  if (argument.extent == Extent::kReturned) {
    valid = std::min(valid, static_cast<std::uint64_t>(result) * argument.size);
  } else if (argument.extent == Extent::kValueResult) {
    int length = 0;
    std::memcpy(&length, buffers_[argument.counter].bytes.data(), sizeof length);
    valid = std::min(valid, static_cast<std::uint64_t>(std::max(length, 0)));
  }
  if (valid == 0) return {};  // Linux copies nothing from nowhere to anywhere
  return call_.memory().copy_out(call_.address(index), buffers_[index].bytes.first(valid));
}

std::int64_t PassThrough::adopt_descriptor(std::int64_t host_fd) {
  const CloseOnExecFlag flag = call_.row.signature.close_on_exec;
  const bool wanted =
      flag.argument >= 0 && (call_[static_cast<unsigned>(flag.argument)] & flag.bit) != 0;
  return raw(new_descriptor(call_, static_cast<int>(host_fd),
                            wanted ? CloseOnExec::kYes : CloseOnExec::kNo));
}

}  // namespace gonzo
