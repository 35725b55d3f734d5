// A real address space and its model through the same steps.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "model/operation.h"
#include "model/page_model.h"
#include "model/process.h"
#include "unit/cache/fake_file.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/cache/shared_memory.h>

namespace gonzo::model {

struct Setting {
  PagingFormat format = PagingFormat::kFourLevel;
  VmaIndexKind index = kDefaultVmaIndex;
  unsigned fault_around = 1;
};

class Life {
 public:
  explicit Life(const Setting& setting);
  ~Life();
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// Both do it; empty, or where they disagree, or what verify() says.
  std::string step(const Operation& operation);
  /// Reads every page that may be there. Empty, or the first disagreement.
  std::string compare_contents();
  /// All processes and objects go. Empty, or which frames did not come back.
  std::string end();

  FrameAllocator& frames() { return *frames_; }
  /// From now on the real one may fail for want of a frame, and then must not have changed.
  void expect_scarcity() { scarce_ = true; }

 private:
  struct Being {
    std::unique_ptr<Process> real;
    PageModel model;
  };
  /// What a process-wide step does to both.
  struct Pair {
    Outcome real, model;
  };

  /// In pages.
  std::uint64_t target(const Operation& op) const;
  Page page_of(const Operation& op) const;
  MapRequest request_of(const Operation& op, std::uint64_t first) const;
  bool is_one_area(std::uint64_t first, std::uint64_t pages, std::uint64_t& end);

  Outcome run_real(const Operation& op);
  Outcome run_model(const Operation& op);
  Outcome truncate(const Operation& op);
  Outcome fork();
  void follow_failed_move(const Operation& op);
  void note_placed(const Operation& op, const Outcome& outcome);
  std::string verify();

  std::byte* memory_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<MemoryManager> manager_;
  std::unique_ptr<PageCache> cache_;
  std::shared_ptr<test::FakeInode> inode_;
  CachedFileRef file_;
  boost::intrusive_ptr<SharedMemory> memfd_;
  std::array<ObjectHandle, kObjects> objects_;
  Being current_;
  std::optional<Being> other_;
  std::uint64_t placed_ = 0;  ///< first page of what was placed last
  std::uint64_t area_end_ = 0;
  bool scarce_ = false;
};

}  // namespace gonzo::model
