// The server side of TLS over OpenSSL's libssl.so.3, which is loaded when the first context is made. Bytes go in and
// out through memory, so that whoever owns the socket stays in charge of it.
#ifndef COPENSSL_H
#define COPENSSL_H

#include <stddef.h>

/// What of the settings could not be used.
enum copenssl_part {
    COPENSSL_LIBRARY,
    COPENSSL_CERTIFICATE,
    COPENSSL_KEY,
    COPENSSL_AUTHORITIES,
    COPENSSL_VERSIONS,
    COPENSSL_CIPHERS,
    COPENSSL_GROUPS
};

/// What a context is made of. Texts are copied.
struct copenssl_settings {
    /// PEM: the certificate first, then what leads to the root.
    const char *certificates;
    size_t certificates_length;
    /// PEM, not encrypted.
    const char *key;
    size_t key_length;
    /// PEM: who may have signed clients' certificates; length 0 for nobody.
    const char *authorities;
    size_t authorities_length;
    /// 0x0301 (TLS 1.0) to 0x0304 (TLS 1.3).
    int minimum_version;
    int maximum_version;
    /// Whether a client is asked for a certificate, may not come without one, and needs one of the authorities'.
    int asks;
    int demands;
    int verifies;
    int prefers_server_ciphers;
    /// OpenSSL's list for up to TLS 1.2, or NULL.
    const char *ciphers;
    /// OpenSSL's list for TLS 1.3, or NULL.
    const char *suites;
    /// OpenSSL's list of groups, or NULL.
    const char *groups;
    /// Subject alternative names of which a client's certificate needs one; each ends with a NUL, and an empty one
    /// ends the list. NULL: any will do.
    const char *allowed_names;
};

struct copenssl_context;
struct copenssl_session;

/// A context, or NULL with what was wrong in `part` and `message`.
struct copenssl_context *copenssl_context_new(const struct copenssl_settings *settings, enum copenssl_part *part,
                                              char *message, size_t capacity);
/// No session of the context may be left.
void copenssl_context_free(struct copenssl_context *context);

/// A server's side of one connection, or NULL without memory.
struct copenssl_session *copenssl_session_new(struct copenssl_context *context);
void copenssl_session_free(struct copenssl_session *session);

/// Takes what the socket gave. Returns 0, or -1 without memory.
int copenssl_feed(struct copenssl_session *session, const void *bytes, size_t length);
/// Goes on with the handshake: 1 done, 0 more must come, -1 failed with the reason in `message`.
int copenssl_handshake(struct copenssl_session *session, char *message, size_t capacity);
/// Decrypts: a number of bytes, 0 for more must come, -1 for the peer's orderly end, -2 failed.
int copenssl_read(struct copenssl_session *session, void *bytes, size_t capacity, char *message,
                  size_t message_capacity);
/// Encrypts all of it: 0, or -1 failed.
int copenssl_write(struct copenssl_session *session, const void *bytes, size_t length);
/// Says the orderly end.
void copenssl_shut_down(struct copenssl_session *session);
/// How many bytes wait to be sent.
size_t copenssl_pending(struct copenssl_session *session);
/// Takes up to `capacity` of them.
size_t copenssl_take(struct copenssl_session *session, void *bytes, size_t capacity);
/// The subject of the client's certificate in `text`: 1, or 0 if it showed none.
int copenssl_peer(struct copenssl_session *session, char *text, size_t capacity);

#endif
