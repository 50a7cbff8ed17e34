// Runs Swift's tasks on threads of our own instead of libdispatch's pool: once that has run a single job, its monitor
// wakes every second for ever.
#include "CLinux.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

// Of the runtime (`swift/Runtime/Concurrency.h`): where it lets another executor be put in the place of its own.
typedef struct job job;
struct executor_reference {
    void *identity;
    uintptr_t implementation;
};
extern void _swift_job_run_c(job *, struct executor_reference);
typedef __attribute__((swiftcall)) void (*enqueue_hook)(job *, void *original);
extern enqueue_hook swift_task_enqueueGlobal_hook;

/// A job that is ready.
struct entry {
    struct entry *next;
    job *job;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t added = PTHREAD_COND_INITIALIZER;
static struct entry *first, **end = &first;
static int thread_count, thread_limit, idle_count;

static void *run(void *unused) {
    (void)unused;
    prctl(PR_SET_NAME, "tasks", 0, 0, 0);
    for (;;) {
        pthread_mutex_lock(&lock);
        idle_count++;
        while (!first) pthread_cond_wait(&added, &lock);
        idle_count--;
        struct entry *entry = first;
        first = entry->next;
        if (!first) end = &first;
        pthread_mutex_unlock(&lock);
        job *found = entry->job;
        free(entry);
        _swift_job_run_c(found, (struct executor_reference){NULL, 0});
    }
    return NULL;
}

/// With the lock held: one thread more.
static void start_thread(void) {
    sigset_t all, before;
    pthread_t thread;
    pthread_attr_t attributes;
    // Signals belong to those who ask for them.
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    if (pthread_create(&thread, &attributes, run, NULL) == 0) thread_count++;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    // Without a single thread nothing would ever run again.
    if (thread_count == 0) abort();
}

static __attribute__((swiftcall)) void enqueue(job *job, void *original) {
    (void)original;
    struct entry *entry = malloc(sizeof *entry);
    if (!entry) abort();
    *entry = (struct entry){NULL, job};
    pthread_mutex_lock(&lock);
    *end = entry;
    end = &entry->next;
    if (idle_count > 0) {
        pthread_cond_signal(&added);
    } else if (thread_count < thread_limit) {
        start_thread();
    }
    pthread_mutex_unlock(&lock);
}

void clinux_run_tasks(int threads) {
    thread_limit = threads > 0 ? threads : 1;
    swift_task_enqueueGlobal_hook = enqueue;
}
