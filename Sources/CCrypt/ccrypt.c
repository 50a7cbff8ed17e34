#define _GNU_SOURCE
#include "CCrypt.h"

#include <CLoader.h>
#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cloader loader = CLOADER_INITIALIZER;

static struct {
    __typeof__(&crypt_r) crypt_r;
    __typeof__(&crypt_gensalt_rn) crypt_gensalt_rn;
} library;

static int load(char *message, size_t capacity) {
    // Debian and Ubuntu have version 1, Fedora and Arch version 2 of the same library.
    static const char *const names[] = {"libcrypt.so.1", "libcrypt.so.2", NULL};
    void *handle = cloader_open(names, message, capacity);
    if (handle == NULL) return -1;
    if (cloader_find(handle, "crypt_r", &library.crypt_r) ||
        cloader_find(handle, "crypt_gensalt_rn", &library.crypt_gensalt_rn)) {
        snprintf(message, capacity, "libcrypt lacks crypt_r or crypt_gensalt_rn: libxcrypt is needed");
        dlclose(handle);
        return -1;
    }
    return 0;
}

int ccrypt_load(char *message, size_t capacity) { return cloader_load(&loader, load, message, capacity); }

int ccrypt_hash(const char *phrase, const char *setting, char hash[CCRYPT_SIZE]) {
    if (!cloader_is_loaded(&loader)) return ENOSYS;
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
    if (!cloader_is_loaded(&loader)) return ENOSYS;
    errno = 0;
    const char *made = library.crypt_gensalt_rn(prefix, cost, random, (int)length, setting, CCRYPT_SIZE);
    return made == NULL || made[0] == '*' ? (errno ? errno : EINVAL) : 0;
}
