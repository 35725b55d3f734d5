// What compresses one page at a time: LZ4 or zstd, with the memory that they work in.
// Linux: struct zcomp_strm (drivers/block/zram/zcomp.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/swap/compressed_swap_device.h>

namespace gonzo {

/// For one thread at a time.
class PageCompressor {
 public:
  /// Null: no memory.
  static std::unique_ptr<PageCompressor> create(SwapCompression compression);
  virtual ~PageCompressor() = default;

  /// Into buffer(): how many bytes, or 0 if they would be more than `most`.
  virtual std::size_t compress(const std::byte* page, std::size_t most) = 0;
  /// False: `data` is not what compress gave.
  virtual bool decompress(std::span<const std::byte> data, std::byte* page) = 0;
  std::span<std::byte, kPageSize> buffer() { return buffer_; }

 private:
  std::array<std::byte, kPageSize> buffer_;
};

/// As many as there are threads at work at once, each made when it is first needed.
class CompressorPool {
 public:
  explicit CompressorPool(SwapCompression compression) : compression_(compression) {}
  CompressorPool(const CompressorPool&) = delete;
  CompressorPool& operator=(const CompressorPool&) = delete;
  ~CompressorPool();

  /// One's own until its end.
  class Lease {
   public:
    Lease(CompressorPool& pool, std::unique_ptr<PageCompressor> compressor)
        : pool_(pool), compressor_(std::move(compressor)) {}
    ~Lease() { pool_.give(std::move(compressor_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// False: no memory.
    explicit operator bool() const { return compressor_ != nullptr; }
    PageCompressor* operator->() const { return compressor_.get(); }

   private:
    CompressorPool& pool_;
    std::unique_ptr<PageCompressor> compressor_;
  };
  Lease take();

 private:
  void give(std::unique_ptr<PageCompressor> compressor);

  /// By thread, so that a thread finds the one that is still in its processor's cache.
  static constexpr std::size_t kSpares = 32;

  const SwapCompression compression_;
  std::array<std::atomic<PageCompressor*>, kSpares> spares_{};
};

}  // namespace gonzo
