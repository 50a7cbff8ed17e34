// The least work that looking for failures in a log takes on one core, as the measure for jails:
//   jails PATTERNS LOG
// PATTERNS has one pattern a line behind its kind and a space: "date" (one, group 1 is cut out of the line), "pref" (one or none, with a
// group "content") and "fail". Every line of LOG goes through all of them in order until one matches, with PCRE2's JIT. Nothing is
// converted, remembered or counted but the hits. Prints "lines N hits N".
#define PCRE2_CODE_UNIT_WIDTH 8
#include <fcntl.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 512, LONGEST = 64 << 10 };

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
};

static struct pattern date, pref, fail[MOST];
static int fails, content;

static void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static struct pattern compile(const char *text) {
    int status;
    PCRE2_SIZE offset;
    struct pattern result;
    uint32_t flags = PCRE2_UTF | PCRE2_UCP;
    if (!strncmp(text, "(?iu)", 5)) {
        flags |= PCRE2_CASELESS;
        text += 5;
    }
    result.code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &status, &offset, NULL);
    if (!result.code || pcre2_jit_compile(result.code, PCRE2_JIT_COMPLETE)) die(text);
    result.data = pcre2_match_data_create_from_pattern(result.code, NULL);
    return result;
}

static int match(const struct pattern *p, const char *text, size_t length) {
    return p->code
        && pcre2_match(p->code, (PCRE2_SPTR)text, length, 0, PCRE2_NO_UTF_CHECK, p->data, NULL) > 0;
}

static int is_hit(const char *line, size_t length) {
    static char subject[LONGEST + 1];
    if (length > LONGEST) length = LONGEST;
    if (match(&date, line, length)) {
        PCRE2_SIZE *cut = pcre2_get_ovector_pointer(date.data) + 2;
        memcpy(subject, line, cut[0]);
        memcpy(subject + cut[0], line + cut[1], length - cut[1]);
        length -= cut[1] - cut[0];
    } else {
        memcpy(subject, line, length);
    }
    subject[length++] = '\n';
    char *text = subject;
    if (pref.code) {
        if (!match(&pref, subject, length)) return 0;
        PCRE2_SIZE *range = pcre2_get_ovector_pointer(pref.data) + 2 * content;
        if (content > 0 && range[0] != PCRE2_UNSET && range[1] > range[0]) {
            text = subject + range[0];
            length = range[1] - range[0];
            text[length++] = '\n';
        }
    }
    for (int i = 0; i < fails; i++)
        if (match(&fail[i], text, length)) return 1;
    return 0;
}

static void read_patterns(const char *path) {
    static char text[LONGEST];
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    while (fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = 0;
        if (!strncmp(text, "date ", 5)) date = compile(text + 5);
        if (!strncmp(text, "pref ", 5)) pref = compile(text + 5);
        if (!strncmp(text, "fail ", 5) && fails < MOST) fail[fails++] = compile(text + 5);
    }
    fclose(file);
    if (pref.code) content = pcre2_substring_number_from_name(pref.code, (PCRE2_SPTR) "content");
}

int main(int count, char **arguments) {
    if (count != 3) die("usage: jails PATTERNS LOG");
    read_patterns(arguments[1]);
    int log = open(arguments[2], O_RDONLY);
    struct stat about;
    if (log < 0 || fstat(log, &about)) die(arguments[2]);
    unsigned long lines = 0, hits = 0;
    if (about.st_size > 0) {
        const char *text = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, log, 0);
        if (text == MAP_FAILED) die("mmap");
        for (const char *end = text + about.st_size; text < end;) {
            const char *stop = memchr(text, '\n', (size_t)(end - text));
            if (!stop) stop = end;
            lines++;
            hits += (unsigned long)is_hit(text, (size_t)(stop - text));
            text = stop + 1;
        }
    }
    printf("lines %lu hits %lu\n", lines, hits);
    return 0;
}
