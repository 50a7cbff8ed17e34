#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

// Initial-exec: the handler may not allocate, which the first access to lazily bound thread storage does.
static __thread volatile int is_guarded __attribute__((tls_model("initial-exec")));
static __thread volatile uint64_t faults __attribute__((tls_model("initial-exec")));

static struct sigaction previous;
static uintptr_t page_size;
static int installed;

// A file was truncated under its mapping: zeros take the lost page's place. Who reads them finds no valid object there.
static int replace_page(const siginfo_t *info) {
    if (!is_guarded || info->si_code != BUS_ADRERR) return 0;
    void *page = (void *)((uintptr_t)info->si_addr & ~(page_size - 1));
    if (!page) return 0;
    if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page) return 0;
    faults = faults + 1;
    return 1;
}

static void handle(int signal, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    if (!replace_page(info)) {
        // Delivered when this returns, for the signal is blocked until then.
        sigaction(SIGBUS, &previous, NULL);
        raise(signal);
    }
    errno = saved;
}

static void install(void) {
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    installed = sigaction(SIGBUS, &action, &previous) == 0 ? 0 : errno;
}

int clinux_guard_mappings(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    if (installed != 0) return installed;
    is_guarded = 1;
    // A fault whose signal is blocked kills the process without asking the handler.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    return pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

uint64_t clinux_mapping_faults(void) { return faults; }
