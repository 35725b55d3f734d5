#include <algorithm>
#include <tuple>
#include <utility>

#include "cache/pages.h"
#include "frame/object_memory.h"
#include <gonzo/cache/page_cache.h>

namespace gonzo {

PageCache::~PageCache() { std::ignore = sync_all(); }

Result<CachedFileRef> PageCache::open(std::shared_ptr<BackingFile> file) {
  const FileIdentity identity = file->identity();
  // Before the lock: for want of frames shrink() is called.
  GONZO_ASSIGN(CachedFile* const allocated, allocate_object<CachedFile>(config_.file_cache));
  const auto give_back = [this](CachedFile* memory) { free_object(memory, config_.file_cache); };
  std::unique_ptr<CachedFile, decltype(give_back)> memory(allocated, give_back);
  LockGuard guard(lock_);
  auto found = table_.find(identity);
  if (found == table_.end()) {
    GONZO_ASSIGN(const FileStatus status, file->status());
    if (config_.most_files != 0) forget_idle_over(config_.most_files - 1);
    CachedFileRef created(::new (memory.release())
                              CachedFile(frames_, std::move(file), status,
                                         {.read_ahead = config_.read_ahead,
                                          .charge = CommitCharge(config_.commitments),
                                          .objects = config_.objects,
                                          .memory = config_.file_cache}));
    found = table_.emplace(identity, Slot{.file = std::move(created)}).first;
  } else if (is_idle(found->second)) {
    GONZO_TRY(found->second.file->reopen(std::move(file)));
  } else {
    GONZO_TRY(found->second.file->adopt(std::move(file)));
  }
  found->second.opened = ++opens_;
  return found->second.file;
}

CachedFileRef PageCache::find(const FileIdentity& identity) const {
  LockGuard guard(lock_);
  const auto found = table_.find(identity);
  return found != table_.end() ? found->second.file : nullptr;
}

std::size_t PageCache::shrink(std::size_t frames) {
  std::size_t freed = 0;
  const auto known = files();
  for (const auto& file : known) {
    if (freed < frames) freed += file->invalidate(0, kEveryPage, frames - freed);
  }
  for (const auto& file : known) {
    if (freed >= frames) break;
    // Where writing failed, memory has the only copy: not to be dropped without need.
    if (file->counts().dirty == 0 || !file->write_back(0, kEveryPage)) continue;
    freed += file->invalidate(0, kEveryPage, frames - freed);
  }
  return freed;
}

std::size_t PageCache::drop_clean() {
  std::size_t freed = 0;
  for (const auto& file : files()) freed += file->invalidate(0, kEveryPage);
  return freed;
}

Result<void> PageCache::sync_all() {
  Result<void> outcome;
  for (const auto& file : files()) {
    const auto written = file->write_back(0, kEveryPage);
    if (!written && outcome) outcome = written;
  }
  return outcome;
}

void PageCache::trim() {
  LockGuard guard(lock_);
  for (auto slot = table_.begin(); slot != table_.end();) {
    if (is_idle(slot->second)) {
      slot->second.file->release_writer();
      if (!slot->second.file->is_linked()) {
        slot = forget(slot);
        continue;
      }
    }
    ++slot;
  }
  forget_idle_over(config_.most_files);
}

PageCacheStats PageCache::stats() const {
  LockGuard guard(lock_);
  PageCacheStats stats{.files = table_.size(), .pages = forgotten_};
  for (const auto& [identity, slot] : table_) stats.pages += slot.file->counts();
  return stats;
}

std::string PageCache::verify() const {
  for (const auto& file : files()) {
    std::string wrong = file->verify();
    if (!wrong.empty()) return file->name().path + ": " + wrong;
  }
  return {};
}

std::vector<CachedFileRef> PageCache::files() const {
  std::vector<std::pair<std::uint64_t, CachedFileRef>> slots;
  {
    LockGuard guard(lock_);
    slots.reserve(table_.size());
    for (const auto& [identity, slot] : table_) slots.emplace_back(slot.opened, slot.file);
  }
  std::ranges::sort(slots, {}, &std::pair<std::uint64_t, CachedFileRef>::first);
  std::vector<CachedFileRef> files;
  files.reserve(slots.size());
  for (auto& [opened, file] : slots) files.push_back(std::move(file));
  return files;
}

/// Until at most `most_files` are left or none of them is idle.
void PageCache::forget_idle_over(std::size_t most_files) {
  while (table_.size() > most_files) {
    auto oldest = table_.end();
    for (auto slot = table_.begin(); slot != table_.end(); ++slot) {
      const bool older = oldest == table_.end() || slot->second.opened < oldest->second.opened;
      if (older && is_idle(slot->second)) oldest = slot;
    }
    if (oldest == table_.end()) return;
    forget(oldest);
  }
}

PageCache::Table::iterator PageCache::forget(Table::iterator slot) {
  CacheCounts counts = slot->second.file->counts();
  counts.resident = counts.dirty = 0;
  forgotten_ += counts;
  return table_.erase(slot);
}

}  // namespace gonzo
