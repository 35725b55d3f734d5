#include "cli/stats.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include <gonzo/base/bytes.h>
#include <gonzo/cache/page_cache.h>

namespace gonzo {

namespace {

using std::chrono::nanoseconds;

constexpr std::array<std::string_view, kFrameStates> kStateNames = {
    "virgin",     "free",   "cached",  "anonymous", "page_cache",
    "page_table", "kernel", "vmalloc", "slab",      "reserved"};

std::string pages_text(std::uint64_t pages) {
  return fmt::format("{} ({})", pages, bytes_text(pages * kPageSize));
}

double milliseconds(nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

nanoseconds own_time(const RunStats& stats) {
  return std::max(stats.loop.wall - stats.machine.guest_time, nanoseconds(0));
}

}  // namespace

void RunStats::add(Task& last) {
  Process& process = last.process();
  const AddressSpaceCounts counts = process.memory().counts();
  const std::uint64_t minor = memory.minor_faults + counts.minor_faults;
  const std::uint64_t major = memory.major_faults + counts.major_faults;
  if (process.pid() == kFirstProcess) {
    System& system = process.system();
    const PageCacheStats cache = system.page_cache().stats();
    memory = counts;
    frames = system.frames().stats();
    cached_pages = cache.pages.resident;
    cached_files = cache.files;
    const StallClock::Figures stalls = system.memory().stalls().figures();
    stalled_some = stalls.some.total();
    stalled_full = stalls.full.total();
    has_swap = system.swap() != nullptr;
    if (has_swap) swap = system.swap()->totals();
    reclaim = system.reclaimer().stats();
  }
  memory.minor_faults = minor;
  memory.major_faults = major;
  const MachineCounters own = process.machine_space().counters();
  machine.traps += own.traps;
  machine.shadow_fills += own.shadow_fills;
  machine.shadow_pages += own.shadow_pages;
  machine.shadow_ranges += own.shadow_ranges;
  machine.shadow_drops += own.shadow_drops;
  machine.invalidations += own.invalidations;
  machine.root_loads += own.root_loads;
  machine.page_flushes += own.page_flushes;
  machine.stale_faults += own.stale_faults;
  machine.code_flushes += own.code_flushes;
  machine.guest_time += own.guest_time;
  ++processes;
}

std::string RunStats::text() const {
  std::string out = "gonzo: figures of the run\n";
  const auto row = [&](std::string_view name, const std::string& value) {
    out += fmt::format("  {:<24} {}\n", name, value);
  };
  row("processes", std::to_string(processes));
  row("page faults", fmt::format("{} minor, {} major", memory.minor_faults, memory.major_faults));
  row("peak resident", pages_text(memory.peak_rss));
  row("resident at exit",
      fmt::format("{}: {} anonymous, {} file, {} shared", pages_text(memory.rss()), memory.rss_anon,
                  memory.rss_file, memory.rss_shmem));
  row("areas (VMAs)",
      fmt::format("{}, {} mapped, {} at most", memory.areas, bytes_text(memory.total * kPageSize),
                  bytes_text(memory.peak_total * kPageSize)));
  row("page-table frames", pages_text(memory.table_frames));
  row("frames", fmt::format("{}: {} free, {} used at most", pages_text(frames.total), frames.free,
                            frames.peak_used));
  for (std::size_t state = 0; state < frames.by_state.size(); ++state) {
    if (frames.by_state[state] == 0) continue;
    row(fmt::format("  {}", kStateNames[state]), pages_text(frames.by_state[state]));
  }
  row("page cache", fmt::format("{} of {} files", pages_text(cached_pages), cached_files));
  if (has_swap) {
    row("swap", fmt::format("{} pages out, {} in; {} of {} in use", swap.written, swap.read,
                            swap.slots - swap.free, swap.slots));
    row("reclaim", fmt::format("{} pages looked at, {} evicted, {} came back; {} stalls, {:.1f} ms",
                               reclaim.policy.pgscan.total(), reclaim.policy.pgsteal.total(),
                               reclaim.policy.workingset_refault.total(), reclaim.allocstall,
                               milliseconds(reclaim.stalled)));
  }
  row("memory stalls", fmt::format("{:.1f} ms of some task, {:.1f} ms of all",
                                   milliseconds(stalled_some), milliseconds(stalled_full)));
  row("system calls", std::to_string(loop.syscalls));
  row("traps", fmt::format("{}: {} system calls, {} page faults, {} exceptions, {} interrupts",
                           machine.traps, loop.syscalls, loop.page_faults, loop.exceptions,
                           loop.interrupts));
  if (machine.root_loads > 0) {
    row("processor",
        fmt::format("{} CR3 loads, {} INVLPGs, {} stale faults, {} code pages forgotten",
                    machine.root_loads, machine.page_flushes, machine.stale_faults,
                    machine.code_flushes));
  }
  row("shadow", fmt::format("{} fills, {} pages, {} ranges at exit, {} invalidations, {} drops",
                            machine.shadow_fills, machine.shadow_pages, machine.shadow_ranges,
                            machine.invalidations, machine.shadow_drops));
  row("time", fmt::format("{:.1f} ms; {:.1f} of all threads: {:.1f} in the guest, {:.1f} in Gonzo",
                          milliseconds(real), milliseconds(loop.wall),
                          milliseconds(machine.guest_time), milliseconds(own_time(*this))));
  return out;
}

std::string RunStats::json() const {
  nlohmann::ordered_json states;
  for (std::size_t state = 0; state < frames.by_state.size(); ++state) {
    states[std::string(kStateNames[state])] = frames.by_state[state];
  }
  const nlohmann::ordered_json all = {
      {"processes", processes},
      {"faults", {{"minor", memory.minor_faults}, {"major", memory.major_faults}}},
      {"resident_pages",
       {{"peak", memory.peak_rss},
        {"anonymous", memory.rss_anon},
        {"file", memory.rss_file},
        {"shared", memory.rss_shmem}}},
      {"areas", memory.areas},
      {"mapped_pages", {{"now", memory.total}, {"peak", memory.peak_total}}},
      {"page_table_frames", memory.table_frames},
      {"frames",
       {{"total", frames.total},
        {"free", frames.free},
        {"peak_used", frames.peak_used},
        {"by_state", states}}},
      {"page_cache", {{"pages", cached_pages}, {"files", cached_files}}},
      {"swap",
       {{"total", swap.slots},
        {"free", swap.free},
        {"pswpin", swap.read},
        {"pswpout", swap.written}}},
      {"reclaim",
       {{"pgscan", reclaim.policy.pgscan.total()},
        {"pgsteal", reclaim.policy.pgsteal.total()},
        {"workingset_refault", reclaim.policy.workingset_refault.total()},
        {"allocstall", reclaim.allocstall},
        {"stalled_ms", milliseconds(reclaim.stalled)}}},
      {"memory_stall_ns", {{"some", stalled_some.count()}, {"full", stalled_full.count()}}},
      {"system_calls", loop.syscalls},
      {"traps",
       {{"total", machine.traps},
        {"page_faults", loop.page_faults},
        {"exceptions", loop.exceptions},
        {"interrupts", loop.interrupts}}},
      {"shadow",
       {{"fills", machine.shadow_fills},
        {"pages", machine.shadow_pages},
        {"ranges", machine.shadow_ranges},
        {"invalidations", machine.invalidations},
        {"drops", machine.shadow_drops}}},
      {"processor",
       {{"root_loads", machine.root_loads},
        {"page_flushes", machine.page_flushes},
        {"stale_faults", machine.stale_faults},
        {"code_flushes", machine.code_flushes}}},
      {"time_ns",
       {{"real", real.count()},
        {"wall", loop.wall.count()},
        {"guest", machine.guest_time.count()},
        {"gonzo", own_time(*this).count()}}},
  };
  return all.dump() + "\n";
}

}  // namespace gonzo
