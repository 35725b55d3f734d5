// Swap in a host file. Linux: a swap file, mm/page_io.c.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <gonzo/base/file_descriptor.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/transfer_counts.h>

namespace gonzo {

/// The page cache of the host is passed by (O_DIRECT) where the file's file system allows that.
class FileSwapDevice final : public SwapDevice {
 public:
  /// Whether the host gives the space now, or page by page, where a write can fail with ENOSPC.
  enum class Space : std::uint8_t { kAllocated, kSparse };

  /// A file without a name in `directory`, which goes when this does. Errors of open(2); EINVAL: no
  /// whole page; with kAllocated ENOSPC, EFBIG. A file system that cannot allocate ahead gives a
  /// sparse file.
  static Result<std::unique_ptr<FileSwapDevice>> create_temporary(const std::string& directory,
                                                                  std::uint64_t bytes, Space space);
  /// A file of that name, which stays. Made, for its owner only, if it is not there; used if it is
  /// empty or begins with the header of a swap file (mkswap(8)), which each then has: EINVAL for
  /// any other file, so that nobody's data is lost by a mistake. `bytes`: its size; 0: as it is.
  /// Header and pages fit in it. EBUSY: another uses it as swap (flock(2)). Else as above.
  static Result<std::unique_ptr<FileSwapDevice>> open(const std::string& path, std::uint64_t bytes,
                                                      Space space);

  std::string name() const override { return name_; }
  std::string_view kind() const override { return "file"; }
  std::uint64_t slots() const override { return slots_; }
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override;
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override;
  /// Keeps the host's space: giving it back would cost a host call for each page.
  void discard(std::uint64_t) override {}
  SwapDeviceStats stats() const override;

  bool is_direct() const { return is_direct_.load(std::memory_order_relaxed); }

 private:
  FileSwapDevice(FileDescriptor file, std::string name, std::uint64_t header, std::uint64_t slots);
  template <typename Byte, typename Move>
  Result<void> transfer(std::uint64_t first_slot, std::span<Byte* const> pages, Move move);

  const FileDescriptor file_;
  const std::string name_;
  const std::uint64_t header_;  ///< bytes before the first slot
  const std::uint64_t slots_;
  std::atomic<bool> is_direct_{false};
  TransferCounts counts_;
};

}  // namespace gonzo
