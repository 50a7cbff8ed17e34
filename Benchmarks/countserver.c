// A push endpoint that only counts: countserver [--port N] [--tls no] [--depth requests|header|entries]
//
// Answers every POST with 204. GET /stats gives the totals as JSON, GET /reset starts anew. Prints "port N" when it
// listens and the totals when it ends. One thread, epoll, so that its work is small and apart from the agent's.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum depth { REQUESTS, HEADER, ENTRIES };

struct connection {
    int fd;
    char *data;
    size_t used, room;
};

static struct {
    unsigned long requests, bytes, uncompressed, entries, streams, bad;
} total;
static enum depth depth = ENTRIES;
static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int varint(const uint8_t *data, size_t end, size_t *at, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = data[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return 1;
    }
    return 0;
}

// Counts entries by walking the streams' fields; entries themselves are stepped over.
static int count_entries(const uint8_t *data, size_t size) {
    size_t at = 0;
    uint64_t length;
    while (at < size) {
        if (data[at++] != 0x0a || !varint(data, size, &at, &length) || length > size - at) return 0;
        size_t end = at + length;
        total.streams++;
        while (at < end) {
            uint8_t tag = data[at++];
            if (!varint(data, end, &at, &length)) return 0;
            if (tag == 0x18) continue;
            if (length > end - at) return 0;
            total.entries += tag == 0x12;
            at += length;
        }
    }
    return 1;
}

static void count(const char *body, size_t size) {
    static char *plain;
    static size_t room;
    size_t length;
    total.requests++;
    total.bytes += size;
    if (depth == REQUESTS) return;
    if (snappy_uncompressed_length(body, size, &length) != SNAPPY_OK || length > (256u << 20)) {
        total.bad++;
        return;
    }
    total.uncompressed += length;
    if (depth == HEADER) return;
    if (length > room) {
        free(plain);
        plain = malloc(room = length);
        if (!plain) abort();
    }
    if (snappy_uncompress(body, size, plain, &length) != SNAPPY_OK || !count_entries((uint8_t *)plain, length))
        total.bad++;
}

static int stats(char *out, size_t room) {
    return snprintf(out, room,
                    "{\"requests\":%lu,\"bytes\":%lu,\"uncompressed\":%lu,\"entries\":%lu,\"streams\":%lu,\"bad\":%lu}\n",
                    total.requests, total.bytes, total.uncompressed, total.entries, total.streams, total.bad);
}

static void answer(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n <= 0) return;
        text += n;
        length -= (size_t)n;
    }
}

// Handles every complete request in the buffer; 0 where the connection is to end.
static int handle(struct connection *c) {
    static const char accepted[] = "HTTP/1.1 204 No Content\r\n\r\n";
    size_t start = 0;
    while (start < c->used) {
        char *head = c->data + start;
        char *end = memmem(head, c->used - start, "\r\n\r\n", 4);
        if (!end) break;
        size_t length = 0;
        for (char *line = head; line < end; line++) {
            if (line == head || line[-1] == '\n') {
                if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
                if (!strncasecmp(line, "transfer-encoding:", 18)) return 0;
                if (!strncasecmp(line, "expect: 100", 11) && c->used - start == (size_t)(end + 4 - head))
                    answer(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
            }
        }
        size_t whole = (size_t)(end + 4 - head) + length;
        if (c->used - start < whole) {
            if (whole > c->room) {
                c->data = realloc(c->data, c->room = whole + start + 65536);
                if (!c->data) abort();
            }
            break;
        }
        if (!strncmp(head, "POST ", 5)) {
            count(end + 4, length);
            answer(c->fd, accepted, sizeof accepted - 1);
        } else {
            if (!strncmp(head, "GET /reset", 10)) memset(&total, 0, sizeof total);
            char text[512], reply[700];
            int n = stats(text, sizeof text);
            n = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, text);
            answer(c->fd, reply, (size_t)n);
        }
        start += whole;
    }
    memmove(c->data, c->data + start, c->used -= start);
    return 1;
}

int main(int argc, char **argv) {
    int port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--depth"))
            depth = !strcmp(argv[i + 1], "requests") ? REQUESTS : !strcmp(argv[i + 1], "header") ? HEADER : ENTRIES;
        else return fprintf(stderr, "countserver: unknown option %s\n", argv[i]), 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("countserver");
        return 1;
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int queue = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event);
    while (!stopped) {
        struct epoll_event ready[32];
        int n = epoll_wait(queue, ready, 32, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (!c) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                c = calloc(1, sizeof *c);
                if (!c || !(c->data = malloc(c->room = 2 << 20))) abort();
                c->fd = fd;
                event.data.ptr = c;
                epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            if (c->used == c->room && !(c->data = realloc(c->data, c->room *= 2))) abort();
            ssize_t got = recv(c->fd, c->data + c->used, c->room - c->used, 0);
            if (got > 0) c->used += (size_t)got;
            if (got <= 0 || !handle(c)) {
                close(c->fd);
                free(c->data);
                free(c);
            }
        }
    }
    char text[512];
    stats(text, sizeof text);
    fputs(text, stdout);
    return 0;
}
