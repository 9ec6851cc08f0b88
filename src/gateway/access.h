// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Who may ask: the rules of access, judged from a request's head and the address its connection comes from. Pure: no clock, no
 * state. Keys are looked up elsewhere (authenticate.c); here is only where one stands in a head.
 */
#include "http/server.h"

#define ACCESS_ADDRESS_BYTES 64 /* "2001:db8::1", "unix" */

struct access_list {
    const struct span *items; /* borrowed */
    uint32_t count;
};

struct access_rules {
    struct access_list hosts;           /* further Host names accepted in open mode */
    struct access_list cors;            /* further Origins */
    struct access_list trusted_proxies; /* addresses and networks */
    bool keys;                          /* clients need keys; else open mode */
    bool insecure_http;                 /* keys may come unencrypted over a network */
};

/* One request, as access sees it. */
struct access_asker {
    const struct http_request *http;
    const char *peer; /* stream_peer_address: "127.0.0.1", "unix" */
};

enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_THROUGH_PROXY,  /* open mode: somebody put this port on a network */
    ACCESS_FOREIGN_HOST,   /* open mode: a name that may have been rebound to us */
    ACCESS_FOREIGN_ORIGIN, /* a page that is neither ours nor listed */
    ACCESS_FOREIGN_SITE,   /* the same, without Origin */
    ACCESS_UNENCRYPTED     /* keys mode: a key would travel readable */
};

/* The table of browsers and the rules of the mode. ret_what: the value that was refused, of the head or static. */
enum access_verdict access_judge(const struct access_rules *rules, const struct access_asker *asker,
                                 struct span *ret_what);
/* The rules of open mode, whatever the mode: a program of this machine, by a loopback name, through no proxy. */
bool access_is_local(const struct access_rules *rules, const struct access_asker *asker);
/* There is an Origin, and its page may read the answer. */
bool access_origin_allowed(const struct access_rules *rules, const struct access_asker *asker);
/* The client's own address, as far as trusted proxies tell; text of ACCESS_ADDRESS_BYTES. */
void access_client_address(const struct access_rules *rules, const struct access_asker *asker,
                           char *text);
/* The key a client presents (wire 1.9): Authorization: Bearer, x-api-key, x-goog-api-key, api-key, or ?key=. Absent when there is
 * none. Of several, one that has the form of ours. */
struct span access_key(const struct http_request *http, struct arena *arena);
