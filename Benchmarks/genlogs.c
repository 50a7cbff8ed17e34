// Writes the same log lines on every machine: genlogs KIND LINES FILE, KIND: nginx | docker | cri.
//
// docker and cri carry access lines and JSON lines of an application in turn, a seventh of them from stderr.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state = 0x243f6a8885a308d3u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du >> 11;
}

static unsigned below(unsigned bound) { return (unsigned)(next() % bound); }

static const char *const paths[] = {"/", "/api/v1/orders", "/healthz", "/signin", "/search?q=", "/api/items/",
                                    "/static/site.", "/xmlrpc.php"};
static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "curl/7.88.1", "Mozilla/5.0 (compatible; indexer/3.2; +https://bots.example/about)", "okhttp/4.12.0"};
static const char *const methods[] = {"GET", "GET", "GET", "POST"};
static const char *const levels[] = {"info", "info", "info", "warn", "error"};

static int path(char *out) {
    unsigned which = below(8);
    if (which == 4 || which == 5) return sprintf(out, "%s%u", paths[which], below(100000));
    if (which == 6) return sprintf(out, "%s%05x.js", paths[which], below(1 << 20));
    return sprintf(out, "%s", paths[which]);
}

static unsigned status(void) {
    unsigned roll = below(100);
    return roll < 80 ? 200 : roll < 88 ? 304 : roll < 94 ? 404 : roll < 97 ? 401 : roll < 99 ? 500 : 502;
}

static int access_line(char *out, long i, time_t start) {
    char target[64], date[40];
    time_t now = start + i / 500;
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%d/%b/%Y:%H:%M:%S +0000", &parts);
    path(target);
    int n = below(5) ? sprintf(out, "%u.%u.%u.%u", 11 + below(189), below(256), below(256), 1 + below(254))
                     : sprintf(out, "198.51.100.%u", below(256));
    return n + sprintf(out + n, " - - [%s] \"%s %s HTTP/1.1\" %u %u \"-\" \"%s\" %u.%03u", date, methods[below(4)],
                       target, status(), 200 + below(90000), agents[below(4)], below(20) ? 0 : 1, below(1000));
}

static int json_line(char *out, long i, time_t start) {
    char target[64];
    path(target);
    return sprintf(out,
                   "{\"ts\":%ld.%03ld,\"level\":\"%s\",\"msg\":\"order stored\",\"route\":\"%s\",\"status\":%u,"
                   "\"took_ms\":%u.%02u,\"trace_id\":\"%016lx%016lx\",\"user\":\"u%u\"}",
                   (long)start + i / 500, i % 500 * 2, levels[below(5)], target, status(), below(90), below(100),
                   (unsigned long)next(), (unsigned long)next(), below(5000));
}

static int stamp(char *out, long i, time_t start) {
    time_t now = start + i / 500;
    struct tm parts;
    gmtime_r(&now, &parts);
    int n = (int)strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    return n + sprintf(out + n, ".%09ldZ", i % 500 * 2000000 + 1);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: genlogs nginx|docker|cri LINES FILE [START SECONDS]\n");
        return 2;
    }
    const char *kind = argv[1];
    int docker = !strcmp(kind, "docker"), cri = !strcmp(kind, "cri");
    if (!docker && !cri && strcmp(kind, "nginx")) {
        fprintf(stderr, "genlogs: unknown kind '%s'; nginx, docker and cri are there\n", kind);
        return 2;
    }
    long lines = atol(argv[2]);
    time_t start = argc > 4 ? atol(argv[4]) : 1790000000;
    FILE *file = fopen(argv[3], "w");
    if (!file) {
        perror(argv[3]);
        return 1;
    }
    static char buffer[1 << 20];
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    char line[1024], when[48];
    for (long i = 0; i < lines; i++) {
        if (docker || cri) {
            if (i & 1) access_line(line, i, start);
            else json_line(line, i, start);
            stamp(when, i, start);
        } else {
            access_line(line, i, start);
        }
        const char *stream = i % 7 ? "stdout" : "stderr";
        if (docker) {
            fputs("{\"log\":\"", file);
            for (const char *c = line; *c; c++) {
                if (*c == '"' || *c == '\\') putc('\\', file);
                putc(*c, file);
            }
            fprintf(file, "\\n\",\"stream\":\"%s\",\"time\":\"%s\"}\n", stream, when);
        } else if (cri) {
            fprintf(file, "%s %s F %s\n", when, stream, line);
        } else {
            fprintf(file, "%s\n", line);
        }
    }
    if (fclose(file)) {
        perror(argv[3]);
        return 1;
    }
    return 0;
}
