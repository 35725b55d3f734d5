#include "memory.h"

#include <sys/mman.h>

#include <filesystem>
#include <span>

#include <gonzo/swap/file_swap_device.h>

using namespace gonzo;

void Memory::Unmap::operator()(void* memory) const { munmap(memory, bytes); }

Result<std::unique_ptr<Memory>> Memory::create(const Config& config) {
  std::unique_ptr<Memory> memory(new Memory);
  GONZO_TRY(memory->set_up(config));
  return memory;
}

Result<void> Memory::set_up(const Config& config) {
  // Guest-physical memory is any memory that reads as zeros at first.
  void* host = mmap(nullptr, config.bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) return fail_from_host();
  bytes_ = {host, Unmap{config.bytes}};
  GONZO_ASSIGN(frames_, FrameAllocator::create(
                            {.memory = std::span(static_cast<std::byte*>(host), config.bytes),
                             .layout = config.is_i386 ? ZoneLayout::kClassic : ZoneLayout::kWide,
                             .pressure = &pressure_}));
  GONZO_ASSIGN(manager_, MemoryManager::create(*frames_, {}));
  swap_ = std::make_unique<SwapSpace>(*frames_);
  if (config.swap_bytes != 0) {
    const std::string directory = std::filesystem::temp_directory_path();
    GONZO_ASSIGN(auto device, FileSwapDevice::create_temporary(directory, config.swap_bytes,
                                                               FileSwapDevice::Space::kAllocated));
    GONZO_TRY(swap_->add(std::move(device)));
    manager_->commitments().add_swap(swap_->totals().slots);
  }
  reclaimer_ = std::make_unique<Reclaimer>(*manager_, *swap_, Reclaimer::Config{});
  manager_->serve(reclaimer_.get());
  files_ = std::make_unique<PageCache>(
      *frames_,
      PageCache::Config{.commitments = &manager_->commitments(), .objects = &manager_->objects()});
  pressure_.cache = files_.get();
  return {};
}

Memory::~Memory() {
  pressure_.cache = nullptr;
  files_.reset();
  if (manager_ != nullptr) manager_->serve(nullptr);
}
