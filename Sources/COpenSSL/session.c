#include "COpenSSL.h"

#include "context.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct copenssl_session {
    SSL *ssl;
    /// Owned by `ssl`: what the socket gave, what it is to get.
    BIO *input;
    BIO *output;
    /// After a fatal error OpenSSL allows no further call but to free.
    int is_broken;
};

struct copenssl_session *copenssl_session_new(struct copenssl_context *context) {
    struct copenssl_session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->ssl = copenssl.SSL_new(context->tls);
    session->input = copenssl.BIO_new(copenssl.BIO_s_mem());
    session->output = copenssl.BIO_new(copenssl.BIO_s_mem());
    if (session->ssl == NULL || session->input == NULL || session->output == NULL) {
        copenssl.BIO_free(session->input);
        copenssl.BIO_free(session->output);
        copenssl.SSL_free(session->ssl);
        free(session);
        return NULL;
    }
    // Empty means "more will come", not the end.
    copenssl.BIO_ctrl(session->input, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
    copenssl.BIO_ctrl(session->output, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
    copenssl.SSL_set_bio(session->ssl, session->input, session->output);
    copenssl.SSL_set_accept_state(session->ssl);
    return session;
}

void copenssl_session_free(struct copenssl_session *session) {
    if (session == NULL) return;
    copenssl.SSL_free(session->ssl);
    copenssl.ERR_clear_error();
    free(session);
}

int copenssl_feed(struct copenssl_session *session, const void *bytes, size_t length) {
    if (length > INT_MAX) return -1;
    return copenssl.BIO_write(session->input, bytes, (int)length) == (int)length ? 0 : -1;
}

static void explain(struct copenssl_session *session, int code, char *message, size_t capacity) {
    session->is_broken = 1;
    long result = copenssl.SSL_get_verify_result(session->ssl);
    if (result != X509_V_OK) {
        const char *reason = result == X509_V_ERR_APPLICATION_VERIFICATION
                                 ? "none of its names is among the allowed ones"
                                 : copenssl.X509_verify_cert_error_string(result);
        snprintf(message, capacity, "the client's certificate: %s", reason);
        copenssl.ERR_clear_error();
        return;
    }
    copenssl_explain(message, capacity, code == SSL_ERROR_SYSCALL ? "the connection ended" : "protocol error");
}

int copenssl_handshake(struct copenssl_session *session, char *message, size_t capacity) {
    if (session->is_broken) return -1;
    copenssl.ERR_clear_error();
    int result = copenssl.SSL_do_handshake(session->ssl);
    if (result == 1) return 1;
    int code = copenssl.SSL_get_error(session->ssl, result);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return 0;
    explain(session, code, message, capacity);
    return -1;
}

int copenssl_read(struct copenssl_session *session, void *bytes, size_t capacity, char *message,
                  size_t message_capacity) {
    if (session->is_broken) return -2;
    copenssl.ERR_clear_error();
    int result = copenssl.SSL_read(session->ssl, bytes, capacity > INT_MAX ? INT_MAX : (int)capacity);
    if (result > 0) return result;
    int code = copenssl.SSL_get_error(session->ssl, result);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return 0;
    if (code == SSL_ERROR_ZERO_RETURN) return -1;
    explain(session, code, message, message_capacity);
    return -2;
}

int copenssl_write(struct copenssl_session *session, const void *bytes, size_t length) {
    if (session->is_broken || length > INT_MAX) return -1;
    if (length == 0) return 0;
    copenssl.ERR_clear_error();
    // Memory takes everything, so that nothing is written in part.
    if (copenssl.SSL_write(session->ssl, bytes, (int)length) == (int)length) return 0;
    session->is_broken = 1;
    copenssl.ERR_clear_error();
    return -1;
}

void copenssl_shut_down(struct copenssl_session *session) {
    if (session->is_broken) return;
    copenssl.SSL_shutdown(session->ssl);
    copenssl.ERR_clear_error();
}

size_t copenssl_pending(struct copenssl_session *session) { return copenssl.BIO_ctrl_pending(session->output); }

size_t copenssl_take(struct copenssl_session *session, void *bytes, size_t capacity) {
    int taken = copenssl.BIO_read(session->output, bytes, capacity > INT_MAX ? INT_MAX : (int)capacity);
    return taken > 0 ? (size_t)taken : 0;
}

int copenssl_peer(struct copenssl_session *session, char *text, size_t capacity) {
    X509 *certificate = copenssl.SSL_get1_peer_certificate(session->ssl);
    if (certificate == NULL) return 0;
    if (copenssl.X509_NAME_oneline(copenssl.X509_get_subject_name(certificate), text, (int)capacity) == NULL) {
        text[0] = 0;
    }
    copenssl.X509_free(certificate);
    return 1;
}
