// Page: "CreateFileMappingA function (winbase.h)" (learn.microsoft.com).
#include <array>
#include <span>

#include "windows/page_protection.h"
#include "windows/page_runs.h"
#include <gonzo/cache/shared_memory.h>
#include <gonzo/windows/section.h>

namespace gonzo::windows {
namespace {

bool is_section_protection(std::uint32_t protection) {
  return is_protection(protection) && !is_guarded(protection) && protection != page::kNoAccess &&
         protection != page::kExecute;
}

bool lets_write_to(std::uint32_t protection) { return (protection & kWritablePages) != 0; }

/// Makes a file end at `bytes`, which is further away than `size`.
Result<void> grow(CachedFile& cached, BackingFile& file, std::uint64_t size, std::uint64_t bytes) {
  const auto write_last = [&]() -> Result<ByteRange> {
    constexpr std::array zero{std::byte{0}};
    const std::span<const std::byte> last(zero);
    GONZO_TRY(file.write_at(bytes - 1, std::span(&last, 1)));
    return ByteRange{size, bytes - size};
  };
  GONZO_TRY(cached.write_through(write_last));
  return {};
}

}  // namespace

struct Section::Parts {
  std::uint64_t bytes;
  std::uint32_t protection;
  bool is_file;
  ObjectRef object;
  std::unique_ptr<PageRuns> committed;
  CommitCharge charge;
};

Section::Section(Parts parts)
    : bytes_(parts.bytes),
      protection_(parts.protection),
      is_file_(parts.is_file),
      object_(std::move(parts.object)),
      committed_(std::move(parts.committed)),
      charge_(std::move(parts.charge)) {}
Section::~Section() = default;

Win32Result<SectionRef> Section::create(MemoryManager& manager, std::uint64_t bytes,
                                        std::uint32_t protection, std::uint32_t attributes) {
  const bool reserves = attributes == sec::kReserve;
  if (!is_section_protection(protection) || (!reserves && (attributes & ~sec::kCommit) != 0) ||
      bytes == 0 || page_ceil(bytes) == 0) {
    return fail(Win32Error::kInvalidParameter);
  }
  bytes = page_ceil(bytes);
  CommitCharge charge(manager.commitments());
  if (!reserves && !charge.grow(bytes >> kPageShift, {.is_admin = true})) {
    return fail(Win32Error::kCommitmentLimit);
  }
  // The charge is the section's, which lives as long as any view.
  ObjectRef object = make_shared_memory(
      manager.frames(), bytes, {.inode = manager.next_shared_inode(), .path = "(page file)"}, {},
      ShmemCommit::kWhole, &manager.objects());
  return SectionRef(new Section({.bytes = bytes,
                                 .protection = protection,
                                 .is_file = false,
                                 .object = std::move(object),
                                 .committed = reserves ? std::make_unique<PageRuns>() : nullptr,
                                 .charge = std::move(charge)}));
}

Win32Result<SectionRef> Section::create(MemoryManager& manager, PageCache& cache,
                                        const std::shared_ptr<BackingFile>& file,
                                        std::uint64_t bytes, std::uint32_t protection) {
  if (!is_section_protection(protection)) return fail(Win32Error::kInvalidParameter);
  const bool writes = lets_write_to(protection);
  if (writes && !file->is_writable()) return fail(Win32Error::kAccessDenied);
  const auto cached = cache.open(file);
  const auto size = file->size();
  if (!cached || !size) return fail(Win32Error::kIoDevice);
  if (bytes == 0) bytes = *size;
  if (bytes == 0) return fail(Win32Error::kFileInvalid);
  if (bytes > *size) {
    if (!writes) return fail(Win32Error::kNotEnoughMemory);
    if (!grow(**cached, *file, *size, bytes)) return fail(Win32Error::kDiskFull);
  }
  return SectionRef(new Section({.bytes = bytes,
                                 .protection = protection,
                                 .is_file = true,
                                 .object = *cached,
                                 .charge = CommitCharge(manager.commitments())}));
}

bool Section::lets_write() const { return lets_write_to(protection_); }
bool Section::lets_execute() const { return (protection_ & kExecutablePages) != 0; }

Section::Part Section::part_at(std::uint64_t first, std::uint64_t limit) const {
  if (committed_ == nullptr) return {limit, true};
  const LockGuard guard(lock_);
  const PageRuns::Part part = committed_->part_at(first, limit);
  return {part.end, part.value.has_value()};
}

Win32Result<void> Section::commit(std::uint64_t first, std::uint64_t end) {
  if (committed_ == nullptr) return {};
  const LockGuard guard(lock_);
  const std::uint64_t missing = end - first - committed_->count(first, end);
  if (!charge_.grow(missing, {.is_admin = true})) return fail(Win32Error::kCommitmentLimit);
  committed_->set(first, end, 0);
  return {};
}

}  // namespace gonzo::windows
