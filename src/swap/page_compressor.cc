#include "swap/page_compressor.h"

#include <lz4.h>
#include <zstd.h>

#include <new>
#include <tuple>

#include <gonzo/base/thread_number.h>

namespace gonzo {
namespace {

constexpr int kPageBytes = static_cast<int>(kPageSize);

class Lz4Compressor final : public PageCompressor {
 public:
  bool prepare() {
    state_.reset(new (std::nothrow) std::byte[static_cast<std::size_t>(LZ4_sizeofState())]);
    return state_ != nullptr;
  }
  std::size_t compress(const std::byte* page, std::size_t most) override {
    const int size = LZ4_compress_fast_extState(state_.get(), reinterpret_cast<const char*>(page),
                                                reinterpret_cast<char*>(buffer().data()),
                                                kPageBytes, static_cast<int>(most), 1);
    return static_cast<std::size_t>(size);
  }
  bool decompress(std::span<const std::byte> data, std::byte* page) override {
    return LZ4_decompress_safe(reinterpret_cast<const char*>(data.data()),
                               reinterpret_cast<char*>(page), static_cast<int>(data.size()),
                               kPageBytes) == kPageBytes;
  }

 private:
  std::unique_ptr<std::byte[]> state_;
};

class ZstdCompressor final : public PageCompressor {
 public:
  bool prepare() {
    in_.reset(ZSTD_createCCtx());
    out_.reset(ZSTD_createDCtx());
    return in_ != nullptr && out_ != nullptr;
  }
  std::size_t compress(const std::byte* page, std::size_t most) override {
    const std::size_t size =
        ZSTD_compressCCtx(in_.get(), buffer().data(), most, page, kPageSize, kLevel);
    return ZSTD_isError(size) ? 0 : size;
  }
  bool decompress(std::span<const std::byte> data, std::byte* page) override {
    return ZSTD_decompressDCtx(out_.get(), page, kPageSize, data.data(), data.size()) == kPageSize;
  }

 private:
  static constexpr int kLevel = 3;  ///< zram's default

  struct Deleter {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Deleter> in_;
  std::unique_ptr<ZSTD_DCtx, Deleter> out_;
};

template <typename Compressor>
std::unique_ptr<PageCompressor> make() {
  std::unique_ptr<Compressor> made(new (std::nothrow) Compressor);
  if (made == nullptr || !made->prepare()) return nullptr;
  return made;
}

}  // namespace

std::unique_ptr<PageCompressor> PageCompressor::create(SwapCompression compression) {
  return compression == SwapCompression::kLz4 ? make<Lz4Compressor>() : make<ZstdCompressor>();
}

CompressorPool::~CompressorPool() {
  for (auto& spare : spares_) delete spare.load();
}

CompressorPool::Lease CompressorPool::take() {
  std::atomic<PageCompressor*>& spare = spares_[thread_number() % kSpares];
  std::unique_ptr<PageCompressor> found(spare.exchange(nullptr, std::memory_order_acquire));
  if (found == nullptr) found = PageCompressor::create(compression_);
  return {*this, std::move(found)};
}

void CompressorPool::give(std::unique_ptr<PageCompressor> compressor) {
  std::atomic<PageCompressor*>& spare = spares_[thread_number() % kSpares];
  PageCompressor* none = nullptr;
  if (spare.compare_exchange_strong(none, compressor.get(), std::memory_order_release,
                                    std::memory_order_relaxed)) {
    std::ignore = compressor.release();  // the pool's now
  }
}

}  // namespace gonzo
