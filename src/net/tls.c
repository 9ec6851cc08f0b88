// SPDX-License-Identifier: Apache-2.0
/*
 * TLS of outgoing streams.
 *
 * Why a BIO of our own: OpenSSL reads ciphertext where the loop has just read it and writes it where the loop sends from,
 * without a copy in between and without a buffer for each connection; only what a pause or a full socket leaves over is
 * kept. Every call into OpenSSL ends with push(), so the loop's cipher buffer is empty whenever somebody else may run.
 * Small pieces of a turn are gathered into one record, large ones go in as they are.
 * Promises: an end without close_notify is ERR_TLS_TRUNCATED, never a proper end; the certificate's chain, dates and host
 * are checked before a byte of the user's is sent; the ways a check fails have their own classes.
 * Leaves to others: deadlines (connector.c), what is shared (tls_store.c), sockets (stream_io.c).
 */
#include "net/tls.h"

#include "base/check.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls_store.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#define TLS_MAGIC             0x746c7300u
#define TLS_HELD_MAX_BYTES    (4 * LOOP_BUFFER_BYTES)
#define TLS_UNSENT_MAX_BYTES  ((size_t)1024 * 1024)
#define TLS_PIECES            16
#define TLS_WRITE_MAX_BYTES   ((size_t)128 * 1024)
#define TLS_KEEP_CIPHER_BYTES ((size_t)192 * 1024)

struct tls {
    uint32_t magic;
    bool connected;
    bool shut; /* close_notify went */
    SSL *ssl;  /* owned */
    struct stream *stream;
    struct tls_store *store;
    char *key;             /* owned: of the session */
    struct span incoming;  /* ciphertext that OpenSSL may take now */
    struct dynbuf held;    /* ciphertext kept during a pause */
    struct dynbuf unsent;  /* ciphertext the kernel did not take */
    struct loop_task read; /* goes on with held */
    void (*on_done)(void *context, int err);
    void *context;
};

/* --- between OpenSSL and the loop --- */

static struct tls *tls_of(const struct stream *stream) {
    return cast_checked(stream->tls, struct tls, TLS_MAGIC);
}

static int bio_read(BIO *bio, char *data, int size) {
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t length = tls->incoming.len < (size_t)size ? tls->incoming.len : (size_t)size;
    if (length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, tls->incoming.ptr, length);
    tls->incoming = span_of(tls->incoming.ptr + length, tls->incoming.len - length);
    return (int)length;
}

static int bio_write(BIO *bio, const char *data, int length) {
    struct tls *tls = BIO_get_data(bio);
    struct dynbuf *out = tls->unsent.len > 0 ? &tls->unsent : &tls->stream->loop->cipher;
    BIO_clear_retry_flags(bio);
    return dynbuf_append(out, data, (size_t)length) == 0 ? length : -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void free_bio_method(void) {
    BIO_meth_free(bio_method);
}

static void make_bio_method(void) {
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop");
    check(bio_method != NULL && BIO_meth_set_read(bio_method, bio_read) == 1 &&
          BIO_meth_set_write(bio_method, bio_write) == 1 &&
          BIO_meth_set_ctrl(bio_method, bio_control) == 1);
    check(atexit(free_bio_method) == 0);
}

static BIO *new_bio(struct tls *tls) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    check(pthread_once(&once, make_bio_method) == 0);
    BIO *bio = BIO_new(bio_method);
    check(bio != NULL);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

/* What did not fit in the socket waits in unsent. */
static int push_fresh(struct tls *tls, struct dynbuf *cipher) {
    struct span bytes = dynbuf_span(cipher);
    size_t sent = 0;
    int err = stream__send(tls->stream, &bytes, 1, &sent);
    if (err == ERR_BUSY)
        err = 0;
    if (err == 0 && sent < bytes.len)
        err = dynbuf_append(&tls->unsent, bytes.ptr + sent, bytes.len - sent);
    dynbuf_clear(cipher);
    if (cipher->capacity > TLS_KEEP_CIPHER_BYTES)
        dynbuf_done(cipher);
    return err;
}

static int push_unsent(struct tls *tls) {
    struct span bytes = dynbuf_span(&tls->unsent);
    size_t sent = 0;
    int err = stream__send(tls->stream, &bytes, 1, &sent);
    if (err < 0 && err != ERR_BUSY)
        return err;
    dynbuf_consume(&tls->unsent, sent);
    if (tls->unsent.len == 0)
        dynbuf_done(&tls->unsent);
    return 0;
}

/* Ends every stay in OpenSSL: the loop's buffer is empty after it. 0 also when the socket is full. */
static int push(struct tls *tls) {
    struct dynbuf *cipher = &tls->stream->loop->cipher;
    int err = 0;
    if (cipher->len > 0)
        err = push_fresh(tls, cipher);
    else if (tls->unsent.len > 0 && !tls->stream->blocked)
        err = push_unsent(tls);
    tls->stream->blocked = tls->unsent.len > 0;
    stream__update_poll(tls->stream);
    return err;
}

/* --- the handshake --- */

static const struct {
    long verify;
    int err;
} verdicts[] = {
    {X509_V_OK, ERR_TLS_PROTOCOL},
    {X509_V_ERR_CERT_HAS_EXPIRED, ERR_TLS_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, ERR_TLS_EXPIRED},
    {X509_V_ERR_HOSTNAME_MISMATCH, ERR_TLS_HOST},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, ERR_TLS_HOST},
};

static int failure_class(const struct tls *tls) {
    long verify = SSL_get_verify_result(tls->ssl);
    for (size_t i = 0; i < array_length(verdicts); i++)
        if (verdicts[i].verify == verify)
            return verdicts[i].err;
    return ERR_TLS_UNTRUSTED;
}

static void hold_rest(struct tls *tls);

static void handshake_over(struct tls *tls, int err) {
    void (*on_done)(void *context, int err) = tls->on_done;
    tls->on_done = NULL;
    tls->stream->started = false;
    if (on_done != NULL)
        on_done(tls->context, err);
}

bool tls__handshake_lost(struct stream *stream, int err) {
    struct tls *tls = tls_of(stream);
    if (tls->on_done == NULL)
        return false;
    /* Whatever ends the connection now ends the handshake: nothing of HTTP was ever sent. */
    handshake_over(tls, err == ERR_RESET ? ERR_TLS_PROTOCOL : err);
    return true;
}

/* True when the handshake is through. */
static void shake(struct tls *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    int reason = SSL_get_error(tls->ssl, result);
    int err = push(tls);
    if (result == 1 && err == 0) {
        tls->connected = true;
        hold_rest(tls);
        handshake_over(tls, 0);
    } else if (result == 1 || (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)) {
        handshake_over(tls, result == 1 ? err : failure_class(tls));
    }
    ERR_clear_error();
}

int tls__on_new_session(SSL *ssl, SSL_SESSION *session) {
    struct tls *tls = SSL_get_app_data(ssl);
    tls_store__keep(tls->store, tls->key, session);
    return 1;
}

/* Numeric hosts are looked for among the certificate's addresses, and have no SNI (RFC 6066 section 3). */
static int expect_host(SSL *ssl, struct span host) {
    struct sockaddr_storage numeric;
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    char *text = mem_strndup(host.ptr, host.len);
    bool expected;
    if (address_parse(host, 0, &numeric) == 0) {
        expected = X509_VERIFY_PARAM_set1_ip_asc(rules, text) == 1;
    } else {
        X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        expected = X509_VERIFY_PARAM_set1_host(rules, text, 0) == 1 &&
                   SSL_set_tlsext_host_name(ssl, text) == 1;
    }
    mem_free(text);
    return expected ? 0 : ERR_TLS_HOST;
}

static void on_read_task(struct loop_task *task);

int tls_start(struct tls_store *store, struct stream *stream, const struct tls_request *request) {
    struct tls *tls = mem_zalloc(sizeof *tls);
    tls->magic = TLS_MAGIC;
    tls->stream = stream;
    tls->store = store;
    tls->on_done = request->on_done;
    tls->context = request->context;
    dynbuf_init(&tls->held, TLS_HELD_MAX_BYTES);
    dynbuf_init(&tls->unsent, TLS_UNSENT_MAX_BYTES);
    loop_task_init(&tls->read, on_read_task);
    stream->tls = tls;
    tls->key = tls_store__key(request->host, request->port, request->ca_file);
    if (tls->key != NULL)
        tls->ssl = tls_store__client(store, request->ca_file, tls->key);
    if (tls->ssl == NULL)
        return ERR_TLS_UNTRUSTED;
    SSL_set_app_data(tls->ssl, tls);
    BIO *bio = new_bio(tls);
    SSL_set_bio(tls->ssl, bio, bio);
    int err = expect_host(tls->ssl, request->host);
    if (err < 0)
        return err;
    stream->started = true;
    stream__update_poll(stream);
    ERR_clear_error();
    (void)SSL_do_handshake(tls->ssl); /* only says hello: nothing has come yet */
    ERR_clear_error();
    return push(tls);
}

bool tls_session_reused(const struct stream *stream) {
    return stream->tls != NULL && SSL_session_reused(tls_of(stream)->ssl) == 1;
}

/* --- receiving --- */

/* Ciphertext that was not taken now is kept for later. */
static void hold_rest(struct tls *tls) {
    size_t rest = tls->incoming.len;
    if (tls->held.len > 0)
        dynbuf_consume(&tls->held, tls->held.len - rest);
    else if (rest > 0 && dynbuf_append_span(&tls->held, tls->incoming) < 0)
        stream__tell_error(tls->stream, ERR_NOMEM);
    tls->incoming = SPAN_NONE;
    if (tls->held.len == 0)
        dynbuf_done(&tls->held);
}

/* As many records as there are, up to the buffer's size. */
static size_t decrypt(struct tls *tls, int *ret_reason) {
    struct loop *loop = tls->stream->loop;
    size_t total = 0, part = 0;
    if (loop->plain == NULL)
        loop->plain = mem_alloc(LOOP_BUFFER_BYTES);
    *ret_reason = SSL_ERROR_NONE;
    ERR_clear_error();
    while (total < LOOP_BUFFER_BYTES && *ret_reason == SSL_ERROR_NONE) {
        int result = SSL_read_ex(tls->ssl, loop->plain + total, LOOP_BUFFER_BYTES - total, &part);
        total += result == 1 ? part : 0;
        *ret_reason = SSL_get_error(tls->ssl, result);
    }
    ERR_clear_error();
    return total;
}

static void read_over(struct tls *tls, int reason) {
    struct stream *stream = tls->stream;
    if (reason == SSL_ERROR_ZERO_RETURN)
        stream__tell_end(stream);
    else if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_NONE)
        stream__tell_error(stream, ERR_TLS_PROTOCOL);
}

static void read_all(struct tls *tls) {
    struct stream *stream = tls->stream;
    int reason = SSL_ERROR_NONE;
    while (reason == SSL_ERROR_NONE && stream__wants_read(stream)) {
        size_t length = decrypt(tls, &reason);
        /* A write that fails here shows at the next flush. */
        (void)push(tls);
        if (length > 0)
            stream__deliver(stream, span_of(stream->loop->plain, length));
        if (stream__wants_read(stream))
            read_over(tls, reason);
    }
    if (!stream->closing)
        hold_rest(tls);
}

void tls__receive(struct stream *stream, struct span bytes) {
    struct tls *tls = tls_of(stream);
    if (tls->held.len > 0) {
        if (dynbuf_append_span(&tls->held, bytes) < 0) {
            stream__tell_error(stream, ERR_NOMEM);
            return;
        }
        bytes = dynbuf_span(&tls->held);
    }
    tls->incoming = bytes;
    if (tls->connected)
        read_all(tls);
    else
        shake(tls);
}

static void on_read_task(struct loop_task *task) {
    struct tls *tls = container_of(task, struct tls, read);
    check(tls->magic == TLS_MAGIC && tls->incoming.len == 0);
    if (!stream__wants_read(tls->stream))
        return;
    tls->incoming = tls->held.len > 0 ? dynbuf_span(&tls->held) : SPAN_NONE;
    read_all(tls);
}

void tls__resume(struct stream *stream) {
    struct tls *tls = tls_of(stream);
    if (tls->connected)
        loop_defer(stream->loop, &tls->read);
}

void tls__peer_closed(struct stream *stream) {
    const struct tls *tls = tls_of(stream);
    if (tls__handshake_lost(stream, ERR_TLS_PROTOCOL))
        return;
    /* A pause may have come between close_notify and its telling. */
    if ((SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
        stream__tell_end(stream);
    else
        stream__tell_error(stream, ERR_TLS_TRUNCATED);
}

/* --- sending --- */

/* A large piece as it is, or small ones gathered. The loop's read buffer is free while it flushes. */
static struct span next_plain(const struct stream *stream) {
    struct span pieces[TLS_PIECES];
    size_t count = outbox_peek(stream->outbox, pieces, TLS_PIECES);
    if (count == 0)
        return SPAN_NONE;
    if (count == 1 || pieces[0].len >= LOOP_BUFFER_BYTES / 4)
        return span_of(pieces[0].ptr,
                       pieces[0].len < TLS_WRITE_MAX_BYTES ? pieces[0].len : TLS_WRITE_MAX_BYTES);
    size_t total = 0;
    for (size_t i = 0; i < count && total + pieces[i].len <= LOOP_BUFFER_BYTES; i++) {
        memcpy(stream->loop->buffer + total, pieces[i].ptr, pieces[i].len);
        total += pieces[i].len;
    }
    return span_of(stream->loop->buffer, total);
}

static int encrypt(struct tls *tls, struct span plain) {
    size_t written = 0;
    ERR_clear_error();
    int result = SSL_write_ex(tls->ssl, plain.ptr, plain.len, &written);
    ERR_clear_error();
    int err = push(tls);
    return result == 1 && written == plain.len ? err : ERR_TLS_PROTOCOL;
}

static void say_goodbye(struct tls *tls) {
    if (tls->shut || !tls->connected)
        return;
    tls->shut = true;
    ERR_clear_error();
    (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

int tls__flush(struct stream *stream) {
    struct tls *tls = tls_of(stream);
    int err = push(tls);
    if (stream->outbox != NULL)
        stream__consume(stream, 0);
    while (err == 0 && tls->connected && !stream->blocked && !stream->closing &&
           stream->outbox != NULL && !outbox_empty(stream->outbox)) {
        struct span plain = next_plain(stream);
        err = encrypt(tls, plain);
        if (err == 0)
            stream__consume(stream, plain.len);
    }
    bool all_gone = stream->outbox == NULL || outbox_empty(stream->outbox);
    if (err == 0 && !stream->closing && stream->finishing && all_gone) {
        say_goodbye(tls);
        err = push(tls);
    }
    return err;
}

size_t tls__unsent_bytes(const struct stream *stream) {
    return tls_of(stream)->unsent.len;
}

/* --- the end --- */

void tls__close(struct stream *stream) {
    struct tls *tls = tls_of(stream);
    tls->on_done = NULL;
    loop_undefer(&tls->read);
    if (tls->ssl == NULL || stream->failed)
        return;
    if (stream->outbox == NULL && tls->unsent.len == 0)
        say_goodbye(tls);
    (void)push(tls);
    /* Else OpenSSL takes the session for broken and never resumes it. */
    if (tls->connected)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void tls__free(struct stream *stream) {
    struct tls *tls = tls_of(stream);
    stream->tls = NULL;
    SSL_free(tls->ssl);
    dynbuf_done(&tls->held);
    dynbuf_done(&tls->unsent);
    mem_free(tls->key);
    tls->magic = 0;
    mem_free(tls);
}
