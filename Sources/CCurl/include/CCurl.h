// libcurl, loaded when it is first needed: it brings some forty libraries with it (LDAP, Kerberos, SSH), which a
// configuration without destinations must not pay for. Typed calls stand for libcurl's variadic ones.
#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

/// Loads libcurl and initialises it, once for the process; any thread. Returns 0, or -1 with the reason in `message`.
/// A failed load is tried again at the next call.
int ccurl_load(char *message, size_t capacity);
/// 1 once libcurl is loaded. Everything below may only be called then.
int ccurl_is_loaded(void);

CURL *ccurl_easy_init(void);
void ccurl_easy_cleanup(CURL *handle);
CURLcode ccurl_easy_perform(CURL *handle);
const char *ccurl_easy_strerror(CURLcode code);

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value);
/// The string is copied by libcurl; NULL resets the option.
CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value);
/// The request body; not copied, it must stay until the transfer is over.
CURLcode ccurl_set_body(CURL *handle, const void *bytes, size_t length);
/// The list is not copied.
CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *list);
/// A PEM document in memory, copied.
CURLcode ccurl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t length);
long ccurl_get_long(CURL *handle, CURLINFO info);
int64_t ccurl_get_off(CURL *handle, CURLINFO info);
/// Owned by the handle, valid until its next transfer; NULL where there is none.
const char *ccurl_get_string(CURL *handle, CURLINFO info);
/// Whether this libcurl can tell response headers (7.83 and later): 1 or 0.
int ccurl_knows_headers(void);
/// A header of the last response, case of `name` aside; as `ccurl_get_string`.
const char *ccurl_get_header(CURL *handle, const char *name);

/// NULL when memory ran out; the list is then as before.
struct curl_slist *ccurl_list_append(struct curl_slist *list, const char *line);
void ccurl_list_free(struct curl_slist *list);

/// What one transfer gathers, and what ends it early. The owner keeps it at one address while the handle lives.
struct ccurl_transfer {
    /// The beginning of the response body, at most `body_limit` bytes; what is beyond is read and thrown away, up to
    /// `receive_limit` bytes.
    char *body;
    size_t body_length;
    size_t body_limit;
    /// The transfer ends when the body, or all headers together, are longer.
    size_t receive_limit;
    /// An eventfd that ends the transfer when it becomes readable; -1 for none.
    int stop_descriptor;
    /// The transfer ends when the server has taken nothing for so long, or has not answered; 0 for no limit.
    int64_t stall_milliseconds;
    /// Whether a longer body ends the transfer instead.
    int refuses_overflow;
    /// Why the transfer was ended by us: 0 not at all, 1 stop, 2 stall, 3 too long a body, 4 too long headers.
    int ended_by;
    /// Whether the answer's head came whole: libcurl is content with a part.
    int has_head;
    /// What OpenSSL calls the version of TLS, where it was asked for and libcurl uses OpenSSL; else NULL.
    const char *tls_version;
    /// Private.
    CURL *handle;
    const char *upload;
    size_t upload_length;
    size_t body_capacity;
    int64_t progress_time;
    curl_off_t progress_bytes;
    size_t received;
    size_t header_length;
    char error[CURL_ERROR_SIZE];
};

struct ccurl_transfer *ccurl_transfer_new(size_t body_limit);
void ccurl_transfer_free(struct ccurl_transfer *transfer);
/// Makes the handle report to `transfer`.
CURLcode ccurl_attach(CURL *handle, struct ccurl_transfer *transfer);
/// Makes the handle ask with GET, for what is compressed with gzip too.
CURLcode ccurl_set_get(CURL *handle);
/// Makes the handle send these bytes as a mail, or nothing any more for NULL; not copied, they must stay until the transfer
/// is over.
CURLcode ccurl_set_upload(CURL *handle, struct ccurl_transfer *transfer, const void *bytes, size_t length);
/// Gives back the memory of the body.
void ccurl_transfer_forget_body(struct ccurl_transfer *transfer);
/// Before each transfer on it.
void ccurl_transfer_reset(struct ccurl_transfer *transfer);

/// How many certificates the server sent in the last transfer, which had CURLOPT_CERTINFO set.
int ccurl_certificate_count(CURL *handle);
/// A field of one of them: `Subject`, `Issuer`, `Expire date`, `Cert` for all of it in PEM. As `ccurl_get_string`.
const char *ccurl_certificate_field(CURL *handle, int index, const char *name);
/// Has each transfer note the version of TLS that was agreed on, for `tls_version`.
void ccurl_note_tls_version(CURL *handle, struct ccurl_transfer *transfer);
/// Seconds since 1970 of a date as HTTP and certificates write it, or -1.
int64_t ccurl_date(const char *text);

#endif
