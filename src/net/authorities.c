// SPDX-License-Identifier: Apache-2.0
/*
 * Looking at bundles of certificates.
 *
 * Why: a missing or broken bundle shows itself as every provider being untrusted, which sends people to the wrong place. Promises: a
 * file is read as a connection would read it, certificate by certificate, and no more than its first CERTIFICATES_MAX. Leaves to
 * others: what is good enough (app/doctor), trusting (tls_store.c).
 */
#include "net/authorities.h"

#include "base/check.h"
#include "net/tls_store.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>
#include <unistd.h>

#define CERTIFICATES_MAX 4096

static int64_t time_ms(const ASN1_TIME *asn1) {
    struct tm parts = {0};
    if (ASN1_TIME_to_tm(asn1, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts) * 1000;
}

static void count(const X509 *certificate, int64_t wall_ms, struct authorities *ret) {
    int64_t begins_ms = time_ms(X509_get0_notBefore(certificate));
    ret->certificates++;
    ret->expired += time_ms(X509_get0_notAfter(certificate)) < wall_ms;
    if (begins_ms > ret->newest_ms)
        ret->newest_ms = begins_ms;
}

int authorities_of_file(const char *path, int64_t wall_ms, struct authorities *ret) {
    *ret = (struct authorities){.file = path};
    errno = 0;
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL) {
        ERR_clear_error();
        return ERR_SYSTEM;
    }
    X509 *certificate = NULL;
    while (ret->certificates < CERTIFICATES_MAX &&
           (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        count(certificate, wall_ms, ret);
        X509_free(certificate);
    }
    ERR_clear_error();
    BIO_free(file);
    return ret->certificates > 0 ? 0 : ERR_INVALID;
}

void authorities_of_system(int64_t wall_ms, struct authorities *ret) {
    *ret = (struct authorities){.file = NULL};
    for (size_t i = 0; i < TLS_STORE_BUNDLES; i++)
        if (access(tls_store__bundles[i], R_OK) == 0 &&
            authorities_of_file(tls_store__bundles[i], wall_ms, ret) == 0)
            return;
    *ret = (struct authorities){.file = NULL};
}
