#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/magic.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static int64_t nanoseconds(struct statx_timestamp t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

static int status(int directory, const char *path, int flags, struct clinux_file_status *out) {
    struct statx s;
    if (statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0) return errno;
    out->device = makedev(s.stx_dev_major, s.stx_dev_minor);
    out->inode = s.stx_ino;
    out->size = s.stx_size;
    out->birth_time = (s.stx_mask & STATX_BTIME) ? nanoseconds(s.stx_btime) : 0;
    out->modification_time = nanoseconds(s.stx_mtime);
    out->change_time = nanoseconds(s.stx_ctime);
    out->mode = s.stx_mode;
    out->link_count = s.stx_nlink;
    out->allocated_bytes = s.stx_blocks * 512;
    return 0;
}

int clinux_status_of_path(const char *path, int follow_links, struct clinux_file_status *out) {
    return status(AT_FDCWD, path, follow_links ? 0 : AT_SYMLINK_NOFOLLOW, out);
}

int clinux_status_of_descriptor(int descriptor, struct clinux_file_status *out) {
    return status(descriptor, "", AT_EMPTY_PATH, out);
}

const void *clinux_memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length) {
    return memmem(haystack, haystack_length, needle, needle_length);
}

const void *clinux_memrchr(const void *bytes, int byte, size_t length) { return memrchr(bytes, byte, length); }

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

void clinux_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }

void clinux_trim_heap(void) { malloc_trim(0); }

size_t clinux_heap_bytes_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

int clinux_release_mappings(const char *fragment) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return 0;
    char *line = NULL;
    size_t capacity = 0;
    int released = 0;
    while (getline(&line, &capacity, maps) > 0) {
        unsigned long start, end;
        char permissions[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, permissions) != 3 || permissions[3] != 's') continue;
        if (strstr(line, fragment) && madvise((void *)start, end - start, MADV_DONTNEED) == 0) released++;
    }
    free(line);
    fclose(maps);
    return released;
}

static int release_object(struct dl_phdr_info *info, size_t size, void *count) {
    (void)size;
    // The kernel's own object is not a file.
    if (strncmp(info->dlpi_name, "linux-vdso", 10) == 0) return 0;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        // What was ever writable holds this process's relocations; everything else is as it is in the file.
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        uintptr_t start = (info->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + part->p_vaddr + part->p_filesz) & ~(page - 1);
        if (start < end && madvise((void *)start, end - start, MADV_DONTNEED) == 0) ++*(int *)count;
    }
    return 0;
}

int clinux_release_code(void) {
    int released = 0;
    dl_iterate_phdr(release_object, &released);
    return released;
}

size_t clinux_resident_file_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    size_t shared = 0;
    if (fscanf(file, "%*u %*u %zu", &shared) != 1) shared = 0;
    fclose(file);
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

int clinux_open(const char *path, int flags, unsigned mode) {
    int descriptor = open(path, flags, mode);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return errno;
    return 0;
}

int clinux_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

int clinux_is_procfs(int descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

int64_t clinux_read_at(int directory, const char *name, void *out, size_t capacity, int until_end) {
    int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return -errno;
    }
    size_t filled = 0;
    int64_t result = 0;
    while (filled < capacity) {
        ssize_t got = read(descriptor, (char *)out + filled, capacity - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            result = -errno;
            break;
        }
        filled += (size_t)got;
        if (got == 0 || (!until_end && filled < capacity)) {
            break;
        }
    }
    close(descriptor);
    return result < 0 ? result : (int64_t)filled;
}

int clinux_directory_entries(int descriptor, void *out, size_t length) {
    long got = syscall(SYS_getdents64, descriptor, out, length);
    return got < 0 ? -errno : (int)got;
}
