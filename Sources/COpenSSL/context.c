#include "COpenSSL.h"

#include "context.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_allowed(const struct copenssl_context *context, const char *name, size_t length) {
    for (const char *allowed = context->allowed_names; *allowed; allowed += strlen(allowed) + 1) {
        if (strlen(allowed) == length && memcmp(allowed, name, length) == 0) return 1;
    }
    return 0;
}

/// The text of a DNS name, an address, a mail address or a URI; 0 for other kinds.
static size_t text_of(const GENERAL_NAME *name, char *text, size_t capacity) {
    const ASN1_STRING *value;
    switch (name->type) {
        case GEN_DNS: value = name->d.dNSName; break;
        case GEN_EMAIL: value = name->d.rfc822Name; break;
        case GEN_URI: value = name->d.uniformResourceIdentifier; break;
        case GEN_IPADD: {
            const unsigned char *bytes = copenssl.ASN1_STRING_get0_data(name->d.iPAddress);
            int length = copenssl.ASN1_STRING_length(name->d.iPAddress);
            if (length != 4 && length != 16) return 0;
            if (!inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, (socklen_t)capacity)) return 0;
            return strlen(text);
        }
        default: return 0;
    }
    int length = copenssl.ASN1_STRING_length(value);
    if (length <= 0 || (size_t)length > capacity) return 0;
    memcpy(text, copenssl.ASN1_STRING_get0_data(value), (size_t)length);
    return (size_t)length;
}

static int has_allowed_name(const struct copenssl_context *context, X509 *certificate) {
    GENERAL_NAMES *names = copenssl.X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) return 0;
    int found = 0;
    const OPENSSL_STACK *stack = (const OPENSSL_STACK *)names;
    for (int at = 0; !found && at < copenssl.OPENSSL_sk_num(stack); at++) {
        char text[1024];
        size_t length = text_of(copenssl.OPENSSL_sk_value(stack, at), text, sizeof text);
        found = length > 0 && is_allowed(context, text, length);
    }
    copenssl.GENERAL_NAMES_free(names);
    return found;
}

static int verify(X509_STORE_CTX *store, void *argument) {
    const struct copenssl_context *context = argument;
    if (context->verifies && copenssl.X509_verify_cert(store) <= 0) return 0;
    if (context->allowed_names && !has_allowed_name(context, copenssl.X509_STORE_CTX_get0_cert(store))) {
        copenssl.X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return 1;
}

// A client that lists protocols is told which one it gets.
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in,
                           unsigned int length, void *argument) {
    (void)ssl, (void)argument;
    for (unsigned int at = 0; at < length && at + 1 + in[at] <= length; at += 1u + in[at]) {
        if (in[at] == 8 && memcmp(in + at + 1, "http/1.1", 8) == 0) {
            *out = in + at + 1;
            *out_length = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

// Without it OpenSSL would ask for the passphrase on the terminal.
static int no_passphrase(char *buffer, int size, int writes, void *argument) {
    (void)buffer, (void)size, (void)writes, (void)argument;
    return 0;
}

static int use_chain(SSL_CTX *tls, const char *pem, size_t length) {
    BIO *bio = copenssl.BIO_new_mem_buf(pem, (int)length);
    if (bio == NULL) return -1;
    int count = 0;
    X509 *certificate;
    while ((certificate = copenssl.PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        if (count++ == 0) {
            int used = copenssl.SSL_CTX_use_certificate(tls, certificate);
            copenssl.X509_free(certificate);
            if (used != 1) break;
        } else if (copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_CHAIN_CERT, 0, certificate) != 1) {
            copenssl.X509_free(certificate);
            break;
        }
    }
    copenssl.BIO_free(bio);
    // Reading ends with "no start line" behind the last certificate, and with anything else inside a damaged one.
    unsigned long code = copenssl.ERR_peek_last_error();
    if (certificate != NULL || count == 0 || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) return -1;
    copenssl.ERR_clear_error();
    return 0;
}

static int use_authorities(SSL_CTX *tls, const char *pem, size_t length) {
    BIO *bio = copenssl.BIO_new_mem_buf(pem, (int)length);
    if (bio == NULL) return -1;
    int count = 0;
    X509 *certificate;
    while ((certificate = copenssl.PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        count++;
        int used = copenssl.X509_STORE_add_cert(copenssl.SSL_CTX_get_cert_store(tls), certificate) == 1 &&
                   copenssl.SSL_CTX_add_client_CA(tls, certificate) == 1;
        copenssl.X509_free(certificate);
        if (!used) break;
    }
    copenssl.BIO_free(bio);
    unsigned long code = copenssl.ERR_peek_last_error();
    if (certificate != NULL || count == 0 || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) return -1;
    copenssl.ERR_clear_error();
    return 0;
}

static int use_key(SSL_CTX *tls, const char *pem, size_t length) {
    BIO *bio = copenssl.BIO_new_mem_buf(pem, (int)length);
    if (bio == NULL) return -1;
    EVP_PKEY *key = copenssl.PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    copenssl.BIO_free(bio);
    if (key == NULL) return -1;
    int used = copenssl.SSL_CTX_use_PrivateKey(tls, key);
    copenssl.EVP_PKEY_free(key);
    return used == 1 && copenssl.SSL_CTX_check_private_key(tls) == 1 ? 0 : -1;
}

static const char *const default_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!SHA256:!SHA384";

static int use_ciphers(SSL_CTX *tls, const struct copenssl_settings *settings) {
    char list[2048];
    // TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 allows on security level 0 only.
    int written = snprintf(list, sizeof list, "%s%s", settings->ciphers ? settings->ciphers : default_ciphers,
                           settings->minimum_version < TLS1_2_VERSION ? ":@SECLEVEL=0" : "");
    if (written < 0 || (size_t)written >= sizeof list) return -1;
    if (copenssl.SSL_CTX_set_cipher_list(tls, list) != 1) return -1;
    return settings->suites == NULL || copenssl.SSL_CTX_set_ciphersuites(tls, settings->suites) == 1 ? 0 : -1;
}

static char *copy_names(const char *names) {
    const char *end = names;
    while (*end) end += strlen(end) + 1;
    size_t length = (size_t)(end - names) + 1;
    char *copy = malloc(length);
    if (copy != NULL) memcpy(copy, names, length);
    return copy;
}

/// The part that failed, or -1.
static int set_up(struct copenssl_context *context, const struct copenssl_settings *settings) {
    SSL_CTX *tls = context->tls;
    copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
    copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    copenssl.SSL_CTX_set_session_id_context(tls, (const unsigned char *)"tocsin", 6);
    copenssl.SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (settings->prefers_server_ciphers) copenssl.SSL_CTX_set_options(tls, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_SET_MIN_PROTO_VERSION, settings->minimum_version, NULL) != 1 ||
        copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_SET_MAX_PROTO_VERSION, settings->maximum_version, NULL) != 1) {
        return COPENSSL_VERSIONS;
    }
    if (use_ciphers(tls, settings)) return COPENSSL_CIPHERS;
    if (settings->groups && copenssl.SSL_CTX_ctrl(tls, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)settings->groups) != 1) {
        return COPENSSL_GROUPS;
    }
    if (use_chain(tls, settings->certificates, settings->certificates_length)) return COPENSSL_CERTIFICATE;
    if (use_key(tls, settings->key, settings->key_length)) return COPENSSL_KEY;
    if (settings->authorities_length > 0 &&
        use_authorities(tls, settings->authorities, settings->authorities_length)) {
        return COPENSSL_AUTHORITIES;
    }
    if (settings->asks) {
        int mode = SSL_VERIFY_PEER | (settings->demands ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
        copenssl.SSL_CTX_set_verify(tls, mode, NULL);
        copenssl.SSL_CTX_set_cert_verify_callback(tls, verify, context);
        // A session that is taken up again would not verify the certificate again.
        copenssl.SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
        copenssl.SSL_CTX_set_num_tickets(tls, 0);
    }
    copenssl.SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    return -1;
}

struct copenssl_context *copenssl_context_new(const struct copenssl_settings *settings, enum copenssl_part *part,
                                              char *message, size_t capacity) {
    *part = COPENSSL_LIBRARY;
    if (copenssl_load(message, capacity)) return NULL;
    copenssl.ERR_clear_error();
    struct copenssl_context *context = calloc(1, sizeof *context);
    if (context != NULL) context->tls = copenssl.SSL_CTX_new(copenssl.TLS_server_method());
    if (context == NULL || context->tls == NULL) {
        copenssl_explain(message, capacity, "out of memory");
        free(context);
        return NULL;
    }
    context->verifies = settings->verifies;
    if (settings->allowed_names) {
        context->allowed_names = copy_names(settings->allowed_names);
        // Without the list any name would do.
        if (context->allowed_names == NULL) {
            snprintf(message, capacity, "out of memory");
            copenssl_context_free(context);
            return NULL;
        }
    }
    int failed = set_up(context, settings);
    if (failed >= 0) {
        *part = (enum copenssl_part)failed;
        copenssl_explain(message, capacity, "unusable");
        copenssl_context_free(context);
        return NULL;
    }
    return context;
}

void copenssl_context_free(struct copenssl_context *context) {
    if (context == NULL) return;
    copenssl.SSL_CTX_free(context->tls);
    free(context->allowed_names);
    free(context);
}
