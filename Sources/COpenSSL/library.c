#include "library.h"

#include <CLoader.h>
#include <dlfcn.h>
#include <stdio.h>

struct copenssl_library copenssl;

static struct cloader loader = CLOADER_INITIALIZER;

static int load(char *message, size_t capacity) {
    static const char *const names[] = {"libssl.so.3", NULL};
    void *library = cloader_open(names, message, capacity);
    if (library == NULL) return -1;
#define COPENSSL_FIND(name)                                                                                           \
    if (cloader_find(library, #name, &copenssl.name)) {                                                               \
        snprintf(message, capacity, "libssl.so.3 lacks %s", #name);                                                   \
        dlclose(library);                                                                                             \
        return -1;                                                                                                    \
    }
    COPENSSL_FUNCTIONS(COPENSSL_FIND)
#undef COPENSSL_FIND
    return 0;
}

int copenssl_load(char *message, size_t capacity) { return cloader_load(&loader, load, message, capacity); }

void copenssl_explain(char *message, size_t capacity, const char *otherwise) {
    unsigned long code = copenssl.ERR_peek_last_error();
    const char *reason = code ? copenssl.ERR_reason_error_string(code) : NULL;
    snprintf(message, capacity, "%s", reason ? reason : otherwise);
    copenssl.ERR_clear_error();
}
