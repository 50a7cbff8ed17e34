#define _GNU_SOURCE
#include "CCrypt.h"

#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int loaded;

static struct {
    __typeof__(&crypt_r) crypt_r;
    __typeof__(&crypt_gensalt_rn) crypt_gensalt_rn;
} library;

// ISO C has no conversion from an object pointer to a function pointer; POSIX's dlsym is used by copying bits.
static int find(void *handle, const char *name, void *destination) {
    void *symbol = dlsym(handle, name);
    if (symbol == NULL) return -1;
    memcpy(destination, &symbol, sizeof symbol);
    return 0;
}

static int load(char *message, size_t capacity) {
    // Debian and Ubuntu have version 1, Fedora and Arch version 2 of the same library.
    void *handle = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) handle = dlopen("libcrypt.so.2", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason ? reason : "libcrypt cannot be loaded");
        return -1;
    }
    if (find(handle, "crypt_r", &library.crypt_r) || find(handle, "crypt_gensalt_rn", &library.crypt_gensalt_rn)) {
        snprintf(message, capacity, "libcrypt lacks crypt_r or crypt_gensalt_rn: libxcrypt is needed");
        dlclose(handle);
        return -1;
    }
    return 0;
}

int ccrypt_load(char *message, size_t capacity) {
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

int ccrypt_hash(const char *phrase, const char *setting, char hash[CCRYPT_SIZE]) {
    if (!atomic_load(&loaded)) return ENOSYS;
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL) return ENOMEM;
    errno = 0;
    const char *made = library.crypt_r(phrase, setting, data);
    int result = 0;
    // A failure is a text that begins with an asterisk, so that it equals no hash.
    if (made == NULL || made[0] == '*' || strlen(made) >= CCRYPT_SIZE) {
        result = errno ? errno : EINVAL;
    } else {
        strcpy(hash, made);
    }
    explicit_bzero(data, sizeof *data);
    free(data);
    return result;
}

int ccrypt_setting(const char *prefix, unsigned long cost, const char *random, size_t length,
                   char setting[CCRYPT_SIZE]) {
    if (!atomic_load(&loaded)) return ENOSYS;
    errno = 0;
    const char *made = library.crypt_gensalt_rn(prefix, cost, random, (int)length, setting, CCRYPT_SIZE);
    return made == NULL || made[0] == '*' ? (errno ? errno : EINVAL) : 0;
}
