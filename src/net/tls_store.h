// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Contexts and sessions of a loop's TLS connections, for tls.c. */
#include "base/span.h"
#include "net/tls.h"

#include <openssl/ssl.h>

/* Where systems keep their authorities; the first that can be read counts. */
#define TLS_STORE_BUNDLES 5
extern const char *const tls_store__bundles[TLS_STORE_BUNDLES];

/* What a session may be resumed for: host, port and authorities; owned text. */
char *tls_store__key(struct span host, uint16_t port, struct span ca_file);
/* A client's SSL for it, with the kept session if there is one; NULL: ca_file is too long or too many are in use. */
SSL *tls_store__client(struct tls_store *store, struct span ca_file, const char *key);
/* Takes the session. `key` is borrowed. */
void tls_store__keep(struct tls_store *store, const char *key, SSL_SESSION *session);

/* Of tls.c: a session that the server gave to one of its connections. Nonzero: taken. */
int tls__on_new_session(SSL *ssl, SSL_SESSION *session);
