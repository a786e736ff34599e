//! The allocator of the C library, told how this process lives: one thread holds nearly everything for long, others work for moments.
//!
//! With an arena per thread, which is the default, each keeps what was freed in it for itself: a third more memory for the same cluster. Elsewhere than on
//! glibc nothing is told.

/// Lets all threads share one arena. For the beginning of the process, when there is one thread.
pub fn share_one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number inside the allocator, under its own lock; no memory of ours is involved.
    unsafe {
        // What it answers, whether it was heard, changes nothing here.
        let _ = libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back to the kernel what is free, after much was held for a moment.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: works on free memory only, under the allocator's own lock.
    unsafe {
        let _ = libc::malloc_trim(0);
    }
}
