// The functions of libssl and libcrypto that are used, as pointers: `ssl.SSL_new(...)`.
#ifndef COPENSSL_LIBRARY_H
#define COPENSSL_LIBRARY_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stddef.h>

#define COPENSSL_FUNCTIONS(F)                                                                                         \
    F(BIO_ctrl)                                                                                                       \
    F(BIO_ctrl_pending)                                                                                               \
    F(BIO_free)                                                                                                       \
    F(BIO_new)                                                                                                        \
    F(BIO_new_mem_buf)                                                                                                \
    F(BIO_read)                                                                                                       \
    F(BIO_s_mem)                                                                                                      \
    F(BIO_write)                                                                                                      \
    F(ERR_clear_error)                                                                                                \
    F(ERR_peek_last_error)                                                                                            \
    F(ERR_reason_error_string)                                                                                        \
    F(ASN1_STRING_get0_data)                                                                                          \
    F(ASN1_STRING_length)                                                                                             \
    F(EVP_PKEY_free)                                                                                                  \
    F(GENERAL_NAMES_free)                                                                                             \
    F(OPENSSL_sk_num)                                                                                                 \
    F(OPENSSL_sk_value)                                                                                               \
    F(PEM_read_bio_PrivateKey)                                                                                        \
    F(PEM_read_bio_X509)                                                                                              \
    F(SSL_CTX_check_private_key)                                                                                      \
    F(SSL_CTX_add_client_CA)                                                                                          \
    F(SSL_CTX_ctrl)                                                                                                   \
    F(SSL_CTX_free)                                                                                                   \
    F(SSL_CTX_get_cert_store)                                                                                         \
    F(SSL_CTX_new)                                                                                                    \
    F(SSL_CTX_set_alpn_select_cb)                                                                                     \
    F(SSL_CTX_set_cert_verify_callback)                                                                               \
    F(SSL_CTX_set_cipher_list)                                                                                        \
    F(SSL_CTX_set_ciphersuites)                                                                                       \
    F(SSL_CTX_set_num_tickets)                                                                                        \
    F(SSL_CTX_set_options)                                                                                            \
    F(SSL_CTX_set_session_id_context)                                                                                 \
    F(SSL_CTX_set_verify)                                                                                             \
    F(SSL_CTX_use_PrivateKey)                                                                                         \
    F(SSL_CTX_use_certificate)                                                                                        \
    F(SSL_do_handshake)                                                                                               \
    F(SSL_free)                                                                                                       \
    F(SSL_get1_peer_certificate)                                                                                      \
    F(SSL_get_error)                                                                                                  \
    F(SSL_get_verify_result)                                                                                          \
    F(SSL_new)                                                                                                        \
    F(SSL_read)                                                                                                       \
    F(SSL_set_accept_state)                                                                                           \
    F(SSL_set_bio)                                                                                                    \
    F(SSL_shutdown)                                                                                                   \
    F(SSL_write)                                                                                                      \
    F(TLS_server_method)                                                                                              \
    F(X509_NAME_oneline)                                                                                              \
    F(X509_STORE_CTX_get0_cert)                                                                                       \
    F(X509_STORE_CTX_get_error)                                                                                       \
    F(X509_STORE_CTX_set_error)                                                                                       \
    F(X509_STORE_add_cert)                                                                                            \
    F(X509_free)                                                                                                      \
    F(X509_get_ext_d2i)                                                                                               \
    F(X509_get_subject_name)                                                                                          \
    F(X509_verify_cert)                                                                                               \
    F(X509_verify_cert_error_string)

#define COPENSSL_POINTER(name) __typeof__(&name) name;
struct copenssl_library {
    COPENSSL_FUNCTIONS(COPENSSL_POINTER)
};
#undef COPENSSL_POINTER

extern struct copenssl_library copenssl;

/// Loads the library once: 0, or -1 with the reason in `message`.
int copenssl_load(char *message, size_t capacity);
/// The newest error of this thread's queue, which is emptied.
void copenssl_explain(char *message, size_t capacity, const char *otherwise);

#endif
