// The least work a log shipper can do on one core, as the measure for the agent:
//   limit plain|docker|cri FILE SEGMENT [PORT]
// reads FILE in 256 KiB chunks, splits it at newlines, decodes each line, encodes Loki push entries, compresses a
// PushRequest per MiB with snappy, checksums it (CRC-32C), appends it to SEGMENT with fdatasync, and, with a PORT,
// posts it to a server on loopback over one connection. No labels are computed, nothing is validated or remembered.
// Prints one JSON object: lines, bytes, CPU seconds in all and lines per CPU second.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <emmintrin.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nmmintrin.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, BLOCK = 1 << 20, LONGEST = 1 << 20 };
enum kind { PLAIN, DOCKER, CRI };

struct stream {
    const char *labels;
    uint8_t *data;
    size_t used;
};

static struct stream streams[2];
static uint8_t *request, *packed;
static int segment = -1, server = -1;
static unsigned long line_count, byte_count, block_count, stored_bytes, bad_lines;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void *room(size_t size) {
    void *memory = malloc(size);
    if (!memory) fail("malloc");
    return memory;
}

static inline uint8_t *put_varint(uint8_t *out, uint64_t value) {
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline size_t varint_size(uint64_t value) {
    size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        n++;
    }
    return n;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c(const uint8_t *data, size_t size) {
    uint64_t crc = 0xffffffff;
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; size; data++, size--) crc = _mm_crc32_u8((uint32_t)crc, *data);
    return ~(uint32_t)crc;
}

static void write_all(int fd, struct iovec *parts, int count) {
    while (count) {
        ssize_t n = writev(fd, parts, count);
        if (n < 0) fail("write");
        while (count && (size_t)n >= parts->iov_len) {
            n -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
}

static void post(const uint8_t *body, size_t size) {
    char head[256], reply[1024];
    int n = snprintf(head, sizeof head,
                     "POST /loki/api/v1/push HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     size);
    struct iovec parts[2] = {{head, (size_t)n}, {(void *)body, size}};
    write_all(server, parts, 2);
    size_t used = 0;
    while (!memmem(reply, used, "\r\n\r\n", 4)) {
        ssize_t got = recv(server, reply + used, sizeof reply - used, 0);
        if (got <= 0) fail("answer");
        used += (size_t)got;
    }
    if (memcmp(reply, "HTTP/1.1 204", 12)) fail("not a 204");
}

static void flush_block(void) {
    uint8_t *out = request;
    for (int i = 0; i < 2; i++) {
        struct stream *s = &streams[i];
        if (!s->used) continue;
        size_t name = strlen(s->labels);
        *out++ = 0x0a;
        out = put_varint(out, 1 + varint_size(name) + name + s->used);
        *out++ = 0x0a;
        out = put_varint(out, name);
        memcpy(out, s->labels, name);
        memcpy(out + name, s->data, s->used);
        out += name + s->used;
        s->used = 0;
    }
    if (out == request) return;
    size_t size = snappy_max_compressed_length(3 * (size_t)BLOCK);
    if (snappy_compress((char *)request, (size_t)(out - request), (char *)packed, &size) != SNAPPY_OK) fail("snappy");
    uint64_t head[4] = {0x314b434f4c42u, size, (uint64_t)(out - request), crc32c(packed, size)};
    struct iovec parts[2] = {{head, sizeof head}, {packed, size}};
    write_all(segment, parts, 2);
    if (fdatasync(segment)) fail("fdatasync");
    if (server >= 0) post(packed, size);
    block_count++;
    stored_bytes += size;
}

static inline void entry(struct stream *s, int64_t time, const uint8_t *line, size_t length) {
    uint64_t seconds = (uint64_t)(time / 1000000000), rest = (uint64_t)(time % 1000000000);
    size_t stamp = 1 + varint_size(seconds) + (rest ? 1 + varint_size(rest) : 0);
    uint8_t *out = s->data + s->used;
    *out++ = 0x12;
    out = put_varint(out, 2 + stamp + 1 + varint_size(length) + length);
    *out++ = 0x0a;
    *out++ = (uint8_t)stamp;
    *out++ = 0x08;
    out = put_varint(out, seconds);
    if (rest) {
        *out++ = 0x10;
        out = put_varint(out, rest);
    }
    *out++ = 0x12;
    out = put_varint(out, length);
    memcpy(out, line, length);
    s->used = (size_t)(out + length - s->data);
    if (streams[0].used + streams[1].used >= BLOCK) flush_block();
}

static inline int digits(const uint8_t *at, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) value = value * 10 + (at[i] - '0');
    return value;
}

// RFC 3339 in UTC with up to nine decimals; dates repeat, so the day's start is remembered.
static inline int64_t parse_time(const uint8_t *at, const uint8_t *end) {
    static uint8_t known[10];
    static int64_t day;
    if (end - at < 20) return -1;
    if (memcmp(at, known, 10)) {
        struct tm parts = {.tm_year = digits(at, 4) - 1900, .tm_mon = digits(at + 5, 2) - 1, .tm_mday = digits(at + 8, 2)};
        day = (int64_t)timegm(&parts);
        memcpy(known, at, 10);
    }
    int64_t seconds = day + digits(at + 11, 2) * 3600 + digits(at + 14, 2) * 60 + digits(at + 17, 2);
    int64_t fraction = 0, scale = 100000000;
    if (at[19] == '.') {
        for (at += 20; at < end && (uint8_t)(*at - '0') < 10; at++, scale /= 10) fraction += (*at - '0') * scale;
    }
    return seconds * 1000000000 + fraction;
}

static uint8_t *put_utf8(uint8_t *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (uint8_t)code;
    } else if (code < 0x800) {
        *out++ = (uint8_t)(0xc0 | code >> 6);
        *out++ = (uint8_t)(0x80 | (code & 63));
    } else {
        *out++ = (uint8_t)(0xe0 | code >> 12);
        *out++ = (uint8_t)(0x80 | (code >> 6 & 63));
        *out++ = (uint8_t)(0x80 | (code & 63));
    }
    return out;
}

static uint8_t *unescape(uint8_t *out, const uint8_t **at) {
    uint8_t kind = (*at)[1];
    *at += 2;
    switch (kind) {
    case 'n': *out++ = '\n'; break;
    case 't': *out++ = '\t'; break;
    case 'r': *out++ = '\r'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'u': {
        unsigned code = 0;
        for (int i = 0; i < 4; i++, (*at)++)
            code = code << 4 | (unsigned)(**at <= '9' ? **at - '0' : (**at | 32) - 'a' + 10);
        out = put_utf8(out, code);
        break;
    }
    default: *out++ = kind;
    }
    return out;
}

// {"log":"…","stream":"stdout","time":"…"}; reads up to 16 bytes past the line's end, which the buffer has.
static inline void docker(const uint8_t *line, const uint8_t *end) {
    static uint8_t text[LONGEST + 16];
    if (end - line < 50 || memcmp(line, "{\"log\":\"", 8)) {
        bad_lines++;
        return;
    }
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const uint8_t *at = line + 8;
    uint8_t *out = text;
    for (;;) {
        if (at >= end) {
            bad_lines++;
            return;
        }
        __m128i piece = _mm_loadu_si128((const __m128i *)at);
        _mm_storeu_si128((__m128i *)out, piece);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(piece, quote), _mm_cmpeq_epi8(piece, slash)));
        if (!mask) {
            at += 16;
            out += 16;
            continue;
        }
        int skip = __builtin_ctz((unsigned)mask);
        at += skip;
        out += skip;
        if (*at == '"') break;
        out = unescape(out, &at);
    }
    if (end - at < 50 || memcmp(at, "\",\"stream\":\"std", 15)) {
        bad_lines++;
        return;
    }
    struct stream *s = &streams[at[15] == 'e'];
    int64_t time = parse_time(at + 15 + 3 + 10, end);
    if (out > text && out[-1] == '\n') out--;
    entry(s, time, text, (size_t)(out - text));
}

// TIME stdout|stderr P|F TEXT
static inline void cri(const uint8_t *line, const uint8_t *end) {
    const uint8_t *space = memchr(line, ' ', (size_t)(end - line));
    if (!space || end - space < 10) {
        bad_lines++;
        return;
    }
    entry(&streams[space[4] == 'e'], parse_time(line, space), space + 10, (size_t)(end - space - 10));
}

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void take(enum kind kind, const uint8_t *line, const uint8_t *end, int64_t time) {
    line_count++;
    byte_count += (size_t)(end - line) + 1;
    if (end - line > LONGEST) {
        bad_lines++;
        return;
    }
    if (kind == PLAIN) entry(&streams[0], time, line, (size_t)(end - line));
    else if (kind == DOCKER) docker(line, end);
    else cri(line, end);
}

static void ship(enum kind kind, int fd) {
    uint8_t *buffer = room(LONGEST + CHUNK + 64);
    const __m128i newline = _mm_set1_epi8('\n');
    size_t held = 0;
    ssize_t got;
    while ((got = read(fd, buffer + held, CHUNK)) > 0) {
        const uint8_t *line = buffer, *end = buffer + held + got;
        int64_t time = now(CLOCK_REALTIME);
        for (const uint8_t *at = buffer + held; at < end; at += 64) {
            uint64_t mask = 0;
            for (int i = 0; i < 4; i++) {
                __m128i piece = _mm_loadu_si128((const __m128i *)(at + 16 * i));
                mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(piece, newline)) << (16 * i);
            }
            if (end - at < 64) mask &= (1ULL << (end - at)) - 1;
            for (; mask; mask &= mask - 1) {
                const uint8_t *stop = at + __builtin_ctzll(mask);
                take(kind, line, stop, time++);
                line = stop + 1;
            }
        }
        held = (size_t)(end - line);
        if (held > LONGEST) fail("line over 1 MiB");
        memmove(buffer, line, held);
    }
    if (got < 0) fail("read");
    flush_block();
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: limit plain|docker|cri FILE SEGMENT [PORT]\n"), 2;
    enum kind kind = !strcmp(argv[1], "docker") ? DOCKER : !strcmp(argv[1], "cri") ? CRI : PLAIN;
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    segment = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || segment < 0) fail("open");
    if (argc > 4) server = connect_to(atoi(argv[4]));
    streams[0].labels = kind == PLAIN ? "{filename=\"/var/log/nginx/access.log\", job=\"nginx\"}"
                                      : "{container=\"bench\", job=\"containers\", stream=\"stdout\"}";
    streams[1].labels = "{container=\"bench\", job=\"containers\", stream=\"stderr\"}";
    for (int i = 0; i < 2; i++) streams[i].data = room(BLOCK + LONGEST + 64);
    request = room(3 * (size_t)BLOCK);
    packed = room(snappy_max_compressed_length(3 * (size_t)BLOCK));
    double start = cpu_seconds();
    int64_t began = now(CLOCK_MONOTONIC);
    ship(kind, fd);
    double used = cpu_seconds() - start, wall = (double)(now(CLOCK_MONOTONIC) - began) / 1e9;
    printf("{\"kind\":\"%s\",\"lines\":%lu,\"bytes\":%lu,\"bad\":%lu,\"blocks\":%lu,\"stored_bytes\":%lu,"
           "\"cpu_seconds\":%.4f,\"wall_seconds\":%.4f,\"lines_per_cpu_second\":%.0f}\n",
           argv[1], line_count, byte_count, bad_lines, block_count, stored_bytes, used, wall, (double)line_count / used);
    return bad_lines != 0;
}
