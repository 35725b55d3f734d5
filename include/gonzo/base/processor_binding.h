// A thread's stay on one processor, for a while.
#pragma once

namespace gonzo {

/// Binds the calling thread to `processor` (sched_setaffinity(2)), in place of the one that it is
/// bound to, and keeps what it was allowed before. False: the host does not let it, nothing
/// changed.
bool bind_to_processor(int processor);

/// Gives the calling thread back the processors that it had before bind_to_processor(); nothing
/// when it is not bound. A thread that is about to start another one, or to tell its own affinity,
/// calls it first: both are taken from the thread as it is.
void unbind_from_processor();

/// The processor that bind_to_processor() last named; -1: not bound.
int bound_processor();

}  // namespace gonzo
