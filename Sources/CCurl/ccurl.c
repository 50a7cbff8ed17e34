#include "CCurl.h"

#include <CLoader.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct cloader loader = CLOADER_INITIALIZER;

static struct {
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_perform)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    const char *(*easy_strerror)(CURLcode);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    time_t (*getdate)(const char *, const time_t *);
    // From 7.83 on; NULL before.
    CURLHcode (*easy_header)(CURL *, const char *, size_t, unsigned, int, struct curl_header **);
    // Of the OpenSSL that libcurl has loaded; NULL where it uses another library.
    const char *(*ssl_version)(const void *);
} curl;

static int load(char *message, size_t capacity) {
    static const char *const names[] = {"libcurl.so.4", NULL};
    void *library = cloader_open(names, message, capacity);
    if (library == NULL) return -1;
    if (cloader_find(library, "curl_global_init", &curl.global_init) || cloader_find(library, "curl_easy_init", &curl.easy_init) ||
        cloader_find(library, "curl_easy_cleanup", &curl.easy_cleanup) ||
        cloader_find(library, "curl_easy_perform", &curl.easy_perform) ||
        cloader_find(library, "curl_easy_setopt", &curl.easy_setopt) ||
        cloader_find(library, "curl_easy_getinfo", &curl.easy_getinfo) ||
        cloader_find(library, "curl_easy_strerror", &curl.easy_strerror) ||
        cloader_find(library, "curl_slist_append", &curl.slist_append) ||
        cloader_find(library, "curl_slist_free_all", &curl.slist_free_all) || cloader_find(library, "curl_getdate", &curl.getdate)) {
        snprintf(message, capacity, "libcurl.so.4 lacks a function of libcurl's easy interface");
        dlclose(library);
        return -1;
    }
    if (cloader_find(library, "curl_easy_header", &curl.easy_header)) curl.easy_header = NULL;
    // Looked for in libcurl's own dependencies, not in a libssl of ours.
    if (cloader_find(library, "SSL_get_version", &curl.ssl_version)) curl.ssl_version = NULL;
    CURLcode code = curl.global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) {
        snprintf(message, capacity, "libcurl does not start: %s", curl.easy_strerror(code));
        dlclose(library);
        return -1;
    }
    return 0;
}

int ccurl_load(char *message, size_t capacity) { return cloader_load(&loader, load, message, capacity); }

int ccurl_is_loaded(void) { return cloader_is_loaded(&loader); }

CURL *ccurl_easy_init(void) { return curl.easy_init(); }
void ccurl_easy_cleanup(CURL *handle) { curl.easy_cleanup(handle); }
CURLcode ccurl_easy_perform(CURL *handle) { return curl.easy_perform(handle); }
const char *ccurl_easy_strerror(CURLcode code) { return curl.easy_strerror(code); }

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_body(CURL *handle, const void *bytes, size_t length) {
    // A null pointer would make libcurl read the body from a callback.
    CURLcode code = curl.easy_setopt(handle, CURLOPT_POSTFIELDS, bytes ? bytes : "");
    if (code != CURLE_OK) return code;
    return curl.easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
}

CURLcode ccurl_set_get(CURL *handle) {
    CURLcode code = curl.easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    return code == CURLE_OK ? curl.easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip") : code;
}

CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *list) {
    return curl.easy_setopt(handle, option, list);
}

CURLcode ccurl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t length) {
    struct curl_blob blob = {.data = (void *)bytes, .len = length, .flags = CURL_BLOB_COPY};
    return curl.easy_setopt(handle, option, &blob);
}

long ccurl_get_long(CURL *handle, CURLINFO info) {
    long value = 0;
    return curl.easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

int64_t ccurl_get_off(CURL *handle, CURLINFO info) {
    curl_off_t value = 0;
    return curl.easy_getinfo(handle, info, &value) == CURLE_OK ? (int64_t)value : 0;
}

const char *ccurl_get_string(CURL *handle, CURLINFO info) {
    const char *value = NULL;
    return curl.easy_getinfo(handle, info, &value) == CURLE_OK ? value : NULL;
}

int ccurl_knows_headers(void) { return curl.easy_header != NULL; }

const char *ccurl_get_header(CURL *handle, const char *name) {
    struct curl_header *header = NULL;
    // The last request of the transfer: what came before it was a redirection.
    if (!curl.easy_header || curl.easy_header(handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return NULL;
    return header->value;
}

struct curl_slist *ccurl_list_append(struct curl_slist *list, const char *line) {
    struct curl_slist *longer = curl.slist_append(list, line);
    return longer ? longer : list;
}

void ccurl_list_free(struct curl_slist *list) { curl.slist_free_all(list); }

static int64_t milliseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct ccurl_transfer *ccurl_transfer_new(size_t body_limit) {
    struct ccurl_transfer *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL) return NULL;
    transfer->body_limit = body_limit;
    transfer->receive_limit = body_limit * 16;
    transfer->stop_descriptor = -1;
    return transfer;
}

void ccurl_transfer_free(struct ccurl_transfer *transfer) {
    if (transfer == NULL) return;
    free(transfer->body);
    free(transfer);
}

void ccurl_transfer_forget_body(struct ccurl_transfer *transfer) {
    free(transfer->body);
    transfer->body = NULL;
    transfer->body_length = 0;
    transfer->body_capacity = 0;
}

void ccurl_transfer_reset(struct ccurl_transfer *transfer) {
    ccurl_transfer_forget_body(transfer);
    transfer->received = 0;
    transfer->header_length = 0;
    transfer->has_head = 0;
    transfer->ended_by = 0;
    transfer->progress_time = milliseconds_now();
    transfer->progress_bytes = 0;
    transfer->tls_version = NULL;
    transfer->error[0] = 0;
}

static size_t write_body(char *bytes, size_t size, size_t count, void *context) {
    struct ccurl_transfer *transfer = context;
    size_t length = size * count;
    transfer->received += length;
    if (transfer->received > transfer->receive_limit) {
        transfer->ended_by = 3;
        return 0;
    }
    size_t room = transfer->body_limit - transfer->body_length;
    if (length > room && transfer->refuses_overflow) {
        transfer->ended_by = 3;
        return 0;
    }
    size_t kept = length < room ? length : room;
    if (kept > transfer->body_capacity - transfer->body_length) {
        size_t capacity = transfer->body_capacity * 2;
        if (capacity < transfer->body_length + kept) capacity = transfer->body_length + kept;
        if (capacity > transfer->body_limit) capacity = transfer->body_limit;
        char *larger = realloc(transfer->body, capacity);
        // A body with a hole is none.
        if (larger == NULL) return 0;
        transfer->body = larger;
        transfer->body_capacity = capacity;
    }
    if (kept > 0) {
        memcpy(transfer->body + transfer->body_length, bytes, kept);
        transfer->body_length += kept;
    }
    return length;
}

static size_t count_header(char *bytes, size_t size, size_t count, void *context) {
    struct ccurl_transfer *transfer = context;
    size_t length = size * count;
    // Trailers come here as well, behind the body.
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) transfer->has_head = 0;
    if (length > 0 && (bytes[0] == '\r' || bytes[0] == '\n')) transfer->has_head = 1;
    transfer->header_length += length;
    if (transfer->header_length <= transfer->receive_limit) return length;
    transfer->ended_by = 4;
    return 0;
}

// Called at least once a second.
static int check_progress(void *context, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
                          curl_off_t sent) {
    struct ccurl_transfer *transfer = context;
    (void)to_receive, (void)received, (void)to_send;
    if (transfer->stop_descriptor >= 0) {
        struct pollfd stop = {.fd = transfer->stop_descriptor, .events = POLLIN};
        if (poll(&stop, 1, 0) > 0) {
            transfer->ended_by = 1;
            return 1;
        }
    }
    int64_t now = milliseconds_now();
    // Only what the server takes counts: one that dribbles its answer is stalled too.
    if (sent != transfer->progress_bytes) {
        transfer->progress_bytes = sent;
        transfer->progress_time = now;
    } else if (transfer->stall_milliseconds > 0 && now - transfer->progress_time > transfer->stall_milliseconds) {
        transfer->ended_by = 2;
        return 1;
    }
    return 0;
}

CURLcode ccurl_attach(CURL *handle, struct ccurl_transfer *transfer) {
    CURLcode code = CURLE_OK;
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, write_body);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, count_header);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, check_progress);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->error);
    return code;
}

static size_t read_upload(char *room, size_t size, size_t count, void *context) {
    struct ccurl_transfer *transfer = context;
    size_t length = size * count;
    if (length > transfer->upload_length) length = transfer->upload_length;
    if (length > 0) memcpy(room, transfer->upload, length);
    transfer->upload += length;
    transfer->upload_length -= length;
    return length;
}

CURLcode ccurl_set_upload(CURL *handle, struct ccurl_transfer *transfer, const void *bytes, size_t length) {
    transfer->upload = bytes;
    transfer->upload_length = bytes ? length : 0;
    CURLcode code = curl.easy_setopt(handle, CURLOPT_READFUNCTION, read_upload);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_READDATA, transfer);
    if (code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
    return code == CURLE_OK ? curl.easy_setopt(handle, CURLOPT_UPLOAD, 1L) : code;
}

static struct curl_certinfo *certificates(CURL *handle) {
    struct curl_certinfo *list = NULL;
    return curl.easy_getinfo(handle, CURLINFO_CERTINFO, &list) == CURLE_OK ? list : NULL;
}

int ccurl_certificate_count(CURL *handle) {
    struct curl_certinfo *list = certificates(handle);
    return list ? list->num_of_certs : 0;
}

const char *ccurl_certificate_field(CURL *handle, int index, const char *name) {
    struct curl_certinfo *list = certificates(handle);
    if (list == NULL || index < 0 || index >= list->num_of_certs) return NULL;
    size_t length = strlen(name);
    for (struct curl_slist *line = list->certinfo[index]; line != NULL; line = line->next) {
        if (strncmp(line->data, name, length) != 0 || line->data[length] != ':') continue;
        return line->data + length + 1;
    }
    return NULL;
}

// Called when the connection stands, before anything is sent: only while it is used does libcurl give the session out.
static int note_version(void *context, char *address, char *local, int port, int local_port) {
    struct ccurl_transfer *transfer = context;
    struct curl_tlssessioninfo *session = NULL;
    (void)address, (void)local, (void)port, (void)local_port;
    if (curl.ssl_version && curl.easy_getinfo(transfer->handle, CURLINFO_TLS_SSL_PTR, &session) == CURLE_OK && session &&
        session->backend == CURLSSLBACKEND_OPENSSL && session->internals)
        transfer->tls_version = curl.ssl_version(session->internals);
    return CURL_PREREQFUNC_OK;
}

void ccurl_note_tls_version(CURL *handle, struct ccurl_transfer *transfer) {
    transfer->handle = handle;
    // Not known to libcurl before 7.80, which then notes nothing.
    curl.easy_setopt(handle, CURLOPT_PREREQDATA, transfer);
    curl.easy_setopt(handle, CURLOPT_PREREQFUNCTION, note_version);
}

int64_t ccurl_date(const char *text) { return (int64_t)curl.getdate(text, NULL); }
