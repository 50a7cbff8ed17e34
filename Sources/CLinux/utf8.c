// Well-formed UTF-8 after the Unicode standard, table 3-7.
#include "CLinux.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static size_t ascii_prefix(const uint8_t *p, size_t n) {
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= n; i += 16)
        if (_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)))) return i;
#endif
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080ull) return i;
    }
    return i;
}

static int continues(uint8_t b) { return (b & 0xc0) == 0x80; }

int clinux_is_utf8(const void *bytes, size_t length) {
    const uint8_t *p = bytes, *end = p + length;
    while (p < end) {
        p += ascii_prefix(p, (size_t)(end - p));
        if (p == end) return 1;
        uint8_t b = *p;
        size_t left = (size_t)(end - p);
        if (b < 0x80) {
            p++;
        } else if (b < 0xc2) {
            return 0;
        } else if (b < 0xe0) {
            if (left < 2 || !continues(p[1])) return 0;
            p += 2;
        } else if (b < 0xf0) {
            if (left < 3 || !continues(p[1]) || !continues(p[2])) return 0;
            if ((b == 0xe0 && p[1] < 0xa0) || (b == 0xed && p[1] >= 0xa0)) return 0;
            p += 3;
        } else if (b < 0xf5) {
            if (left < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3])) return 0;
            if ((b == 0xf0 && p[1] < 0x90) || (b == 0xf4 && p[1] >= 0x90)) return 0;
            p += 4;
        } else {
            return 0;
        }
    }
    return 1;
}
