// Shared libraries that are loaded when they are first needed, once.
#ifndef CLOADER_H
#define CLOADER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/// A library that is loaded once; zero to begin with.
struct cloader {
    pthread_mutex_t lock;
    atomic_int is_loaded;
};
#define CLOADER_INITIALIZER {PTHREAD_MUTEX_INITIALIZER, 0}

/// Calls `load` unless it has succeeded before; one caller at a time. Returns 0, or what `load` returned, which has
/// written why to `message` then; the next caller tries again.
int cloader_load(struct cloader *loader, int (*load)(char *message, size_t capacity), char *message, size_t capacity);
int cloader_is_loaded(struct cloader *loader);

/// dlopen(3) of the first of `names`, which end with NULL, that there is. NULL, and why in `message`, where there is none.
void *cloader_open(const char *const *names, char *message, size_t capacity);
/// Puts the address of a function into the function pointer at `destination`. Returns 0, or -1 where the library lacks it.
int cloader_find(void *library, const char *name, void *destination);

#endif
