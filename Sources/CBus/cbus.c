#define _GNU_SOURCE
#include "CBus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

static sd_bus *inner(struct cbus *bus) { return (sd_bus *)bus; }
static sd_bus_message *message(struct cbus_answer *answer) { return (sd_bus_message *)answer; }

int cbus_open(const char *address, int is_bus, struct cbus **out) {
    sd_bus *bus = NULL;
    int code = sd_bus_new(&bus);
    if (code >= 0) code = sd_bus_set_address(bus, address);
    if (code >= 0) code = sd_bus_set_bus_client(bus, is_bus);
    // Descriptors that a peer might send along would have to be closed.
    if (code >= 0) code = sd_bus_negotiate_fds(bus, 0);
    if (code >= 0) code = sd_bus_start(bus);
    if (code < 0) {
        sd_bus_close_unref(bus);
        return code;
    }
    *out = (struct cbus *)bus;
    return 0;
}

void cbus_close(struct cbus *bus) { sd_bus_close_unref(inner(bus)); }

int cbus_call(struct cbus *bus, const char *destination, const char *path, const char *interface, const char *member,
              const char *first, const char *second, uint64_t *cookie) {
    sd_bus_message *call = NULL;
    int code = sd_bus_message_new_method_call(inner(bus), &call, destination, path, interface, member);
    if (code >= 0) code = sd_bus_message_set_auto_start(call, 0);
    if (code >= 0 && first) code = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, first);
    if (code >= 0 && second) code = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, second);
    if (code >= 0) code = sd_bus_send(inner(bus), call, cookie);
    sd_bus_message_unref(call);
    return code < 0 ? code : 0;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static int is_answer(sd_bus_message *message) {
    uint8_t type = 0;
    if (sd_bus_message_get_type(message, &type) < 0) return 0;
    return type == SD_BUS_MESSAGE_METHOD_RETURN || type == SD_BUS_MESSAGE_METHOD_ERROR;
}

// sd_bus_call would wait for a connection that does not come about for as long as that takes, so the steps are taken here.
int cbus_next(struct cbus *bus, uint64_t microseconds, struct cbus_answer **out) {
    uint64_t end = now() + microseconds;
    for (;;) {
        sd_bus_message *got = NULL;
        int code = sd_bus_process(inner(bus), &got);
        if (code < 0) return code;
        if (got && is_answer(got)) {
            *out = (struct cbus_answer *)got;
            return 1;
        }
        sd_bus_message_unref(got);
        uint64_t time = now();
        if (time >= end) return 0;
        if (code > 0) continue;
        code = sd_bus_wait(inner(bus), end - time);
        if (code < 0 && code != -EINTR) return code;
    }
}

uint64_t cbus_answer_cookie(struct cbus_answer *answer) {
    uint64_t cookie = 0;
    return sd_bus_message_get_reply_cookie(message(answer), &cookie) < 0 ? 0 : cookie;
}

const char *cbus_answer_error(struct cbus_answer *answer) {
    const sd_bus_error *error = sd_bus_message_get_error(message(answer));
    return error ? error->name : NULL;
}

struct output {
    char *bytes;
    size_t used, capacity;
};

static int put(struct output *out, const char *text, size_t length) {
    if (length >= out->capacity - out->used) return -ENOBUFS;
    memcpy(out->bytes + out->used, text, length);
    out->bytes[out->used + length] = 0;
    out->used += length + 1;
    return 0;
}

static int put_number(struct output *out, char type, const void *value) {
    char text[40];
    int length;
    switch (type) {
    case SD_BUS_TYPE_BOOLEAN: length = snprintf(text, sizeof text, "%s", *(const int *)value ? "true" : "false"); break;
    case SD_BUS_TYPE_BYTE: length = snprintf(text, sizeof text, "%" PRIu8, *(const uint8_t *)value); break;
    case SD_BUS_TYPE_INT16: length = snprintf(text, sizeof text, "%" PRId16, *(const int16_t *)value); break;
    case SD_BUS_TYPE_UINT16: length = snprintf(text, sizeof text, "%" PRIu16, *(const uint16_t *)value); break;
    case SD_BUS_TYPE_INT32: length = snprintf(text, sizeof text, "%" PRId32, *(const int32_t *)value); break;
    case SD_BUS_TYPE_UINT32: length = snprintf(text, sizeof text, "%" PRIu32, *(const uint32_t *)value); break;
    case SD_BUS_TYPE_INT64: length = snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)value); break;
    case SD_BUS_TYPE_UINT64: length = snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)value); break;
    case SD_BUS_TYPE_DOUBLE: length = snprintf(text, sizeof text, "%.17g", *(const double *)value); break;
    default: return -EBADMSG;
    }
    return put(out, text, (size_t)length);
}

// Containers nest as deep as a peer likes.
enum { DEEPEST = 16 };

static int put_values(sd_bus_message *from, struct output *out, int depth) {
    if (depth > DEEPEST) return -EBADMSG;
    for (;;) {
        char type = 0;
        const char *contents = NULL;
        int code = sd_bus_message_peek_type(from, &type, &contents);
        if (code <= 0) return code;
        switch (type) {
        case SD_BUS_TYPE_STRING:
        case SD_BUS_TYPE_OBJECT_PATH:
        case SD_BUS_TYPE_SIGNATURE: {
            const char *text = NULL;
            code = sd_bus_message_read_basic(from, type, &text);
            if (code > 0) code = put(out, text, strlen(text));
            break;
        }
        case SD_BUS_TYPE_ARRAY:
        case SD_BUS_TYPE_STRUCT:
        case SD_BUS_TYPE_DICT_ENTRY:
        case SD_BUS_TYPE_VARIANT:
            code = sd_bus_message_enter_container(from, type, contents);
            if (code > 0) code = put_values(from, out, depth + 1);
            if (code >= 0) code = sd_bus_message_exit_container(from);
            break;
        default: {
            uint64_t value = 0;
            code = sd_bus_message_read_basic(from, type, &value);
            if (code > 0) code = put_number(out, type, &value);
        }
        }
        if (code < 0) return code;
    }
}

int64_t cbus_answer_values(struct cbus_answer *answer, void *out, size_t capacity) {
    struct output output = {.bytes = out, .capacity = capacity};
    int code = sd_bus_message_rewind(message(answer), 1);
    if (code >= 0) code = put_values(message(answer), &output, 0);
    return code < 0 ? code : (int64_t)output.used;
}

void cbus_answer_free(struct cbus_answer *answer) { sd_bus_message_unref(message(answer)); }
