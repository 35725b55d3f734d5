#include "kernel/proc_oom.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "kernel/oom_killer.h"
#include "kernel/privilege.h"
#include "kernel/process_table.h"

namespace gonzo {
namespace {

constexpr int kMost = 1000, kLeast = -1000;          // Linux: OOM_SCORE_ADJ_MAX, _MIN
constexpr int kMostOld = 15, kLeastOld = -17;        // OOM_ADJUST_MAX, OOM_DISABLE
constexpr std::size_t kLongest = 12;                 // PROC_NUMBUF - 1
constexpr std::string_view kBlanks = " \t\n\v\f\r";  // isspace

/// As kstrtoint() reads it with base 0, but for octal and hexadecimal forms.
std::optional<int> parse(std::string_view text) {
  text = text.substr(0, kLongest);
  const auto start = std::min(text.find_first_not_of(kBlanks), text.size());
  text = text.substr(start, text.find_last_not_of(kBlanks) + 1 - start);
  if (text.starts_with('+')) text.remove_prefix(1);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// All who share the memory are chosen together, so they are worth the same (Linux: __set_oom_adj).
void adjust(const ProcSubject& subject, int adjustment, bool is_privileged) {
  const auto memory = subject.memory();
  for (const auto& process : subject.system().processes().all()) {
    if (process.get() != &subject.process() &&
        (memory == nullptr || process->memory_ref() != memory)) {
      continue;
    }
    process->oom_adjustment = adjustment;
    if (is_privileged) process->least_oom_adjustment = adjustment;
  }
}

}  // namespace

std::string proc_oom_score(const ProcSubject& subject) {
  const auto candidate = OomCandidate::of(subject.process().shared_from_this());
  const std::uint64_t pages =
      std::max<std::uint64_t>(subject.system().oom_killer().total_pages(), 1);
  const auto badness = candidate ? candidate->badness(pages) : std::nullopt;
  if (!badness) return "0\n";
  return fmt::format("{}\n", (1000 + *badness * 1000 / static_cast<std::int64_t>(pages)) * 2 / 3);
}

std::string proc_oom_score_adj(const ProcSubject& subject) {
  return fmt::format("{}\n", subject.process().oom_adjustment.load());
}

std::string proc_oom_adj(const ProcSubject& subject) {
  const int adjustment = subject.process().oom_adjustment;
  const int old = adjustment == kMost ? kMostOld : adjustment * -kLeastOld / kMost;
  return fmt::format("{}\n", std::min(old, kMostOld));
}

Result<std::uint64_t> write_oom_score_adj(const ProcSubject& subject, std::string_view text) {
  const auto number = parse(text);
  if (!number || *number < kLeast || *number > kMost) return fail(Errno::kInval);
  const bool is_privileged = has_capability(CAP_SYS_RESOURCE);
  if (*number < subject.process().least_oom_adjustment && !is_privileged) {
    return fail(Errno::kAcces);
  }
  adjust(subject, *number, is_privileged);
  return std::min(text.size(), kLongest);
}

Result<std::uint64_t> write_oom_adj(const ProcSubject& subject, std::string_view text) {
  const auto number = parse(text);
  if (!number || *number < kLeastOld || *number > kMostOld) return fail(Errno::kInval);
  const int adjustment = *number == kMostOld ? kMost : *number * kMost / -kLeastOld;
  if (adjustment < subject.process().oom_adjustment && !has_capability(CAP_SYS_RESOURCE)) {
    return fail(Errno::kAcces);
  }
  adjust(subject, adjustment, false);
  return std::min(text.size(), kLongest);
}

}  // namespace gonzo
