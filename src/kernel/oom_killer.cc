#include "kernel/oom_killer.h"

#include <fmt/format.h>

#include <csignal>
#include <thread>
#include <tuple>
#include <utility>

#include "kernel/process_table.h"
#include "kernel/signal.h"
#include "kernel/task.h"

namespace gonzo {
namespace {

constexpr int kNever = -1000;  // Linux: OOM_SCORE_ADJ_MIN
/// Whoever was killed may need this long to go; then another has to.
constexpr auto kPatience = std::chrono::seconds(5);

std::uint64_t kilobytes(std::uint64_t pages) { return pages * (kPageSize / 1024); }

unsigned user_of(Process& process) {
  const auto identity = process.system().processes().identity(process.pid());
  return identity ? identity->users.real : 0;
}

}  // namespace

std::optional<OomCandidate> OomCandidate::of(const std::shared_ptr<Process>& process) {
  auto memory = process->memory_ref();
  if (memory == nullptr) return {};
  const AddressSpaceCounts counts = memory->space().counts();
  return OomCandidate{.process = process,
                      .memory = std::move(memory),
                      .total = counts.total,
                      .rss_anon = counts.rss_anon,
                      .rss_file = counts.rss_file,
                      .rss_shmem = counts.rss_shmem,
                      .swap = counts.swap,
                      .page_tables = counts.table_frames * kPageSize,
                      .adjustment = process->oom_adjustment.load(std::memory_order_relaxed)};
}

std::optional<std::int64_t> OomCandidate::badness(std::uint64_t total_pages) const {
  if (adjustment == kNever) return {};
  const auto points = static_cast<std::int64_t>(rss() + swap + page_tables / kPageSize);
  return points + adjustment * static_cast<std::int64_t>(total_pages / 1000);
}

std::uint64_t OomKiller::total_pages() {
  const SwapSpace* swap = system_.swap();
  return system_.frames().frame_count() + (swap != nullptr ? swap->totals().slots : 0);
}

bool OomKiller::out_of_memory(int owner) {
  // Of `gone_`. Another machine's costs one try in vain.
  thread_local std::uint64_t seen = 0;
  const auto invoker = system_.processes().find(owner);
  if (invoker == nullptr || invoker->group_exit()) return false;
  {
    const LockGuard guard(lock_);
    if (!is_going()) {
      if (std::exchange(seen, gone_) != gone_) return true;
      const auto victim = choose();
      if (!victim) return false;
      kill(*invoker, *victim);
    }
  }
  if (invoker->group_exit()) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return true;
}

bool OomKiller::is_going() {
  if (!going_) return false;
  if (system_.memory().is_enlisted(*going_))
    return std::chrono::steady_clock::now() - killed_at_ < kPatience;
  going_.reset();
  ++gone_;
  return false;
}

/// Of equals the youngest.
std::optional<OomCandidate> OomKiller::choose() {
  const std::uint64_t pages = total_pages();
  std::optional<OomCandidate> worst;
  std::int64_t most = 0;
  for (const auto& process : system_.processes().all()) {
    auto candidate = OomCandidate::of(process);
    if (!candidate || process->group_exit()) continue;
    const auto badness = candidate->badness(pages);
    if (!badness || (worst && *badness < most)) continue;
    most = *badness;
    worst = std::move(candidate);
  }
  return worst;
}

/// With all who share its memory (vfork): it is not free before they have gone as well.
void OomKiller::kill(Process& invoker, const OomCandidate& victim) {
  report(invoker, victim);
  kills_.fetch_add(1, std::memory_order_relaxed);
  going_ = victim.memory->space().id();
  killed_at_ = std::chrono::steady_clock::now();
  for (const auto& process : system_.processes().all()) {
    if (process->memory_ref() == victim.memory) {
      std::ignore = send_signal(*process, SignalInfo::fault(SIGKILL, SI_KERNEL, 0));
    }
  }
}

/// Linux: dump_header, dump_tasks, dump_oom_victim, __oom_kill_process.
void OomKiller::report(Process& invoker, const OomCandidate& victim) {
  system_.log(
      fmt::format("{} invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|"
                  "__GFP_ZERO), order=0, oom_score_adj={}",
                  invoker.image_ref()->name, invoker.oom_adjustment.load()));
  const FrameStats frames = system_.frames().stats();
  system_.log(fmt::format("Mem-Info: {} pages RAM, {} free, {} pages swap, {} free", frames.total,
                          frames.free, total_pages() - frames.total,
                          system_.swap() != nullptr ? system_.swap()->totals().free : 0));
  system_.log("Tasks state (memory values in pages):");
  system_.log(
      "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes "
      "swapents oom_score_adj name");
  for (const auto& process : system_.processes().all()) {
    const auto task = OomCandidate::of(process);
    if (!task) continue;
    system_.log(fmt::format("[{:7}] {:5} {:5} {:8} {:8} {:8} {:8} {:9} {:8} {:8}         {:5} {}",
                            process->pid(), user_of(*process), process->pid(), task->total,
                            task->rss(), task->rss_anon, task->rss_file, task->rss_shmem,
                            task->page_tables, task->swap, task->adjustment,
                            process->image_ref()->name));
  }
  const int pid = victim.process->pid();
  const std::string name = victim.process->image_ref()->name;
  const unsigned user = user_of(*victim.process);
  system_.log(
      fmt::format("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
                  "global_oom,task_memcg=/,task={},pid={},uid={}",
                  name, pid, user));
  system_.log(fmt::format(
      "Out of memory: Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, "
      "file-rss:{}kB, shmem-rss:{}kB, UID:{} pgtables:{}kB oom_score_adj:{}",
      pid, name, kilobytes(victim.total), kilobytes(victim.rss_anon), kilobytes(victim.rss_file),
      kilobytes(victim.rss_shmem), user, victim.page_tables / 1024, victim.adjustment));
}

}  // namespace gonzo
