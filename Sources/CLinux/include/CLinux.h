// Linux calls that Swift's Glibc module does not carry, and a few kernels in C.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/// The part of `struct statx` that identifies a file.
struct clinux_file_status {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    /// Nanoseconds since the epoch; 0 where the file system keeps no birth time.
    int64_t birth_time;
    int64_t modification_time;
    int64_t change_time;
    uint32_t mode;
    uint32_t link_count;
    uint64_t allocated_bytes;
};

/// statx(2) by path, following symbolic links unless told otherwise. Returns 0 or a positive errno.
int clinux_status_of_path(const char *path, int follow_links, struct clinux_file_status *out);
/// statx(2) of an open descriptor. Returns 0 or a positive errno.
int clinux_status_of_descriptor(int descriptor, struct clinux_file_status *out);

/// memmem(3): the first occurrence of `needle`, or NULL.
const void *clinux_memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);
/// memrchr(3): the last occurrence of `byte`, or NULL.
const void *clinux_memrchr(const void *bytes, int byte, size_t length);

/// 1 if the bytes are well-formed UTF-8, else 0; 16 bytes a step where they are ASCII.
int clinux_is_utf8(const void *bytes, size_t length);

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `crc` (0 to begin).
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length);

/// Names the calling thread (at most 15 bytes) as ps and top show it.
void clinux_name_thread(const char *name);
/// At most this many malloc arenas in the process.
void clinux_limit_arenas(int count);
/// Gives free heap memory back to the kernel.
void clinux_trim_heap(void);
/// Bytes that malloc has handed out and not got back.
size_t clinux_heap_bytes_in_use(void);
/// Drops the resident pages of every shared file mapping whose path contains `fragment`; the page cache keeps
/// them, so a later access maps them again. Returns the number of mappings dropped.
int clinux_release_mappings(const char *fragment);
/// Drops the resident pages of all code and constants, which come back from the page cache when they are next
/// used: what only the start needed is then not resident. Returns the number of segments dropped.
int clinux_release_code(void);
/// Bytes of files that are resident in this process: code, constants, mapped files.
size_t clinux_resident_file_bytes(void);

/// From now on the calling thread reads zeros where a file it has mapped was truncated, instead of being killed by
/// SIGBUS. Other threads, and a SIGBUS of any other cause, keep the action that was there before.
/// Returns 0 or a positive errno.
int clinux_guard_mappings(void);
/// How often that has happened to the calling thread.
uint64_t clinux_mapping_faults(void);

/// open(2) with its mode, which Swift cannot pass. Returns a descriptor or a negative errno.
int clinux_open(const char *path, int flags, unsigned mode);
/// Whether an open file is of procfs: 1 or 0.
int clinux_is_procfs(int descriptor);
/// getdents64(2): entries of an open directory as the kernel packs them. Returns bytes, 0 at the end, or a negative
/// errno.
int clinux_directory_entries(int descriptor, void *out, size_t length);
/// fcntl(F_SETFL, O_NONBLOCK). Returns 0 or a positive errno.
int clinux_set_nonblocking(int descriptor);
/// An advisory write lock on the whole file, not waiting. Returns 0 or a positive errno.
int clinux_lock_file(int descriptor);

/// The part of `struct statfs` that says how full a file system is.
struct clinux_space {
    /// Bytes of a block.
    uint64_t block_size;
    uint64_t blocks;
    uint64_t free_blocks;
    /// Those of the free that users other than root may have.
    uint64_t available_blocks;
    uint64_t files;
    uint64_t free_files;
};

/// statfs(2); it can hang for as long as the file system's server does. Returns 0 or a positive errno.
int clinux_space(const char *path, struct clinux_space *out);

#endif
