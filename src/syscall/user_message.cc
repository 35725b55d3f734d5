#include "syscall/user_message.h"

#include <algorithm>
#include <cstring>

namespace gonzo {
namespace {

struct NarrowHeader {
  std::uint32_t name;
  std::int32_t name_length;
  std::uint32_t iovecs, iovec_count, control, control_length, flags;
};
static_assert(sizeof(NarrowHeader) == 28);

struct NarrowControl {
  std::uint32_t length;  ///< with this header
  std::int32_t level, type;
};
static_assert(sizeof(NarrowControl) == 12);

constexpr std::size_t aligned(std::size_t bytes, std::size_t alignment) {
  return (bytes + alignment - 1) & ~(alignment - 1);
}
constexpr std::size_t kNarrowAlignment = 4, kNativeAlignment = 8;
static_assert(sizeof(cmsghdr) == 16);

/// A guest's address in a structure of pointers that the runner never follows.
template <typename T>
T* as_pointer(std::uint32_t address) {
  return reinterpret_cast<T*>(std::uintptr_t{address});  // NOLINT(performance-no-int-to-ptr)
}
std::uint32_t as_address(const void* pointer) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

/// Copies control messages, from one header and alignment to another's. `room`: of the result;
/// what does not fit whole is left out.
template <typename From, typename To>
std::vector<std::byte> translate(std::span<const std::byte> from, std::size_t room) {
  constexpr std::size_t kFromAlignment =
      sizeof(From) == sizeof(NarrowControl) ? kNarrowAlignment : kNativeAlignment;
  constexpr std::size_t kToAlignment =
      sizeof(To) == sizeof(NarrowControl) ? kNarrowAlignment : kNativeAlignment;
  std::vector<std::byte> to;
  while (from.size() >= sizeof(From)) {
    From header;
    std::memcpy(&header, from.data(), sizeof header);
    std::size_t length = 0, level = 0, type = 0;
    if constexpr (sizeof(From) == sizeof(NarrowControl)) {
      length = header.length;
      level = static_cast<std::size_t>(header.level);
      type = static_cast<std::size_t>(header.type);
    } else {
      length = header.cmsg_len;
      level = static_cast<std::size_t>(header.cmsg_level);
      type = static_cast<std::size_t>(header.cmsg_type);
    }
    if (length < sizeof(From) || length > from.size()) break;
    const std::size_t data = length - sizeof(From);
    const std::size_t start = aligned(to.size(), kToAlignment);
    if (start + sizeof(To) + data > room) break;
    to.resize(start + sizeof(To) + data);
    To out;
    if constexpr (sizeof(To) == sizeof(NarrowControl)) {
      out = {.length = static_cast<std::uint32_t>(sizeof(To) + data),
             .level = static_cast<std::int32_t>(level),
             .type = static_cast<std::int32_t>(type)};
    } else {
      out = {.cmsg_len = sizeof(To) + data,
             .cmsg_level = static_cast<int>(level),
             .cmsg_type = static_cast<int>(type)};
    }
    std::memcpy(to.data() + start, &out, sizeof out);
    std::memcpy(to.data() + start + sizeof(To), from.data() + sizeof(From), data);
    from = from.subspan(std::min(aligned(length, kFromAlignment), from.size()));
  }
  return to;
}

}  // namespace

Result<msghdr> load_message_header(Call& call, VirtAddr from) {
  if (!call.is_i386()) return call.memory().load<msghdr>(from);
  GONZO_ASSIGN(const auto narrow, call.memory().load<NarrowHeader>(from));
  msghdr header{};
  header.msg_name = as_pointer<void>(narrow.name);
  header.msg_namelen = static_cast<socklen_t>(narrow.name_length);
  header.msg_iov = as_pointer<iovec>(narrow.iovecs);
  header.msg_iovlen = narrow.iovec_count;
  header.msg_control = as_pointer<void>(narrow.control);
  header.msg_controllen = narrow.control_length;
  header.msg_flags = static_cast<int>(narrow.flags);
  return header;
}

Result<void> store_message_header(Call& call, VirtAddr to, const msghdr& header) {
  if (!call.is_i386()) return call.memory().store(to, header);
  return call.memory().store(
      to, NarrowHeader{.name = as_address(header.msg_name),
                       .name_length = static_cast<std::int32_t>(header.msg_namelen),
                       .iovecs = as_address(header.msg_iov),
                       .iovec_count = static_cast<std::uint32_t>(header.msg_iovlen),
                       .control = as_address(header.msg_control),
                       .control_length = static_cast<std::uint32_t>(header.msg_controllen),
                       .flags = static_cast<std::uint32_t>(header.msg_flags)});
}

Result<std::vector<std::byte>> load_control(Call& call, const msghdr& header) {
  std::vector<std::byte> control(header.msg_control != nullptr ? header.msg_controllen : 0);
  const VirtAddr from(reinterpret_cast<std::uint64_t>(header.msg_control));
  GONZO_TRY(call.memory().copy_in(control, from));
  if (!call.is_i386()) return control;
  return translate<NarrowControl, cmsghdr>(control, native_control_room(call, control.size()) * 2);
}

std::size_t native_control_room(const Call& call, std::size_t guest_room) {
  // Exact for one message, which is what there is nearly always.
  constexpr std::size_t kDifference = sizeof(cmsghdr) - sizeof(NarrowControl);
  return call.is_i386() && guest_room != 0 ? guest_room + kDifference : guest_room;
}

Result<std::size_t> store_control(Call& call, const msghdr& header,
                                  std::span<const std::byte> control) {
  const VirtAddr to(reinterpret_cast<std::uint64_t>(header.msg_control));
  if (!call.is_i386()) {
    GONZO_TRY(call.memory().copy_out(to, control));
    return control.size();
  }
  const auto narrow = translate<cmsghdr, NarrowControl>(control, header.msg_controllen);
  GONZO_TRY(call.memory().copy_out(to, narrow));
  return narrow.size();
}

}  // namespace gonzo
