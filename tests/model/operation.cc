#include "model/operation.h"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace gonzo::model {
namespace {

constexpr std::array<const char*, kActions> kActionNames = {
    "map",  "place",  "unmap", "protect", "move",     "resize", "dontneed", "guard", "unguard",
    "lock", "unlock", "read",  "write",   "truncate", "fork",   "switch",   "exit"};
constexpr std::array<const char*, kBackings> kBackingNames = {"anonymous", "shared anonymous",
                                                              "private file", "shared file"};
constexpr std::size_t kBytes = 8;

}  // namespace

std::ostream& operator<<(std::ostream& out, const Operation& op) {
  return out << fmt::format("{} page {} +{} prot {} {} object {} offset {} value {}\n",
                            kActionNames[static_cast<std::size_t>(op.action)], op.page, op.pages,
                            op.protection, kBackingNames[static_cast<std::size_t>(op.backing)],
                            op.object, op.offset, op.value);
}

std::vector<Operation> operations_from(std::span<const std::uint8_t> bytes) {
  std::vector<Operation> operations;
  for (; bytes.size() >= kBytes; bytes = bytes.subspan(kBytes)) {
    operations.push_back({.action = static_cast<Action>(bytes[0] % kActions),
                          .backing = static_cast<Backing>(bytes[1] % kBackings),
                          .page = static_cast<std::uint8_t>(bytes[2] % kWindowPages),
                          .pages = static_cast<std::uint8_t>(1 + bytes[3] % kMaxPages),
                          .protection = static_cast<std::uint8_t>(bytes[4] % 8),
                          .object = static_cast<std::uint8_t>(bytes[5] % kObjects),
                          .offset = static_cast<std::uint8_t>(bytes[6] % kWindowPages),
                          .value = bytes[7]});
  }
  return operations;
}

}  // namespace gonzo::model
