#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct copenssl_library copenssl;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int loaded;

// ISO C has no conversion from an object pointer to a function pointer; POSIX's dlsym is used by copying bits.
static int find(void *library, const char *name, void *destination) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) return -1;
    memcpy(destination, &symbol, sizeof symbol);
    return 0;
}

static int load(char *message, size_t capacity) {
    void *library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason ? reason : "libssl.so.3 cannot be loaded");
        return -1;
    }
#define COPENSSL_FIND(name)                                                                                           \
    if (find(library, #name, &copenssl.name)) {                                                                       \
        snprintf(message, capacity, "libssl.so.3 lacks %s", #name);                                                   \
        dlclose(library);                                                                                             \
        return -1;                                                                                                    \
    }
    COPENSSL_FUNCTIONS(COPENSSL_FIND)
#undef COPENSSL_FIND
    return 0;
}

int copenssl_load(char *message, size_t capacity) {
    if (atomic_load(&loaded)) return 0;
    pthread_mutex_lock(&lock);
    int result = 0;
    if (!atomic_load(&loaded)) {
        result = load(message, capacity);
        if (result == 0) atomic_store(&loaded, 1);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

void copenssl_explain(char *message, size_t capacity, const char *otherwise) {
    unsigned long code = copenssl.ERR_peek_last_error();
    const char *reason = code ? copenssl.ERR_reason_error_string(code) : NULL;
    snprintf(message, capacity, "%s", reason ? reason : otherwise);
    copenssl.ERR_clear_error();
}
