#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

int clinux_memory_file(const void *bytes, size_t length) {
    int descriptor = memfd_create("input", MFD_CLOEXEC);
    if (descriptor < 0) return -errno;
    size_t written = 0;
    while (written < length) {
        ssize_t count = write(descriptor, (const char *)bytes + written, length - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            int problem = errno;
            close(descriptor);
            return -problem;
        }
        written += (size_t)count;
    }
    if (lseek(descriptor, 0, SEEK_SET) != 0) {
        int problem = errno;
        close(descriptor);
        return -problem;
    }
    return descriptor;
}

int clinux_spawn(const char *const *arguments, const char *const *environment, int input, int *output, pid_t *process) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    // Only our end: the command is to wait where the pipe is full.
    fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int problem = posix_spawn_file_actions_init(&actions);
    if (problem != 0) goto no_actions;
    problem = posix_spawnattr_init(&attributes);
    if (problem != 0) goto no_attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (!problem) problem = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (!problem) problem = posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (!problem) problem = posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    if (!problem) problem = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!problem) problem = posix_spawn_file_actions_addchdir_np(&actions, "/");
    // Our threads block all signals: the command begins with none blocked and none ignored.
    if (!problem) problem = posix_spawnattr_setsigmask(&attributes, &none);
    if (!problem) problem = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!problem) problem = posix_spawnattr_setpgroup(&attributes, 0);
    if (!problem)
        problem = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!problem)
        problem = posix_spawn(
            process, arguments[0], &actions, &attributes, (char *const *)arguments, (char *const *)environment);
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
no_actions:
    close(ends[1]);
    if (problem) {
        close(ends[0]);
    } else {
        *output = ends[0];
    }
    return problem;
}
