#include "oracle/observation.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <sstream>

namespace gonzo::oracle {

bool makes_holes(const Operation& op) {
  return op.call == Call::kAdvise && op.flags == MADV_REMOVE;
}

std::string describe(const Observation& o) {
  std::string text = fmt::format("  result {}", o.result);
  if (o.signal != 0) {
    text += fmt::format(", signal {} code {} at {:#x}", o.signal, o.signal_code, o.signal_address);
  }
  return text + "\n  residency " + o.residency + "\n  " + o.counts + "\n" + o.maps;
}

std::string child_text(const Operation& fork, const Observation& seen,
                       FunctionRef<Observation(const Operation&)> access) {
  std::string text = "child:\n" + describe(seen) + "  reads";
  const auto touch = [&](Call call, std::uint64_t page) {
    const Observation touched = access({.call = call,
                                        .address = kRegionStart + page * 4096 + page,
                                        .value = static_cast<std::uint8_t>(100 + page)});
    text += touched.signal == 0 ? fmt::format(" {}", touched.result)
                                : fmt::format(" {}:{}", touched.signal, touched.signal_code);
  };
  for (std::uint64_t page = 0; page < kRegionPages; ++page) touch(Call::kReadByte, page);
  text += "\n  writes";
  for (std::uint64_t page = fork.value; page < kRegionPages; page += 2) {
    touch(Call::kWriteByte, page);
    touch(Call::kReadByte, page);
  }
  return text + "\n";
}

Counts Counts::operator-(const Counts& other) const {
  return {.total = total - other.total,
          .data = data - other.data,
          .stack = stack - other.stack,
          .exec = exec - other.exec,
          .locked = locked - other.locked};
}

std::string Counts::text() const {
  return fmt::format("total={},data={},stack={},exec={},locked={}",
                     static_cast<std::int64_t>(total), static_cast<std::int64_t>(data),
                     static_cast<std::int64_t>(stack), static_cast<std::int64_t>(exec),
                     static_cast<std::int64_t>(locked));
}

std::string region_of_maps(const std::string& maps) {
  std::istringstream lines(maps);
  std::string line, kept;
  while (std::getline(lines, line)) {
    std::uint64_t start = 0, end = 0;
    char permissions[5] = "", offset[32] = "", device[16] = "";
    std::uint64_t inode = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %31s %15s %lu", &start, &end, permissions, offset,
                    device, &inode) != 6) {
      continue;
    }
    if (end <= kRegionStart || start >= kRegionEnd) continue;
    const char* backing = "anonymous";
    if (line.find("/dev/zero") != std::string::npos) {
      backing = "shared";
    } else if (inode != 0) {
      backing = "file";
    }
    kept += fmt::format("  {:3}-{:3} {} {} {}\n", (start - kRegionStart) / 4096,
                        (end - kRegionStart) / 4096, permissions, offset, backing);
  }
  return kept;
}

}  // namespace gonzo::oracle
