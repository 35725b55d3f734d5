#include "syscall/i386/table.h"

namespace gonzo {
namespace {

constexpr std::uint32_t kSelect = 82, kMmap = 90, kSocketcall = 102;
constexpr std::uint32_t kNewSelect = 142, kMmapInPages = 192;

struct SocketCall {
  std::uint32_t number;    ///< of its own call
  std::uint8_t arguments;  ///< read from memory
};
/// By SYS_SOCKET ... SYS_SENDMMSG (linux/net.h), from 1 on.
constexpr std::array<SocketCall, 20> kSocketCalls{{
    {359, 3},  // socket
    {361, 3},  // bind
    {362, 3},  // connect
    {363, 2},  // listen
    {364, 3},  // accept: accept4 without flags
    {367, 3},  // getsockname
    {368, 3},  // getpeername
    {360, 4},  // socketpair
    {369, 4},  // send: sendto without an address
    {371, 4},  // recv
    {369, 6},  // sendto
    {371, 6},  // recvfrom
    {373, 2},  // shutdown
    {366, 5},  // setsockopt
    {365, 5},  // getsockopt
    {370, 3},  // sendmsg
    {372, 3},  // recvmsg
    {364, 4},  // accept4
    {337, 5},  // recvmmsg
    {345, 4},  // sendmmsg
}};

Result<Arguments> load_arguments(AddressSpace& memory, std::uint64_t from, std::size_t count) {
  std::array<std::uint32_t, 6> words{};
  const auto bytes = std::as_writable_bytes(std::span(words).first(count));
  GONZO_TRY(memory.copy_in(bytes, VirtAddr(from)));
  Arguments arguments;
  std::ranges::copy(words, arguments.begin());
  return arguments;
}

}  // namespace

Result<std::optional<I386Redirection>> redirect_i386(AddressSpace& memory, std::uint32_t number,
                                                     const Arguments& arguments) {
  using Redirected = std::optional<I386Redirection>;
  switch (number) {
    case kSocketcall: {
      const std::uint64_t which = arguments[0] - 1;
      if (which >= kSocketCalls.size()) return fail(Errno::kInval);
      const SocketCall& call = kSocketCalls[which];
      GONZO_ASSIGN(const Arguments loaded, load_arguments(memory, arguments[1], call.arguments));
      return Redirected({call.number, loaded});
    }
    case kSelect: {
      GONZO_ASSIGN(const Arguments loaded, load_arguments(memory, arguments[0], 5));
      return Redirected({kNewSelect, loaded});
    }
    case kMmap: {
      GONZO_ASSIGN(Arguments loaded, load_arguments(memory, arguments[0], 6));
      if (loaded[5] % kPageSize != 0) return fail(Errno::kInval);
      loaded[5] >>= kPageShift;
      return Redirected({kMmapInPages, loaded});
    }
    default:
      return Redirected();
  }
}

}  // namespace gonzo
