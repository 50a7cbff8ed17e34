#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

static int notes_to = -1;
/// Whether there is a command that a terminal tells of its signals, too.
static volatile sig_atomic_t is_running;

static void note(int number, siginfo_t *info, void *context) {
    (void)context;
    int problem = errno;
    unsigned char text[2] = {(unsigned char)number, is_running && info->si_code == SI_KERNEL};
    // A pipe that is full has been told of signals already.
    if (write(notes_to, text, sizeof text) < 0) {}
    errno = problem;
}

int clinux_watch_signals(int *notes) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
    notes_to = ends[1];
    static const int numbers[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    sigset_t watched;
    sigemptyset(&watched);
    for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
        struct sigaction before, action;
        // What nohup ignores stays ignored, here and in the command.
        if (numbers[index] != SIGCHLD && sigaction(numbers[index], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = note;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        sigfillset(&action.sa_mask);
        sigaction(numbers[index], &action, NULL);
        sigaddset(&watched, numbers[index]);
    }
    pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
    *notes = ends[0];
    return 0;
}

int clinux_spawn_foreground(const char *const *arguments, pid_t *process) {
    posix_spawnattr_t attributes;
    int problem = posix_spawnattr_init(&attributes);
    if (problem != 0) return problem;
    sigset_t none;
    sigemptyset(&none);
    // Threads of the runtime block signals: the command begins with none blocked.
    problem = posix_spawnattr_setsigmask(&attributes, &none);
    if (!problem) problem = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (!problem)
        problem = posix_spawnp(process, arguments[0], NULL, &attributes, (char *const *)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    // One that came before this is passed on, should the command have got it as well.
    is_running = problem == 0;
    return problem;
}
