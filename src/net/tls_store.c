// SPDX-License-Identifier: Apache-2.0
/*
 * What TLS connections share.
 *
 * Why one X509_STORE for the process: the system's authorities are some 140 certificates, ten milliseconds and a few
 * megabytes to load, so they are loaded once, at the first handshake, and all loops' contexts refer to them. A release is
 * linked statically and knows no distribution's path, so the usual bundles are probed; SSL_CERT_FILE and SSL_CERT_DIR go
 * first, as everywhere. A provider with an authority of its own gets a context with both.
 * Why sessions are kept by host, port and authorities: a resumed session is not verified again, so it may only serve
 * where the same check would be made.
 * Promises: TLS 1.2 at least, HTTP/1.1 only, no renegotiation, no compression. Leaves to others: handshakes (tls.c).
 */
#include "net/tls_store.h"

#include "base/check.h"
#include "base/dynbuf.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define TLS_CONTEXTS_MAX  32
#define TLS_SESSIONS_MAX  128
#define TLS_KEY_MAX_BYTES ((size_t)8 * 1024)

struct context {
    char *ca_file; /* owned; "": the system's authorities only */
    SSL_CTX *ssl;  /* owned */
};

struct session {
    char *key;            /* owned; NULL: free place */
    SSL_SESSION *session; /* owned */
};

struct tls_store {
    struct context contexts[TLS_CONTEXTS_MAX];
    size_t context_count;
    struct session sessions[TLS_SESSIONS_MAX];
    size_t next_session;
};

/* --- authorities --- */

/* Debian and Alpine, Fedora, older Red Hat, SUSE, macOS and OpenBSD */
const char *const tls_store__bundles[TLS_STORE_BUNDLES] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem"};

static X509_STORE *load_authorities(const char *ca_file) {
    X509_STORE *store = X509_STORE_new();
    const char *file = getenv("SSL_CERT_FILE");
    const char *folder = getenv("SSL_CERT_DIR");
    check(store != NULL);
    bool loaded = file != NULL && X509_STORE_load_file(store, file) == 1;
    loaded = (folder != NULL && X509_STORE_load_path(store, folder) == 1) || loaded;
    for (size_t i = 0; i < TLS_STORE_BUNDLES && !loaded; i++)
        loaded = access(tls_store__bundles[i], R_OK) == 0 &&
                 X509_STORE_load_file(store, tls_store__bundles[i]) == 1;
    /* A file that cannot be read makes its chains untrusted, which is said where they are met. */
    if (ca_file[0] != '\0')
        (void)X509_STORE_load_file(store, ca_file);
    ERR_clear_error();
    return store;
}

static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *system_store; /* owned by the process */

static void use_system_store(SSL_CTX *ssl) {
    check(pthread_mutex_lock(&system_lock) == 0);
    if (system_store == NULL)
        system_store = load_authorities("");
    SSL_CTX_set1_cert_store(ssl, system_store);
    check(pthread_mutex_unlock(&system_lock) == 0);
}

static bool has_authorities(X509_STORE *store) {
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    return sk_X509_OBJECT_num(objects) > 0;
}

/* A folder of certificates is read by name at each handshake and has none in the store. */
int tls_reload_authorities(void) {
    int err = 0;
    check(pthread_mutex_lock(&system_lock) == 0);
    if (system_store != NULL) { /* else the first handshake reads them */
        X509_STORE *fresh = load_authorities("");
        if (has_authorities(system_store) && !has_authorities(fresh))
            err = ERR_NOT_FOUND;
        X509_STORE_free(err == 0 ? system_store : fresh);
        system_store = err == 0 ? fresh : system_store;
    }
    check(pthread_mutex_unlock(&system_lock) == 0);
    return err;
}

/* --- contexts --- */

static SSL_CTX *new_context(const char *ca_file) {
    static const unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    check(ssl != NULL && SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
    check(SSL_CTX_set_alpn_protos(ssl, alpn, sizeof alpn) == 0);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls__on_new_session);
    if (ca_file[0] == '\0')
        use_system_store(ssl);
    else
        SSL_CTX_set_cert_store(ssl, load_authorities(ca_file));
    return ssl;
}

static SSL_CTX *find_context(struct tls_store *store, struct span ca_file) {
    for (size_t i = 0; i < store->context_count; i++)
        if (span_is(ca_file, store->contexts[i].ca_file))
            return store->contexts[i].ssl;
    if (store->context_count == TLS_CONTEXTS_MAX)
        return NULL;
    struct context *context = &store->contexts[store->context_count++];
    context->ca_file = mem_strndup(ca_file.len > 0 ? ca_file.ptr : "", ca_file.len);
    context->ssl = new_context(context->ca_file);
    return context->ssl;
}

SSL *tls_store__client(struct tls_store *store, struct span ca_file, const char *key) {
    SSL_CTX *context = find_context(store, ca_file);
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    if (ssl == NULL)
        return NULL;
    SSL_set_connect_state(ssl);
    for (size_t i = 0; i < TLS_SESSIONS_MAX; i++)
        if (store->sessions[i].key != NULL && strcmp(store->sessions[i].key, key) == 0)
            (void)SSL_set_session(ssl, store->sessions[i].session);
    return ssl;
}

/* --- sessions --- */

char *tls_store__key(struct span host, uint16_t port, struct span ca_file) {
    struct dynbuf text;
    dynbuf_init(&text, TLS_KEY_MAX_BYTES);
    int err =
        dynbuf_append_format(&text, "%.*s\n%u\n%.*s", SPAN_ARG(host), port, SPAN_ARG(ca_file));
    struct span whole = dynbuf_span(&text);
    char *key = err == 0 ? mem_strndup(whole.ptr, whole.len) : NULL;
    dynbuf_done(&text);
    return key;
}

static void forget_session(struct session *place) {
    SSL_SESSION_free(place->session);
    mem_free(place->key);
    *place = (struct session){0};
}

void tls_store__keep(struct tls_store *store, const char *key, SSL_SESSION *session) {
    struct session *place = NULL;
    for (size_t i = 0; i < TLS_SESSIONS_MAX && place == NULL; i++)
        if (store->sessions[i].key != NULL && strcmp(store->sessions[i].key, key) == 0)
            place = &store->sessions[i];
    if (place == NULL) {
        place = &store->sessions[store->next_session];
        store->next_session = (store->next_session + 1) % TLS_SESSIONS_MAX;
    }
    forget_session(place);
    *place = (struct session){mem_strdup(key), session};
}

/* --- life --- */

struct tls_store *tls_store_new(void) {
    return mem_zalloc(sizeof(struct tls_store));
}

static void forget_all(struct tls_store *store) {
    for (size_t i = 0; i < TLS_SESSIONS_MAX; i++)
        forget_session(&store->sessions[i]);
    for (size_t i = 0; i < store->context_count; i++) {
        mem_free(store->contexts[i].ca_file);
        SSL_CTX_free(store->contexts[i].ssl);
    }
    store->context_count = 0;
}

void tls_store_reload(struct tls_store *store) {
    forget_all(store);
}

void tls_store_free(struct tls_store *store) {
    forget_all(store);
    mem_free(store);
}
