// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Inside of a connector, for src/net only: connector.c goes from a host to a stream, connector_via.c is the detour through a proxy.
 */
#include "net/address.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "net/tunnel.h"

#define CONNECTOR_MAGIC 0x636f6e6eu

/* What we are busy with on the way through a proxy. */
enum via_stage { VIA_TARGET, VIA_PROXY, VIA_TUNNEL, VIA_OPEN };

struct via {
    enum via_stage stage;
    struct proxy proxy; /* borrowed: the origin's URL */
    struct tunnel tunnel;
    struct dynbuf out;           /* owned: what is said next; may hold a password, so it is wiped */
    struct address_list targets; /* of the origin, those that may be reached */
    uint32_t target;             /* the one that is asked for */
};

struct connector {
    uint32_t magic;
    bool over;
    struct net_context *net;
    struct connect_request request;
    struct resolver_query query;
    struct address_list addresses;
    uint32_t next;                          /* address to try next */
    struct stream *tries[ADDRESS_LIST_MAX]; /* owned: connects under way */
    uint32_t try_count;
    struct stream *stream; /* owned: connected, being made TLS or handed over */
    struct via *via;       /* owned; NULL: direct */
    struct loop_timer deadline;
    struct loop_timer stagger;
    struct loop_task done;
    int err;
};

/* --- connector.c --- */

/* Once; later calls do nothing. */
void connector__finish(struct connector *connector, int err);
void connector__drop_streams(struct connector *connector);
/* A host's addresses, by number or by name; connector__via_targets or the first connect follow. */
void connector__look_up(struct connector *connector, struct span host);
/* Numeric hosts, and the loopback names that RFC 6761 section 6.3 reserves. */
bool connector__known_host(struct span host, struct address_list *ret_list);
struct address_rules connector__rules(const struct origin *origin);
/* Connects to the addresses not tried yet, one after another. */
void connector__try_next(struct connector *connector);
/* The stream leads to the origin: TLS, or done. */
void connector__reached(struct connector *connector);

/* --- connector_via.c --- */

/* Instead of looking the origin up. */
void connector__via_begin(struct connector *connector);
/* The origin's addresses have been found; now the proxy's are. */
void connector__via_targets(struct connector *connector);
/* The stream leads to the proxy. */
void connector__via_connected(struct connector *connector);
/* How a failure is told while the proxy itself is being reached or spoken to. */
int connector__via_err(const struct via *via, int err);
void connector__via_free(struct via *via);
