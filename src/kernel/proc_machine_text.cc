#include "kernel/proc_machine_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "kernel/host_text.h"
#include "kernel/kernel_memory.h"
#include "kernel/machine_memory.h"
#include "kernel/process_table.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kKiloBytesPerPage = kPageSize / 1024;
// The frame allocator's lists of single frames: what one holds, and takes at once.
constexpr unsigned kListFrames = 128, kListBatch = 32;

std::uint64_t value_of(const StatValues& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : found->second;
}

std::string_view first_word(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.substr(0, line.find_first_of(" :\n"));
}

/// What can be had without swapping: half of the file pages, or what lies above the low watermark
/// if that is more, is taken to be droppable (Linux: si_mem_available).
std::uint64_t available(const MachineMemory& memory) {
  std::uint64_t low = 0;
  for (const ZoneMemory& zone : memory.zones) low += zone.stats.watermark_low;
  const std::uint64_t files = memory.files();
  const std::uint64_t kept = std::min(files / 2, low);
  const std::uint64_t reserve = std::min(low, memory.free);
  return memory.free - reserve + files - kept;
}

// Zones.

void append_head(std::string& text, std::string_view name) {
  fmt::format_to(std::back_inserter(text), "Node 0, zone {:>8}\n", name);
}

/// The pages' part of a zone. `zone` null: the kernel has such a zone, the machine has not.
void append_pages(std::string& text, const ZoneMemory* zone, std::string_view protection) {
  const ZoneStats stats = zone != nullptr ? zone->stats : ZoneStats{};
  const std::uint64_t step = stats.watermark_high - stats.watermark_low;
  const std::uint64_t present = zone != nullptr ? zone->managed() : 0;
  const std::array<std::pair<const char*, std::uint64_t>, 9> rows{{
      {"boost", 0},
      {"min", stats.watermark_min},
      {"low", stats.watermark_low},
      {"high", stats.watermark_high},
      {"promo", stats.watermark_high + step},
      {"spanned", present},
      {"present", present},
      {"managed", present},
      {"cma", 0},
  }};
  fmt::format_to(std::back_inserter(text), "  pages free     {}\n", stats.free);
  for (const auto& [name, value] : rows) {
    fmt::format_to(std::back_inserter(text), "        {:<8} {}\n", name, value);
  }
  text += protection;
}

void append_lists(std::string& text, const ZoneMemory& zone) {
  fmt::format_to(std::back_inserter(text),
                 "  pagesets\n"
                 "    cpu: 0\n"
                 "              count:    {}\n"
                 "              high:     {}\n"
                 "              batch:    {}\n"
                 "              high_min: {}\n"
                 "              high_max: {}\n"
                 "  vm stats threshold: 0\n"
                 "  node_unreclaimable:  0\n"
                 "  start_pfn:           {}\n",
                 zone.in_lists(), kListFrames, kListBatch, kListFrames, kListFrames,
                 std::max(1U, zone.stats.start.value));
}

/// The names in the rows of the host's zoneinfo.
struct ZoneinfoPattern {
  std::vector<std::string> zones, node_rows, zone_rows;
  std::size_t protections = 0;  ///< how many zones a zone keeps memory from

  static ZoneinfoPattern of(std::string_view text) {
    ZoneinfoPattern pattern;
    std::vector<std::string>* rows = nullptr;
    bool zone_rows_end = false;
    replace_lines(text, [&](std::string_view line) {
      const std::string_view word = first_word(line);
      if (line.starts_with("Node")) {
        pattern.zones.emplace_back(first_word(line.substr(line.find("zone") + 4)));
        rows = nullptr;
      } else if (word == "per-node") {
        rows = &pattern.node_rows;
      } else if (word == "protection") {
        pattern.protections = static_cast<std::size_t>(std::ranges::count(line, ',')) + 1;
        rows = zone_rows_end ? nullptr : &pattern.zone_rows;
      } else if (!line.starts_with("      ") || word == "cpu") {
        if (rows == &pattern.zone_rows) zone_rows_end = true;
        rows = nullptr;
      } else if (rows != nullptr) {
        rows->emplace_back(word);
      }
      return std::string_view();
    });
    return pattern;
  }
};

void append_rows(std::string& text, const std::vector<std::string>& names,
                 const StatValues& values) {
  for (const std::string& name : names) {
    fmt::format_to(std::back_inserter(text), "      {:<12} {}\n", name, value_of(values, name));
  }
}

/// Which memory of a zone allocations that could use a higher one leave alone (Linux:
/// setup_per_zone_lowmem_reserve).
std::string protection_of(const ZoneinfoPattern& pattern, const MachineMemory& memory,
                          std::size_t index) {
  constexpr std::uint64_t kRatio = 256;
  std::uint64_t above = 0;
  std::string text = "        protection: (";
  for (std::size_t i = 0; i < pattern.protections; ++i) {
    if (i > index && i < pattern.zones.size()) {
      for (const ZoneMemory& zone : memory.zones) {
        if (zone_name(zone.stats.kind) == pattern.zones[i]) above += zone.managed();
      }
    }
    fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ", ", above / kRatio);
  }
  return text + ")\n";
}

const ZoneMemory* find_zone(const MachineMemory& memory, std::string_view name) {
  const auto has_name = [&](const ZoneMemory& zone) { return zone_name(zone.stats.kind) == name; };
  const auto found = std::ranges::find_if(memory.zones, has_name);
  return found == memory.zones.end() ? nullptr : &*found;
}

SwapSpace::Totals swap_totals(System& system) {
  const SwapSpace* swap = system.swap();
  return swap != nullptr ? swap->totals() : SwapSpace::Totals{};
}

/// What the reclaimer did, by Linux's names (enum vm_event_item).
void add_reclaim_values(System& system, StatValues& values) {
  const ReclaimStats stats = system.reclaimer().stats();
  stats.policy.for_each(
      [&](const char* name, std::uint64_t value) { values.insert_or_assign(name, value); });
  const SwapSpace::Totals swap = swap_totals(system);
  values["pswpin"] = swap.read;
  values["pswpout"] = swap.written;
  values["swap_ra"] = swap.read_ahead;
  values["swap_ra_hit"] = swap.hits;
  values["nr_swapcached"] = swap.cached;
  values["allocstall_normal"] = stats.allocstall;
  values["pageoutrun"] = stats.pageoutrun;
  const auto split = [&](const char* background, const char* direct, std::uint64_t all,
                         std::uint64_t in_background) {
    values[background] = in_background;
    values[direct] = all - std::min(all, in_background);
  };
  split("pgscan_kswapd", "pgscan_direct", stats.policy.pgscan.total(), stats.pgscan_kswapd);
  split("pgsteal_kswapd", "pgsteal_direct", stats.policy.pgsteal.total(), stats.pgsteal_kswapd);
  values["pglazyfree"] = stats.pglazyfree;
  values["pglazyfreed"] = stats.pglazyfreed;
}

/// Of all address spaces that there have been; several processes may share one.
void add_fault_values(System& system, StatValues& values) {
  const KernelMemory::PastFaults& past = system.kernel_memory().past_faults();
  std::uint64_t minor = past.minor, major = past.major;
  std::set<std::shared_ptr<ProcessMemory>> spaces;
  for (const auto& process : system.processes().all()) spaces.insert(process->memory_ref());
  spaces.erase(nullptr);
  for (const auto& space : spaces) {
    const AddressSpaceCounts counts = space->space().counts();
    minor += counts.minor_faults;
    major += counts.major_faults;
  }
  values["pgfault"] = minor + major;
  values["pgmajfault"] = major;
}

}  // namespace

std::string proc_meminfo(System& system) {
  const MachineMemory memory = MachineMemory::of(system);
  const std::uint64_t anonymous = memory.anonymous(), shared = memory.used.shared_memory;
  const CommitLedger& commitments = system.memory().commitments();
  const SwapSpace::Totals swap = swap_totals(system);
  const StatValues pages{
      {"MemTotal", memory.total},
      {"MemFree", memory.free},
      {"MemAvailable", available(memory)},
      {"Cached", memory.objects()},
      {"Inactive", anonymous + memory.objects()},
      {"Inactive(anon)", anonymous + shared},
      {"Inactive(file)", memory.files()},
      {"Unevictable", memory.used.locked},
      {"Mlocked", memory.used.locked},
      {"SwapCached", swap.cached},
      {"SwapTotal", swap.slots},
      {"SwapFree", swap.free},
      {"Dirty", memory.used.dirty_files},
      {"AnonPages", anonymous},
      {"Mapped", memory.used.mapped_objects},
      {"Shmem", shared},
      {"PageTables", memory.used.in(FrameState::kPageTable)},
      {"Slab", memory.slabs.all()},
      {"SReclaimable", memory.slabs.reclaimable},
      {"SUnreclaim", memory.slabs.unreclaimable},
      {"KReclaimable", memory.slabs.reclaimable},
      {"VmallocUsed", memory.used.in(FrameState::kVmalloc)},
      {"CommitLimit", commitments.limit()},
      {"Committed_AS", commitments.committed()},
      {"DirectMap4k", memory.total},
  };
  return replace_lines(read_host("/proc/meminfo"), [&](std::string_view line) {
    const std::string_view key = line.substr(0, line.find(':'));
    // Facts of the processor, not counts.
    if (key == "Hugepagesize" || key == "VmallocTotal") return std::string(line);
    return fmt::format("{:<16}{:>8}{}", fmt::format("{}:", key),
                       value_of(pages, key) * kKiloBytesPerPage,
                       line.ends_with(" kB\n") ? " kB\n" : "\n");
  });
}

std::string proc_vmstat(System& system) {
  const MachineMemory memory = MachineMemory::of(system);
  StatValues values = node_values(memory);
  for (const ZoneMemory& zone : memory.zones) {
    for (const auto& [name, value] : zone_values(zone)) values[name] += value;
  }
  // Linux: the shares of what could be dirty that vm.dirty_ratio and its like say.
  const std::uint64_t dirtyable = memory.free + memory.files();
  values["nr_dirty_threshold"] = dirtyable / 5;
  values["nr_dirty_background_threshold"] = dirtyable / 10;
  add_fault_values(system, values);
  add_reclaim_values(system, values);
  return replace_lines(read_host("/proc/vmstat"), [&](std::string_view line) {
    const std::string_view name = first_word(line);
    return fmt::format("{} {}\n", name, value_of(values, name));
  });
}

std::string proc_buddyinfo(System& system) {
  std::string text;
  for (const ZoneMemory& zone : MachineMemory::of(system).zones) {
    fmt::format_to(std::back_inserter(text), "Node 0, zone {:>8} ", zone_name(zone.stats.kind));
    for (const std::uint64_t blocks : zone.free_blocks) {
      fmt::format_to(std::back_inserter(text), "{:6} ", blocks);
    }
    text += '\n';
  }
  return text;
}

std::string proc_zoneinfo(System& system) {
  const MachineMemory memory = MachineMemory::of(system);
  const ZoneinfoPattern pattern = ZoneinfoPattern::of(read_host("/proc/zoneinfo"));
  std::string text;
  bool is_first = true;
  for (std::size_t i = 0; i < pattern.zones.size(); ++i) {
    const ZoneMemory* zone = find_zone(memory, pattern.zones[i]);
    append_head(text, pattern.zones[i]);
    if (zone != nullptr && std::exchange(is_first, false)) {
      text += "  per-node stats\n";
      append_rows(text, pattern.node_rows, node_values(memory));
    }
    append_pages(text, zone, protection_of(pattern, memory, i));
    if (zone == nullptr) continue;
    append_rows(text, pattern.zone_rows, zone_values(*zone));
    append_lists(text, *zone);
  }
  return text;
}

std::string proc_swaps(System& system) {
  if (const SwapSpace* swap = system.swap()) return swap->swaps_text();
  const std::string text = read_host("/proc/swaps");
  return text.substr(0, text.find('\n') + 1);
}

std::string proc_slabinfo(System& system) { return system.kernel_memory().slabs().info_text(); }

std::string proc_vmallocinfo(System& system) {
  const Vmalloc* const vmalloc = system.kernel_memory().existing_vmalloc();
  return vmalloc != nullptr ? vmalloc->info_text() : std::string();
}

std::string proc_max_map_count(System& system) {
  return fmt::format("{}\n", system.memory().config().max_map_count);
}
std::string proc_mmap_min_addr(System& system) {
  return fmt::format("{}\n", system.memory().config().mmap_min_addr);
}
std::string proc_overcommit_memory(System& system) {
  return fmt::format("{}\n", std::to_underlying(system.memory().config().overcommit));
}
std::string proc_overcommit_ratio(System&) { return "50\n"; }
std::string proc_overcommit_kbytes(System&) { return "0\n"; }

}  // namespace gonzo
