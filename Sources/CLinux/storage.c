#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/vfs.h>

int clinux_space(const char *path, struct clinux_space *out) {
    struct statfs s;
    while (statfs(path, &s) != 0) {
        if (errno != EINTR) return errno;
    }
    out->block_size = (uint64_t)s.f_bsize;
    out->blocks = s.f_blocks;
    out->free_blocks = s.f_bfree;
    out->available_blocks = s.f_bavail;
    out->files = s.f_files;
    out->free_files = s.f_ffree;
    return 0;
}
