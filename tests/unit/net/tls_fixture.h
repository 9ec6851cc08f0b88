// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Certificates made for the test, and a TLS server on a thread that behaves as it is told. The authority's certificate
 * is written to a file for origin.ca_file.
 */
#include "net_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S (24L * 3600)

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char file[64];
};

struct certificate_wish {
    const char *names; /* "DNS:localhost,IP:127.0.0.1" */
    long from_s;       /* relative to now */
    long until_s;
};

static inline void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline X509 *blank_certificate(EVP_PKEY *key, const char *name, long from_s, long until_s) {
    static atomic_long serial = 1;
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), atomic_fetch_add(&serial, 1)), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), until_s));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                                MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                                0),
                     1);
    return certificate;
}

static inline void authority_open(struct authority *authority) {
    authority->key = EVP_EC_gen("P-256");
    assert_non_null(authority->key);
    X509 *certificate = blank_certificate(authority->key, "test authority", -DAY_S, DAY_S);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), 1);
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    authority->certificate = certificate;
    memcpy(authority->file, "/tmp/papi-test-ca-XXXXXX", sizeof "/tmp/papi-test-ca-XXXXXX");
    int fd = mkstemp(authority->file);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

static inline void authority_close(struct authority *authority) {
    assert_int_equal(unlink(authority->file), 0);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

static inline X509 *issue(const struct authority *authority, EVP_PKEY *key,
                          const struct certificate_wish *wish) {
    X509 *certificate = blank_certificate(key, "server", wish->from_s, wish->until_s);
    assert_int_equal(
        X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)), 1);
    add_extension(certificate, authority->certificate, NID_subject_alt_name, wish->names);
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    return certificate;
}

/* --- the server --- */

enum manner {
    SERVE_ECHO,  /* answers each read, close_notify at the client's end */
    SERVE_STALL, /* accepts and says nothing */
    SERVE_CUT,   /* "half" and FIN without close_notify */
    SERVE_END,   /* "whole", close_notify, FIN */
    SERVE_BULK,  /* sends SERVER_BULK_BYTES and ends */
    SERVE_JUNK,  /* bytes that are no TLS */
    SERVE_HANG_UP,
    SERVE_RESET, /* after the client's hello */
};

#define SERVER_BULK_BYTES ((size_t)2 * 1024 * 1024)

struct server {
    SSL_CTX *context;
    EVP_PKEY *key;
    enum manner manner;
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t gate; /* held by the test: connections have to wait */
    atomic_int handshakes;
    char sni[64]; /* of the last connection; read after server_close or an answer */
    char alpn[16];
    bool only_http_2;
    /* What is spoken before TLS, as a proxy would; false: hang up. */
    bool (*preface)(struct server *server, int fd);
    char preface_heard[512];
};

static inline void serve_bulk(SSL *ssl) {
    char bytes[8192];
    for (size_t sent = 0; sent < SERVER_BULK_BYTES; sent += sizeof bytes) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)((sent + i) % 251);
        if (SSL_write(ssl, bytes, sizeof bytes) <= 0)
            return;
    }
}

static inline void serve_echo(SSL *ssl) {
    char bytes[16384];
    for (;;) {
        int length = SSL_read(ssl, bytes, sizeof bytes);
        if (length <= 0 || SSL_write(ssl, bytes, length) <= 0)
            return;
    }
}

static inline void serve_secured(struct server *server, int fd) {
    SSL *ssl = SSL_new(server->context);
    bool polite = server->manner != SERVE_CUT;
    (void)SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        (void)snprintf(server->sni, sizeof server->sni, "%s", sni != NULL ? sni : "");
        atomic_fetch_add(&server->handshakes, 1);
        if (server->manner == SERVE_ECHO)
            serve_echo(ssl);
        else if (server->manner == SERVE_BULK)
            serve_bulk(ssl);
        else
            (void)SSL_write(ssl, polite ? "whole" : "half", polite ? 5 : 4);
        if (polite)
            (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    ERR_clear_error();
}

static inline void wait_for_end(int fd) {
    char bytes[1024];
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static inline void serve_one(struct server *server, int fd) {
    char bytes[1024];
    if (server->manner == SERVE_STALL)
        while (recv(fd, bytes, sizeof bytes, 0) > 0)
            ;
    else if (server->manner == SERVE_JUNK)
        (void)send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
    else if (server->manner == SERVE_RESET)
        assert_true(recv(fd, bytes, 1, 0) == 1); /* closing with unread bytes resets */
    else if (server->manner != SERVE_HANG_UP)
        serve_secured(server, fd);
    if (server->manner != SERVE_RESET)
        wait_for_end(fd);
    (void)close(fd);
}

static inline void *serve(void *argument) {
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        assert_int_equal(pthread_mutex_lock(&server->gate), 0);
        assert_int_equal(pthread_mutex_unlock(&server->gate), 0);
        if (server->preface == NULL || server->preface(server, fd))
            serve_one(server, fd);
        else
            (void)close(fd);
    }
}

/* What the client offers (RFC 7301 section 3.1), written down; refused by a server that wants HTTP/2 only. */
static inline int on_hello(SSL *ssl, int *alert, void *argument) {
    struct server *server = argument;
    const unsigned char *offer;
    size_t length;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &offer,
                                  &length) == 1 &&
        length > 3)
        (void)snprintf(server->alpn, sizeof server->alpn, "%.*s", (int)length - 3,
                       (const char *)offer + 3);
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return server->only_http_2 ? SSL_CLIENT_HELLO_ERROR : SSL_CLIENT_HELLO_SUCCESS;
}

/* Set server->context's options between prepare and start. */
static inline void server_prepare(struct server *server, const struct authority *authority,
                                  const struct certificate_wish *wish) {
    *server = (struct server){.key = EVP_EC_gen("P-256"), .gate = PTHREAD_MUTEX_INITIALIZER};
    X509 *certificate = issue(authority, server->key, wish);
    server->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(server->context);
    assert_int_equal(SSL_CTX_use_certificate(server->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, server->key), 1);
    SSL_CTX_set_client_hello_cb(server->context, on_hello, server);
    X509_free(certificate);
}

static inline void server_start(struct server *server, enum manner manner) {
    server->manner = manner;
    server->fd = bound_socket(SOCK_STREAM, &server->port);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* All connections to it must be closed. */
static inline void server_close(struct server *server) {
    assert_int_equal(shutdown(server->fd, SHUT_RDWR), 0);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    assert_int_equal(close(server->fd), 0);
    SSL_CTX_free(server->context);
    EVP_PKEY_free(server->key);
}
