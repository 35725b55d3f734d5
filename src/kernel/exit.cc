#include "kernel/exit.h"

#include <linux/futex.h>

#include <algorithm>
#include <tuple>

#include "kernel/futex.h"
#include "kernel/process_table.h"
#include "kernel/task_threads.h"
#include "kernel/user_word.h"

namespace gonzo {
namespace {

/// struct robust_list_head, and i386's (Linux: compat_robust_list_head), where words are narrower.
template <typename Word>
struct RobustListHead {
  Word first, futex_offset, pending;
};
constexpr int kLongestList = 2048;  // Linux: ROBUST_LIST_LIMIT
constexpr unsigned kOwnedLock = 1;  // FUTEX_LOCK_PI's, in an entry's lowest bit

void wake_one(Task& task, VirtAddr word, FutexScope scope) {
  std::ignore = task.process().system().futexes().wake(
      {.memory = task.memory(), .address = word, .scope = scope}, 1);
}

/// The owner died: whoever waits is told; but locks with an owner are handed over later. Linux:
/// handle_futex_death.
enum class RobustKind : bool { kPlain, kOwned };
bool release_futex(Task& task, VirtAddr word, RobustKind kind) {
  AddressSpace& memory = task.memory();
  for (;;) {
    const auto value = memory.load<std::uint32_t>(word);
    if (!value) return false;
    if ((*value & FUTEX_TID_MASK) != static_cast<std::uint32_t>(task.tid())) return true;
    const std::uint32_t died = (*value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    const auto exchanged = compare_exchange_user(memory, word, *value, died);
    if (!exchanged) return false;
    if (!*exchanged) continue;
    const bool waits = (*value & FUTEX_WAITERS) != 0;
    if (waits && kind == RobustKind::kPlain) wake_one(task, word, FutexScope::kShared);
    return true;
  }
}

/// Linux: exit_robust_list. The list is the program's own: nothing in it is trusted.
template <typename Word>
void release_robust_futexes(Task& task, Word list) {
  constexpr Word kFlags = kOwnedLock;
  if (list == 0) return;
  AddressSpace& memory = task.memory();
  const auto head = memory.load<RobustListHead<Word>>(VirtAddr(list));
  if (!head) return;
  const auto plain = [](Word entry) { return static_cast<Word>(entry & ~kFlags); };
  const auto word_of = [&](Word entry) {
    return VirtAddr(static_cast<Word>(plain(entry) + head->futex_offset));
  };
  const auto release = [&](Word entry) {
    const bool owned = (entry & kFlags) != 0;
    return release_futex(task, word_of(entry), owned ? RobustKind::kOwned : RobustKind::kPlain);
  };
  Word entry = head->first;
  for (int i = 0; i < kLongestList && plain(entry) != list; ++i) {
    const auto next = memory.load<Word>(VirtAddr(plain(entry)));
    if (entry != head->pending && !release(entry)) return;
    if (!next) return;
    entry = *next;
  }
  if (head->pending != 0) std::ignore = release(head->pending);
}

void end_process(Task& last) {
  Process& process = last.process();
  System& system = process.system();
  if (ProcessObserver* observer = system.tasks().observer()) observer->ends(last);
  const Usage usage = usage_of(process);
  last.replace_thread(nullptr);  // before the space that it runs in
  system.processes().remove_task(last);
  process.release();
  system.processes().exited(process, process.exit_status(), usage);
}

}  // namespace

void leave_memory(Task& task) {
  release_robust_futexes(task, task.robust_list.exchange(0));
  release_robust_futexes(task, static_cast<std::uint32_t>(task.robust_list_i386.exchange(0)));
  task.gave_up_locks = true;
  task.process().system().futexes().release_locks(static_cast<std::uint32_t>(task.tid()));
  const VirtAddr word(std::exchange(task.clear_child_tid, 0));
  // Alone in its memory, there is nobody to tell.
  const bool has_company =
      task.process().memory_ref().use_count() > 2 || task.process().task_count() > 1;
  if (word.value == 0 || !has_company) return;
  if (task.memory().store(word, std::uint32_t{0})) wake_one(task, word, FutexScope::kShared);
}

Usage usage_of(Process& process) {
  const auto memory = process.memory_ref();
  if (memory == nullptr) return {};
  const AddressSpaceCounts counts = memory->space().counts();
  const CpuTime time = process.cpu_time();
  return {.user = time.user,
          .system = time.system,
          .peak_rss_pages = std::max(counts.peak_rss, counts.rss()),
          .minor_faults = counts.minor_faults,
          .major_faults = counts.major_faults};
}

void end_task(Task& task) {
  Process& process = task.process();
  leave_memory(task);
  task.set_host_thread(0);
  // Before the others can see it gone: with the last of them goes the space that it ran in.
  if (!process.is_last(task)) task.replace_thread(nullptr);
  if (process.detach(task) == Process::Detached::kWasLast) return end_process(task);
  process.system().processes().remove_task(task);
}

}  // namespace gonzo
