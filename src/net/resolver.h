// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Names to addresses (c-ares), for src/net only: one query per host in flight, answers kept for their TTL within bounds,
 * the last good answer used for a while when a query fails.
 */
#include "net/address.h"
#include "net/connector.h"

struct resolver;

struct resolver_query {
    struct list node; /* list_init before use */
    /* 0, ERR_DNS_NOT_FOUND, ERR_DNS_FAILED, ERR_DNS_TIMEOUT. Ports in the list are 0; it lives until the return. Never
     * called from inside resolver_ask. */
    void (*on_answer)(struct resolver_query *query, int err, const struct address_list *list);
};

struct resolver *resolver_new(struct loop *loop);
void resolver_free(struct resolver *resolver);
/* ERR_BUSY: more hosts are being asked for than RESOLVER_HOSTS_MAX. */
int resolver_ask(struct resolver *resolver, struct span host,
                 struct resolver_query *query) WARN_UNUSED;
/* No answer will come. */
void resolver_forget(struct resolver_query *query);

/* For tests: another server ("127.0.0.1:5353") with its own patience, the clock moved on, addresses given by hand. */
struct resolver *net_context_resolver(struct net_context *net);
int resolver_use_server(struct resolver *resolver, const char *server, int try_ms) WARN_UNUSED;
void resolver_skip_time(struct resolver *resolver, uint64_t skip_ns);
void resolver_override(struct resolver *resolver, struct span host,
                       const struct address_list *list);
