// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The gateway: joins policy (surface, dialect, scheduler, catalog) with mechanism (net, http) and runs the story of requests.
 *
 * struct gateway is shared and immutable after start but for the desk (own lock) and the current snapshot (published to the
 * loops by messages). struct gateway_loop belongs to one thread; a request lives and dies on the loop that accepted it.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/rand.h"
#include "base/shelf.h"
#include "catalog/candidates.h"
#include "gateway/access.h"
#include "gateway/left_out.h"
#include "gateway/roster.h"
#include "http/client.h"
#include "http/server.h"
#include "obs/metric.h"

#include <stdatomic.h>

#define GATEWAY_LOOPS_MAX      64
#define GATEWAY_SLOTS_MAX      ((uint32_t)65536) /* requests at once on one loop */
#define GATEWAY_INSTANCE_BYTES 17
#define GATEWAY_BURST_REQUESTS \
    64 /* this many at once on a loop are worth giving memory back after */
#define GATEWAY_SHELF_MAX             64 /* requests, and attempts, whose memory a loop keeps */
#define GATEWAY_OWNER_CONNECTIONS_MAX ((size_t)64)
#define GATEWAY_QUIET_NS              (500 * NS_PER_MS)

struct desk;
struct desk_past;
struct wrong_keys;
struct ladder_ring;
struct endpoint_part;
struct store;

struct gateway_config {
    struct access_rules access;
    uint64_t queue_max_wait_ns;
    uint32_t queue_max_waiting;
    uint32_t tickets_max; /* requests at once, all loops together */
    uint32_t attempts_max;
    enum catalog_data_use data_use; /* what every request keeps to, whatever its client asks for */
    enum catalog_audience audience; /* whom this gateway serves */
    uint32_t loop_count;
    struct http_server_limits server; /* per loop */
    bool reload_authorities;          /* gateway_publish: read the authorities of TLS anew */
    const struct endpoint_part *const *more_endpoints; /* borrowed: beside those in endpoint.c */
    uint32_t more_endpoint_parts;
    void *more_context; /* borrowed: theirs */
};

/* A gateway_config of its own, shared by the loops; immutable. */
struct gateway_settings;

struct gateway_loop {
    struct gateway *gateway;           /* borrowed */
    struct loop *loop;                 /* borrowed */
    struct net_context *net;           /* owned */
    struct http_client *client;        /* owned */
    struct http_server *server;        /* owned */
    struct listener *listener;         /* owned; NULL when draining */
    struct http_server *owner_server;  /* owned; of the Unix socket, NULL where there is none */
    struct listener *owner_listener;   /* owned; NULL when draining */
    struct metric_block *metrics;      /* owned */
    struct ladder_ring *ladders;       /* owned */
    struct catalog_snapshot *snapshot; /* ref; changes by messages of gateway_publish */
    struct gateway_settings *settings; /* ref; the same */
    struct roster_view clients;
    struct request **slots; /* owned array of borrowed requests */
    uint32_t *free_slots;   /* owned stack */
    uint32_t free_count;
    uint32_t slot_count;
    uint32_t requests_open;
    uint32_t requests_peak; /* since memory was last given back */
    uint32_t attempts_open;
    uint32_t laters_open;                      /* answers that others work on */
    uint64_t strangers_until_ns;               /* record.c: rows of those nobody let in */
    bool stopping;                             /* requests that wait for room are refused */
    bool suspended;                            /* what waits in the kernel is another process' */
    struct shelf request_shelf, attempt_shelf; /* memory for the next ones */
    struct left_out left_out;                  /* members that routes refuse */
    struct loop_timer quiet;                   /* fires a while after a burst has ended */
    uint32_t index;
    struct rand rand;
};

struct gateway {
    struct gateway_settings *settings; /* ref; of the thread that publishes */
    struct desk *desk;                 /* owned */
    struct store *store;               /* borrowed; NULL = nothing is kept. Set before loops run */
    struct wrong_keys *wrong_keys;     /* owned */
    struct roster *roster;             /* owned */
    struct gateway_loop *loops[GATEWAY_LOOPS_MAX];
    struct metric_block *metric_blocks[GATEWAY_LOOPS_MAX];
    uint32_t loop_count;
    atomic_bool draining;
    char instance
        [GATEWAY_INSTANCE_BYTES]; /* x-papi-hop: names this process, so that it never calls itself */
};

/* The clients from now on, with their limits, whose days and months are those of `zone`. Referenced; any thread. */
void gateway_clients(struct gateway *gateway, struct client_table *clients,
                     const struct zone *zone);

/* The settings in force on this loop; valid during the step that asks. */
const struct gateway_config *gateway_config_of(const struct gateway_loop *home);

/* What every loop is to go by from its next turn on. Requests that run keep what they took. On the thread of loop 0 only, once loops
 * run; snapshot and config are referenced and copied. loop_count and tickets_max cannot change and are not looked at. The past (NULL =
 * none) is charged before a request can use what is new. */
void gateway_publish(struct gateway *gateway, struct catalog_snapshot *snapshot,
                     const struct gateway_config *config, const struct desk_past *past);

/* The snapshot is referenced, not taken. Loops are added before any of them runs. */
struct gateway *gateway_new(const struct gateway_config *config, struct catalog_snapshot *snapshot);
void gateway_free(struct gateway *gateway);

/* Makes the loop's parts; call on the thread that will run it, or before it runs. */
struct gateway_loop *gateway_loop_new(struct gateway *gateway, struct loop *loop, uint32_t index,
                                      struct catalog_snapshot *snapshot);
int gateway_loop_listen(struct gateway_loop *home,
                        const struct listen_address *address) WARN_UNUSED;
/* On a socket that listens already, which is taken over. */
int gateway_loop_adopt(struct gateway_loop *home, int fd) WARN_UNUSED;
/* One loop, before it runs: the socket of whoever runs this gateway. It has a server and a cap of its own, so that it answers when
 * all other connections are taken. */
int gateway_loop_listen_owner(struct gateway_loop *home, const char *path) WARN_UNUSED;
/* No new connections, no new requests on kept ones. */
void gateway_loop_drain(struct gateway_loop *home);
/* Requests that wait for room, now and from now on, are refused: nobody would serve them any more. */
void gateway_loop_refuse_waiting(struct gateway_loop *home);
/* Ends what is left: clients see a cut connection. */
void gateway_loop_close(struct gateway_loop *home);
/* Requests and attempts that still run on this loop. */
uint32_t gateway_loop_busy(const struct gateway_loop *home);
void gateway_loop_free(struct gateway_loop *home);

/* A request begins or has ended on this loop; memory of a burst is given back once it is over. */
void gateway_loop_enter(struct gateway_loop *home);
void gateway_loop_leave(struct gateway_loop *home);
/* The loop's thread: finds a live request by the owner word the desk knows, NULL when it is gone. */
struct request *gateway_find(struct gateway_loop *home, uint64_t owner);
