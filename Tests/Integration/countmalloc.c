/* Counts every allocation of a process, for a test that asks what a request costs: preloaded, with the path of a file of eight bytes
   in COUNTMALLOC, in which the count stands. */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static unsigned long before;
static unsigned long *count = &before;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COUNTMALLOC");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof before, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) count = page;
}

static void tell(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    tell();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    tell();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    tell();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    tell();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    tell();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    tell();
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : 12;
}
