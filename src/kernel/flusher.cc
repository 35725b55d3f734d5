#include "kernel/flusher.h"

#include <tuple>
#include <utility>

namespace gonzo {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0} >> kPageShift;

}  // namespace

Flusher::~Flusher() { stop(); }

std::uint64_t Flusher::dirtyable() const {
  const FrameStats stats = memory_.frames().stats();
  return stats.free + stats.by_state[std::to_underlying(FrameState::kPageCache)];
}

void Flusher::page_dirtied(std::uint64_t dirty) {
  const std::uint64_t most = dirtyable();
  const std::uint64_t background = most * limits_.background_percent / 100;
  const bool many = dirty > background;
  memory_.set_dirty_threshold(background + 1);
  if (dirty * 100 > most * limits_.percent) std::ignore = write_files({});
  if (wanted_.exchange(true, std::memory_order_relaxed) && !many) return;
  const LockGuard guard(lock_);
  start();
  if (many) changed_.notify_all();
}

void Flusher::serve() {
  LockGuard guard(lock_);
  while (!stopping_) {
    if (!wanted_.load(std::memory_order_relaxed)) {
      changed_.wait(lock_);
      continue;
    }
    changed_.wait_for(lock_, limits_.interval);
    if (stopping_) return;
    lock_.unlock();
    const std::uint64_t dirty = memory_.objects().dirty_pages();
    const std::uint64_t background = dirtyable() * limits_.background_percent / 100;
    const bool many = dirty > background;
    // Errors are kept for each file's next fsync().
    std::ignore =
        write_files(many ? std::optional<Clock::time_point>() : Clock::now() - limits_.expire);
    lock_.lock();
    const bool clean = memory_.objects().dirty_pages() == 0;
    if (clean) wanted_.store(false, std::memory_order_relaxed);
    memory_.set_dirty_threshold(clean ? 1 : background + 1);
  }
}

Result<void> Flusher::write_files(std::optional<Clock::time_point> before) {
  Result<void> outcome;
  for (const CachedFileRef& file : cache_.files()) {
    const auto since = file->is_shmem() ? std::nullopt : file->dirty_since();
    if (!since || (before && *since > *before)) continue;
    memory_.clean_pages(*file, 0, kAll);
    const auto written = file->write_dirty(0, kAll);
    if (!written && outcome) outcome = written;
  }
  return outcome;
}

Result<void> Flusher::write_all() {
  Result<void> outcome = write_files({});
  for (const CachedFileRef& file : cache_.files()) {
    if (!file->is_shmem()) continue;
    // Nobody says which of its pages were written to.
    const auto written = file->write_back(0, kAll);
    if (!written && outcome) outcome = written;
  }
  return outcome;
}

}  // namespace gonzo
