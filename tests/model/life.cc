#include "model/life.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sys/mman.h>

#include <cerrno>
#include <sstream>

#include "mm/mmap_flags.h"
#include <gonzo/base/check.h>

namespace gonzo::model {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{8} << 20;
constexpr std::uint64_t kByte = 123;  ///< the one byte of each page

VirtAddr address_of(std::uint64_t page) { return VirtAddr(page << kPageShift); }

template <typename T>
Outcome outcome_of(const Result<T>& result) {
  if (!result) return Outcome::error(static_cast<int>(result.error()));
  if constexpr (std::is_same_v<T, VirtAddr>) {
    return {Ending::kDone, result->value};
  } else {
    return {};
  }
}

bool lacks_memory(const Outcome& outcome) {
  return outcome.ending == Ending::kNoMemory || outcome == Outcome::error(ENOMEM) ||
         outcome == Outcome::error(EAGAIN);
}

/// What it could not finish, asking again does.
bool is_repeatable(Action action) { return action == Action::kGuard || action == Action::kLock; }

std::string text_of(const Outcome& outcome) {
  std::ostringstream text;
  text << outcome;
  return text.str();
}

}  // namespace

Life::Life(const Setting& setting)
    : memory_(static_cast<std::byte*>(::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
  GONZO_CHECK(memory_ != MAP_FAILED);
  frames_ = FrameAllocator::create({.memory = {memory_, kMemoryBytes}}).value();
  manager_ =
      MemoryManager::create(*frames_, {.anonymous_fault_around = setting.fault_around}).value();
  cache_ = std::make_unique<PageCache>(*frames_, PageCache::Config{});
  inode_ = std::make_shared<test::FakeInode>();
  inode_->resize(kObjectPages * kPageSize);
  file_ = cache_->open(std::make_shared<test::FakeFile>(inode_)).value();
  memfd_ = new SharedMemory(*frames_, kObjectPages * kPageSize, {.path = "/memfd:model"});
  for (ObjectHandle& object : objects_) object = std::make_shared<Object>(Object{kObjectPages, {}});
  current_.real = std::make_unique<Process>(
      *manager_,
      AddressSpace::Config{
          .format = setting.format, .index = setting.index, .mmap_base = address_of(kMmapBase)});
}

Life::~Life() {
  end();
  ::munmap(memory_, kMemoryBytes);
}

std::string Life::end() {
  if (!frames_) return {};
  other_.reset();
  current_.real.reset();
  file_.reset();
  memfd_.reset();
  cache_.reset();
  manager_.reset();
  std::string left = frames_->check_all_free();
  frames_.reset();
  return left;
}

std::uint64_t Life::target(const Operation& op) const {
  constexpr std::uint8_t kNearPages = 8;
  const bool placed = (op.offset & 1) != 0 && placed_ != 0 && op.action != Action::kMap;
  return placed ? placed_ + op.page % kNearPages : kWindow + op.page;
}

Page Life::page_of(const Operation& op) const {
  Page page{
      .protection = op.protection,
      .shared = op.backing == Backing::kSharedAnonymous || op.backing == Backing::kSharedFile};
  if (op.backing == Backing::kSharedAnonymous) {
    page.object = std::make_shared<Object>(Object{op.pages, {}});
  } else if (op.backing != Backing::kAnonymous) {
    page.object = objects_.at(op.object);
    page.index = op.offset % kObjectPages;
  }
  return page;
}

MapRequest Life::request_of(const Operation& op, std::uint64_t first) const {
  MapRequest request{
      .hint = address_of(first), .length = op.pages * kPageSize, .protection = op.protection};
  const bool file = op.backing == Backing::kPrivateFile || op.backing == Backing::kSharedFile;
  if (file) {
    request.object = op.object == 0 ? ObjectRef(file_) : ObjectRef(memfd_);
    request.offset = op.offset % kObjectPages * kPageSize;
  } else {
    request.flags = MAP_ANONYMOUS;
  }
  const bool shared = op.backing == Backing::kSharedAnonymous || op.backing == Backing::kSharedFile;
  request.flags |= shared ? MAP_SHARED : MAP_PRIVATE;
  if (op.action == Action::kMap) request.flags |= MAP_FIXED;
  return request;
}

/// mremap works on one area; which pages make one is the real thing's business.
bool Life::is_one_area(std::uint64_t first, std::uint64_t pages, std::uint64_t& end) {
  const auto area = current_.real->space().area_at(address_of(first));
  if (!area) return false;
  end = area->range.end.page_number();
  return first + pages <= end;
}

Outcome Life::truncate(const Operation& op) {
  const std::uint64_t pages = op.value % (kObjectPages + 1);
  const MappedObject& object = op.object == 0 ? static_cast<MappedObject&>(*file_) : *memfd_;
  current_.real->space().unmap_object(object, pages);
  if (other_) other_->real->space().unmap_object(object, pages);
  if (op.object == 1) {
    memfd_->resize(pages * kPageSize);
    return {};
  }
  inode_->resize(pages * kPageSize);
  return outcome_of(file_->truncate(pages * kPageSize));
}

Outcome Life::fork() {
  auto child = current_.real->fork();
  if (!child) return Outcome::error(ENOMEM);
  other_ = Being{std::move(child), current_.model.copy()};
  return {};
}

Outcome Life::run_real(const Operation& op) {
  AddressSpace& space = current_.real->space();
  const std::uint64_t page = target(op);
  const VirtAddr at = address_of(page);
  const std::uint64_t bytes = op.pages * kPageSize;
  switch (op.action) {
    case Action::kMap:
      return outcome_of(space.map(request_of(op, page)));
    case Action::kPlace:
      return outcome_of(space.map(request_of(op, (op.value & 1) != 0 ? page : 0)));
    case Action::kUnmap:
      return outcome_of(space.unmap(at, bytes));
    case Action::kProtect:
      return outcome_of(space.protect(at, bytes, op.protection));
    case Action::kMove:
      if (!is_one_area(page, op.pages, area_end_)) return {Ending::kSkipped};
      return outcome_of(space.remap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                                    address_of(kWindow + op.offset)));
    case Action::kResize:
      if (!is_one_area(page, op.pages, area_end_)) return {Ending::kSkipped};
      return outcome_of(space.remap(at, bytes, (1 + op.value % kMaxPages) * kPageSize,
                                    MREMAP_MAYMOVE, VirtAddr()));
    case Action::kDontNeed:
      return outcome_of(space.advise(at, bytes, MADV_DONTNEED));
    case Action::kGuard:
      return outcome_of(space.advise(at, bytes, kMadvGuardInstall));
    case Action::kUnguard:
      return outcome_of(space.advise(at, bytes, kMadvGuardRemove));
    case Action::kLock:
      if (current_.model.has_private_object(page, op.pages)) return {Ending::kSkipped};
      return outcome_of(space.lock_memory(at, bytes, 0));
    case Action::kUnlock:
      return outcome_of(space.unlock_memory(at, bytes));
    case Action::kRead:
      return current_.real->read(at + kByte);
    case Action::kWrite:
      return current_.real->write(at + kByte, op.value);
    case Action::kTruncate:
      return truncate(op);
    case Action::kFork:
      return fork();
    case Action::kSwitch:
      if (other_) std::swap(current_, *other_);
      return {};
    case Action::kExit:
      other_.reset();
      return {};
  }
  return {Ending::kSkipped};
}

/// After the real one, whose address and area ends are known.
Outcome Life::run_model(const Operation& op) {
  PageModel& model = current_.model;
  const std::uint64_t page = target(op);
  switch (op.action) {
    case Action::kMap:
      return model.map(page, op.pages, page_of(op));
    case Action::kPlace:
      return model.place((op.value & 1) != 0 ? page : 0, op.pages, page_of(op));
    case Action::kUnmap:
      return model.unmap(page, op.pages);
    case Action::kProtect:
      return model.protect(page, op.pages, op.protection);
    case Action::kMove:
      return model.move(page, op.pages, kWindow + op.offset);
    case Action::kResize:
      return model.resize(page, op.pages, 1 + op.value % kMaxPages, area_end_);
    case Action::kDontNeed:
      return model.dont_need(page, op.pages);
    case Action::kGuard:
      return model.guard(page, op.pages);
    case Action::kUnguard:
      return model.unguard(page, op.pages);
    case Action::kLock:
      return model.lock(page, op.pages);
    case Action::kUnlock:
      return model.unlock(page, op.pages);
    case Action::kRead:
      return model.read(page);
    case Action::kWrite:
      return model.write(page, op.value);
    case Action::kTruncate: {
      Object& object = *objects_.at(op.object);
      object.pages = op.value % (kObjectPages + 1);
      object.bytes.erase(object.bytes.lower_bound(object.pages), object.bytes.end());
      model.truncated(object, object.pages);
      if (other_) other_->model.truncated(object, object.pages);
      return {};
    }
    case Action::kFork:
    case Action::kSwitch:
    case Action::kExit:
      return {};  // a Being is both
  }
  return {Ending::kSkipped};
}

void Life::note_placed(const Operation& op, const Outcome& outcome) {
  const bool places = op.action == Action::kPlace || op.action == Action::kResize;
  if (places && outcome.ending == Ending::kDone) placed_ = outcome.value >> kPageShift;
}

/// The target is unmapped before anything is moved, and stays so, as on Linux (mremap_to).
void Life::follow_failed_move(const Operation& op) {
  const std::uint64_t to = kWindow + op.offset;
  if (!current_.real->space().area_at(address_of(to))) current_.model.unmap(to, op.pages);
}

std::string Life::verify() {
  std::string wrong = current_.real->space().verify();
  if (wrong.empty() && other_) wrong = other_->real->space().verify();
  if (wrong.empty()) wrong = cache_->verify();
  return wrong.empty() ? wrong : "verify: " + wrong;
}

std::string Life::step(const Operation& op) {
  Outcome real = run_real(op);
  if (scarce_ && is_repeatable(op.action) && lacks_memory(real)) real = run_real(op);
  if (real.ending == Ending::kSkipped) return {};
  // Only a full table of holes gives ENOMEM otherwise, and such calls need no frame.
  const bool needs_none = op.action == Action::kProtect || op.action == Action::kDontNeed ||
                          op.action == Action::kUnguard || op.action == Action::kUnlock ||
                          is_repeatable(op.action);
  if (scarce_ && lacks_memory(real) && !needs_none) {
    if (op.action == Action::kMove) follow_failed_move(op);
  } else {
    const Outcome model = run_model(op);
    if (real != model) {
      return fmt::format("the model says {}, the address space {}", text_of(model), text_of(real));
    }
    note_placed(op, real);
  }
  return verify();
}

std::string Life::compare_contents() {
  for (int side = 0; side < 2; ++side) {
    for (std::uint64_t page = kWindow; page < kWindow + kWindowPages + kMaxPages; ++page) {
      const Outcome real = current_.real->read(address_of(page) + kByte);
      const Outcome model = current_.model.read(page);
      if (real == model || (scarce_ && lacks_memory(real))) continue;
      return fmt::format("page {:#x}: the model says {}, the address space {}", page,
                         text_of(model), text_of(real));
    }
    if (!other_) break;
    std::swap(current_, *other_);
  }
  return verify();
}

}  // namespace gonzo::model
