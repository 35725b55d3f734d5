// Any sequence of operations leaves the address space and its model in agreement. The first byte
// chooses the page-table format, the index and the fault-around, and which frame allocation fails.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "model/life.h"

namespace {

using namespace gonzo::model;

void expect_nothing(const std::string& wrong) {
  if (wrong.empty()) return;
  fmt::print(stderr, "{}\n", wrong);
  std::abort();
}

Setting setting_of(std::uint8_t byte) {
  constexpr unsigned kFormats = 4;
  const unsigned kind = byte / kFormats % gonzo::kVmaIndexKinds.size();
  return {.format = static_cast<gonzo::PagingFormat>(byte % kFormats),
          .index = gonzo::kVmaIndexKinds[kind],
          .fault_around = (byte & 0x80) != 0 ? 16U : 1U};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Life life(setting_of(data[0]));
  if (data[1] != 0) {
    life.expect_scarcity();
    life.frames().fail_nth(data[1]);
  }
  for (const Operation& operation : operations_from({data + 2, size - 2})) {
    expect_nothing(life.step(operation));
  }
  life.frames().fail_nth(0);
  expect_nothing(life.compare_contents());
  expect_nothing(life.end());
  return 0;
}
