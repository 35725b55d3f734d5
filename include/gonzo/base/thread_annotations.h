// Clang's thread-safety annotations; nothing under other compilers.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define GONZO_TSA(x) __attribute__((x))
#else
#define GONZO_TSA(x)
#endif

#define GONZO_CAPABILITY(name) GONZO_TSA(capability(name))
#define GONZO_SCOPED_CAPABILITY GONZO_TSA(scoped_lockable)
#define GONZO_GUARDED_BY(lock) GONZO_TSA(guarded_by(lock))
#define GONZO_PT_GUARDED_BY(lock) GONZO_TSA(pt_guarded_by(lock))
#define GONZO_REQUIRES(...) GONZO_TSA(requires_capability(__VA_ARGS__))
#define GONZO_REQUIRES_SHARED(...) GONZO_TSA(requires_shared_capability(__VA_ARGS__))
#define GONZO_EXCLUDES(...) GONZO_TSA(locks_excluded(__VA_ARGS__))
#define GONZO_ACQUIRE(...) GONZO_TSA(acquire_capability(__VA_ARGS__))
#define GONZO_ACQUIRE_SHARED(...) GONZO_TSA(acquire_shared_capability(__VA_ARGS__))
#define GONZO_RELEASE(...) GONZO_TSA(release_capability(__VA_ARGS__))
#define GONZO_RELEASE_SHARED(...) GONZO_TSA(release_shared_capability(__VA_ARGS__))
#define GONZO_RELEASE_GENERIC(...) GONZO_TSA(release_generic_capability(__VA_ARGS__))
#define GONZO_TRY_ACQUIRE(...) GONZO_TSA(try_acquire_capability(__VA_ARGS__))
#define GONZO_ASSERT_CAPABILITY(x) GONZO_TSA(assert_capability(x))
#define GONZO_RETURN_CAPABILITY(x) GONZO_TSA(lock_returned(x))
#define GONZO_NO_THREAD_SAFETY_ANALYSIS GONZO_TSA(no_thread_safety_analysis)
