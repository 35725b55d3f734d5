#include "kernel/task.h"

#include <csignal>
#include <utility>

namespace gonzo {
namespace {

constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

}  // namespace

Result<std::unique_ptr<Task>> Task::create(Process& process, int tid, const ExecResult& start) {
  GONZO_ASSIGN(auto thread, process.system().machine().create_thread(process.machine_space(),
                                                                     start.registers()));
  return std::make_unique<Task>(process, tid, std::move(thread));
}

Task::Task(Process& process, int tid, std::unique_ptr<MachineThread> thread)
    : process_(process),
      tid_(tid),
      thread_(std::move(thread)),
      signal_mask_(process.initial_signal_mask()) {
  process.attach(*this);
}

Task::~Task() { process_.detach(*this); }

void Task::set_signal_mask(SignalSet mask) {
  const SignalSet before = std::exchange(signal_mask_, mask & ~kUnblockable);
  if (signal_mask_ == before) return;
  if (signal_source_ != nullptr) signal_source_->mask_changed(signal_mask_);
  if ((before & ~signal_mask_) != 0) call_attention();
}

void Task::set_temporary_signal_mask(SignalSet mask) {
  saved_mask_ = signal_mask_;
  set_signal_mask(mask);
}

void Task::restore_signal_mask() {
  if (saved_mask_) set_signal_mask(*std::exchange(saved_mask_, std::nullopt));
}

SignalSet Task::take_saved_signal_mask() {
  return std::exchange(saved_mask_, std::nullopt).value_or(signal_mask_);
}

void Task::set_signal_source(SignalSource* source) {
  signal_source_ = source;
  if (source != nullptr) source->mask_changed(signal_mask_);
}

}  // namespace gonzo
