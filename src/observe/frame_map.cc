#include "observe/frame_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "observe/wrap.h"
#include <gonzo/base/bytes.h>
#include <gonzo/frame/frame_report.h>

namespace gonzo {
namespace {

constexpr std::size_t kMostRows = 24;
constexpr std::size_t kWideRow = 64, kNarrowRow = 32;

FrameUse use_of(const FrameReport& frame) {
  switch (frame.state) {
    case FrameState::kVirgin:
      return FrameUse::kUnused;
    case FrameState::kFree:
    case FrameState::kCached:
      return FrameUse::kFree;
    case FrameState::kAnonymous:
      return FrameUse::kAnonymous;
    case FrameState::kPageCache:
      return frame.has(frame_flags::kSwapBacked) ? FrameUse::kSharedMemory : FrameUse::kFile;
    case FrameState::kPageTable:
      return FrameUse::kPageTable;
    case FrameState::kKernel:
    case FrameState::kVmalloc:
    case FrameState::kSlab:
      return FrameUse::kKernel;
    case FrameState::kReserved:
      break;
  }
  return FrameUse::kReserved;
}

void append_run(FrameMap& map, Pfn first, std::uint64_t frames, FrameUse use) {
  if (frames == 0) return;
  map.frames += frames;
  if (!map.runs.empty() && map.runs.back().use == use) {
    map.runs.back().frames += frames;
  } else {
    map.runs.push_back({.first = first, .frames = frames, .use = use});
  }
}

/// How often each use occurs in the cells of one row.
struct Cell {
  std::array<std::uint64_t, kFrameUses> frames{};

  bool is_empty() const { return character() == '.' || character() == ' '; }
  /// The most frequent use, a free frame counting least.
  char character() const {
    constexpr std::string_view kLetters = ".  afstkr";
    std::size_t best = 0;
    for (std::size_t use = 2; use < kFrameUses; ++use) {
      if (frames.at(use) > (best == 0 ? 0 : frames.at(best))) best = use;
    }
    if (best != 0) return kLetters.at(best + 1);
    return frames[0] != 0 ? '.' : ' ';
  }
};

struct Row {
  Pfn first;
  std::vector<Cell> cells;

  bool is_empty() const {
    return std::ranges::all_of(cells, [](const Cell& cell) { return cell.is_empty(); });
  }
};

/// Rows with something in them.
std::vector<Row> rows_of(const FrameMap& map, std::size_t columns, unsigned shift) {
  std::vector<Row> rows;
  const std::uint64_t row_frames = std::uint64_t{columns} << shift;
  for (const FrameRun& run : map.runs) {
    const bool is_free = run.use == FrameUse::kFree || run.use == FrameUse::kUnused;
    std::uint64_t at = run.first.value;
    const std::uint64_t end = at + run.frames;
    while (at < end) {
      const std::uint64_t row = at / row_frames * row_frames;
      if (rows.empty() || rows.back().first.value != row) {
        if (!rows.empty() && rows.back().is_empty()) rows.pop_back();
        // A row that lies within a free run needs no look.
        if (is_free && at == row && end - row >= row_frames) {
          at = end / row_frames * row_frames;
          continue;
        }
        rows.push_back({.first = Pfn(row), .cells = std::vector<Cell>(columns)});
      }
      const std::uint64_t cell = (at - row) >> shift;
      const std::uint64_t stop = std::min(end, row + ((cell + 1) << shift));
      rows.back().cells.at(cell).frames.at(static_cast<std::size_t>(run.use)) += stop - at;
      at = stop;
    }
  }
  if (!rows.empty() && rows.back().is_empty()) rows.pop_back();
  return rows;
}

}  // namespace

std::string_view use_name(FrameUse use) {
  switch (use) {
    case FrameUse::kFree:
      return "free";
    case FrameUse::kUnused:
      return "never used";
    case FrameUse::kAnonymous:
      return "anonymous";
    case FrameUse::kFile:
      return "file";
    case FrameUse::kSharedMemory:
      return "shared memory";
    case FrameUse::kPageTable:
      return "page table";
    case FrameUse::kKernel:
      return "kernel";
    case FrameUse::kReserved:
      break;
  }
  return "reserved";
}

FrameMap FrameMap::of(const FrameAllocator& frames) {
  FrameMap map;
  report_blocks(frames, [&map](const FrameReport& frame, std::uint64_t count) {
    append_run(map, frame.pfn, count, use_of(frame));
    if (frame.maps > 1) ++map.shared[frame.maps];
  });
  return map;
}

std::string frame_map_text(const FrameMap& map, std::size_t width) {
  const std::size_t columns = width >= kUsualWidth ? kWideRow : kNarrowRow;
  unsigned shift = 0;
  std::vector<Row> rows = rows_of(map, columns, shift);
  while (rows.size() > kMostRows) rows = rows_of(map, columns, ++shift);
  std::string text;
  append_wrapped(text,
                 fmt::format("A character is {}{}. a anonymous, f file, s shared memory, t page "
                             "table, k kernel, r reserved, . free, blank: never used. Rows with "
                             "nothing in use are left out.",
                             bytes_text(kPageSize << shift),
                             shift == 0 ? ", one frame" : ": what most of it is used for"),
                 2, width);
  for (const Row& row : rows) {
    std::string line = fmt::format("  {:>8x} ", row.first.value);
    for (const Cell& cell : row.cells) line += cell.character();
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace gonzo
