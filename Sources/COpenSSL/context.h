#ifndef COPENSSL_CONTEXT_H
#define COPENSSL_CONTEXT_H

#include "library.h"

struct copenssl_context {
    SSL_CTX *tls;
    int verifies;
    /// As in the settings; NULL: any.
    char *allowed_names;
};

#endif
