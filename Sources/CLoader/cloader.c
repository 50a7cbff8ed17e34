#include "CLoader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int cloader_load(struct cloader *loader, int (*load)(char *message, size_t capacity), char *message, size_t capacity) {
    if (atomic_load(&loader->is_loaded)) return 0;
    pthread_mutex_lock(&loader->lock);
    int result = 0;
    if (!atomic_load(&loader->is_loaded)) {
        result = load(message, capacity);
        if (result == 0) atomic_store(&loader->is_loaded, 1);
    }
    pthread_mutex_unlock(&loader->lock);
    return result;
}

int cloader_is_loaded(struct cloader *loader) { return atomic_load(&loader->is_loaded); }

void *cloader_open(const char *const *names, char *message, size_t capacity) {
    for (const char *const *name = names; *name; name++) {
        void *library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
        if (library) return library;
    }
    const char *reason = dlerror();
    snprintf(message, capacity, "%s", reason ? reason : "a library cannot be loaded");
    return NULL;
}

// ISO C has no conversion from an object pointer to a function pointer; POSIX's dlsym is used by copying bits.
int cloader_find(void *library, const char *name, void *destination) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) return -1;
    memcpy(destination, &symbol, sizeof symbol);
    return 0;
}
