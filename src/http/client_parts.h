// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of the client share: a call (client.c) runs on a link, one kept connection (link.c), which rests in the pool of
 * its origin between calls (pool.c). Only for http/.
 */
#include "base/list.h"
#include "http/client.h"
#include "http/guard.h"
#include "http/reader.h"

#define HTTP_CALL_HEAD_BYTES 704 /* request heads up to here need no memory of their own */
#define HTTP_POOL_BUCKETS    32
#define HTTP_STALE_NS \
    NS_PER_S /* a kept connection that fails sooner than this after sending was stale */
#define HTTP_LINK_INPUT_MAX_BYTES ((size_t)256 * 1024) /* a partial head and one read */

struct http_pool; /* the connections of one origin */

/* One connection to an origin. Freed in its stream's on_closed. */
struct http_link {
    uint32_t magic;
    bool reused;
    bool sending; /* bytes of the request are not in the kernel yet */
    bool in_body;
    bool closing;
    bool keep_alive;
    uint8_t interim;  /* 1xx skipped */
    struct list node; /* in its pool's idle list, or in the client's list of those in use */
    struct http_client *client; /* borrowed */
    struct http_pool *pool;     /* counted */
    struct stream *stream;      /* owned until stream_close */
    struct http_call *call;     /* borrowed: owned by itself */
    struct http_body *pinned;   /* ref: while its bytes may be read by the stream */
    struct dynbuf input;        /* owned: a partial head */
    struct http_guard guard;
    struct http_reader reader;
    uint64_t sent_ns;
    uint64_t active_ns;  /* last progress of what the deadline is about */
    uint64_t allowed_ns; /* how long it may rest; 0: for ever */
    size_t queued_bytes; /* of the request, when last looked at */
    struct loop_timer timer;
};

struct http_call {
    uint32_t magic;
    bool head_method; /* HEAD: the answer has no body */
    bool replayed;
    bool answer_bytes_seen;
    bool paused;
    int early_err;                           /* found inside http_call_start; told later */
    struct http_client *client;              /* borrowed */
    const struct http_call_handler *handler; /* borrowed */
    void *context;                           /* borrowed */
    const struct origin *origin;             /* borrowed */
    struct http_pool *pool;                  /* counted */
    struct connector *connector;             /* while connecting */
    struct http_link *link;                  /* once connected */
    const struct span *pieces;               /* borrowed */
    size_t piece_count;
    struct http_body *pinned; /* ref */
    struct http_timeouts timeouts;
    struct loop_task task;
    struct span head; /* own storage below, or own memory */
    char *long_head;  /* owned */
    char short_head[HTTP_CALL_HEAD_BYTES];
};

struct http_client {
    struct net_context *net; /* borrowed */
    struct loop *loop;       /* borrowed */
    struct http_client_limits limits;
    struct list buckets[HTTP_POOL_BUCKETS]; /* pools */
    struct list busy;                       /* links with a call, or closing */
    size_t idle_count;
    size_t call_count;
    struct http_headers headers; /* of the answer head being delivered */
};

#define LINK_MAGIC 0x686c696eu
#define CALL_MAGIC 0x6863616cu

/* client.c */
void http__call_connected(struct http_call *call, struct http_link *link);
/* Takes the call off its link; tells it and frees it. */
void http__call_done(struct http_call *call, int err);
/* Connects anew for a call whose kept connection was stale. */
void http__call_replay(struct http_call *call);

/* link.c */
struct http_link *http__link_new(struct http_client *client, struct http_pool *pool,
                                 struct stream *stream);
/* Sends the request of the call that was put on it. ERR_RESET when the stream is dead already. */
int http__link_send(struct http_link *link) WARN_UNUSED;
void http__link_resume(struct http_link *link);
void http__link_close(struct http_link *link);

/* pool.c */
struct http_pool *http__pool_get(struct http_client *client,
                                 const struct origin *origin); /* counts one user more */
struct http_pool *http__pool_ref(struct http_pool *pool);
void http__pool_unref(struct http_pool *pool);
/* The most recently used one, or NULL. */
struct http_link *http__pool_take(struct http_pool *pool, struct http_client *client);
/* False when the pool is full: the link is the caller's to close. */
bool http__pool_put(struct http_pool *pool, struct http_link *link);
/* Takes an idle link out that is being closed. */
void http__pool_drop(struct http_link *link);
void http__pool_close_idle(struct http_client *client);
