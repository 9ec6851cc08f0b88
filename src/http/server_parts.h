// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of the server share: a connection reads requests (server_read.c), answers them (server_write.c), and is timed
 * and ended (server_turn.c); server.c makes and frees it. Only for http/.
 */
#include "base/list.h"
#include "http/decode.h"
#include "http/guard.h"
#include "http/reader.h"
#include "http/server.h"

#define HTTP_PIPELINE_BYTES \
    ((size_t)16 * 1024) /* read ahead while a request runs; beyond it reading pauses */
#define HTTP_INPUT_MAX_BYTES ((size_t)1024 * 1024) /* a partial head or read-ahead, and one read */
#define HTTP_SKIP_MAX_BYTES  ((uint64_t)64 * 1024 * 1024) /* of a body that nobody wants */
#define HTTP_FIRST_READ_BYTES \
    ((size_t)16 *             \
     1024) /* most that a read takes while it may hold a head: the rest of a large body is not copied */
#define HTTP_DIRECT_MIN_BYTES \
    ((uint64_t)16 * 1024)               /* body still to come that is read without a copy */
#define HTTP_BODY_PROGRESS_BYTES   1024 /* least a body must bring in each gap timeout */
#define HTTP_LINGER_NS             (2 * NS_PER_S) /* silence after our end until we close */
#define HTTP_LINGER_ALL_NS         (30 * NS_PER_S)
#define HTTP_LINGER_CHECK_NS       (2 * NS_PER_MS)  /* until the first look whether all is sent */
#define HTTP_LINGER_LOOK_NS        (50 * NS_PER_MS) /* between later looks */
#define HTTP_EXCHANGE_HEAD_BYTES   1536 /* heads up to here need no memory of their own */
#define HTTP_EXCHANGE_SPARES       64
#define HTTP_ANSWER_HEAD_MAX_BYTES ((size_t)64 * 1024)

enum http_connection_state {
    CONNECTION_HEAD,   /* idle, or a head is arriving */
    CONNECTION_BODY,   /* its body is arriving and wanted */
    CONNECTION_SKIP,   /* its body is arriving, and dropped */
    CONNECTION_WAIT,   /* the request is complete, its answer is not */
    CONNECTION_LINGER, /* our side has ended; what comes is dropped until the peer ends */
    CONNECTION_CLOSED, /* the stream is closed, on_closed will come */
    CONNECTION_STATES,
};

enum http_answer { ANSWER_NONE, ANSWER_STARTED, ANSWER_ENDED };

/* Reasons why the server answers by itself; a row each in server_write.c. */
enum http_reject {
    REJECT_NONE,
    REJECT_SYNTAX,
    REJECT_FRAMING,
    REJECT_HEAD_SIZE,
    REJECT_HEAD_SLOW,
    REJECT_VERSION,
    REJECT_METHOD,
    REJECT_TARGET,
    REJECT_HOST,
    REJECT_EXPECT,
    REJECT_CODING,
    REJECT_CODED_BODY,
    REJECT_BODY_SIZE,
    REJECT_BODY_SLOW,
    REJECT_BODY_FRAMING,
    REJECT_MEMORY,
    REJECT_CONNECTIONS,
    REJECTS,
};

struct http_exchange {
    uint32_t magic;
    uint8_t answer; /* enum http_answer */
    bool known;     /* the handler has seen it */
    bool gone;
    bool owes_gone; /* on_gone comes with the turn's task, not on the handler's own stack */
    bool head_only;
    bool chunked;
    bool close_after;
    struct http_connection *connection; /* borrowed: outlives it */
    void *context;                      /* borrowed: the handler's */
    struct http_body *body;             /* ref */
    char *long_head;                    /* owned: head bytes that do not fit below */
    struct http_exchange *next_spare;
    uint64_t accepted_ns;
    struct http_request request;
    struct http_headers headers;
    char head[HTTP_EXCHANGE_HEAD_BYTES];
};

struct http_connection {
    uint32_t magic;
    uint8_t state;  /* enum http_connection_state */
    uint8_t reject; /* enum http_reject: said once the body is skipped */
    bool paused;
    bool peer_ended;
    bool expects_continue;
    bool head_only; /* the request to reject was HEAD */
    bool had_request;
    bool head_started; /* the clock of a head runs */
    struct list node;
    struct http_server *server;     /* borrowed */
    struct stream *stream;          /* owned until stream_close */
    struct http_exchange *exchange; /* owned */
    struct http_decoder *decoder;   /* owned: while a coded body arrives */
    const char *direct;             /* where the next read was asked to go */
    struct dynbuf input;            /* owned: bytes read and not used yet */
    struct http_guard guard;
    struct http_reader reader;
    uint64_t body_length;  /* announced, or 0 */
    size_t body_max_bytes; /* of this body: the server's when it began */
    uint64_t skipped_bytes;
    uint64_t read_ns; /* last read of a body */
    uint64_t window_ns;
    uint64_t window_bytes;
    uint64_t written_bytes;
    uint64_t taken_bytes; /* of those, in the kernel when last looked at */
    uint64_t taken_ns;
    uint64_t linger_until_ns;
    uint64_t deadline_ns; /* 0: none; the timer may be set earlier, never later */
    struct loop_timer timer;
    struct loop_task task;
};

struct http_server {
    struct loop *loop; /* borrowed */
    struct http_server_limits limits;
    const struct http_server_handler *handler; /* borrowed */
    void *context;                             /* borrowed */
    struct list connections;
    _Atomic size_t connection_count; /* written by the loop, read by any thread */
    struct listener *listener;       /* borrowed, optional */
    bool listener_paused;
    bool draining;
    struct http_exchange *spares; /* owned */
    size_t spare_count;
    struct dynbuf scratch; /* owned: the head being written */
};

#define CONNECTION_MAGIC 0x68636f6eu
#define EXCHANGE_MAGIC   0x68657863u

/* server.c */
struct http_exchange *http__exchange_new(struct http_connection *connection, struct span head);
void http__exchange_free(struct http_exchange *exchange);

/* server_read.c */
void http__connection_on_read(void *context, struct span bytes);
bool http__connection_on_buffer(void *context, char **ret_buffer, size_t *ret_size);
void http__connection_use_input(struct http_connection *connection);
void http__connection_next_request(struct http_connection *connection);
void http__connection_drop_body(struct http_connection *connection);

/* server_write.c */
void http__connection_reject(struct http_connection *connection, enum http_reject why);
void http__connection_send_continue(struct http_connection *connection);

/* server_turn.c */
void http__connection_set_deadline(struct http_connection *connection, uint64_t deadline_ns);
void http__connection_fire(struct loop_timer *timer);
void http__connection_turn(struct loop_task *task);
/* The exchange can no longer be answered: on_gone now, on_finished later in this turn. */
void http__connection_lose(struct http_connection *connection);
void http__connection_finish_exchange(struct http_connection *connection);
void http__connection_linger(struct http_connection *connection);
/* Lingers while bytes wait to be sent, else closes. */
void http__connection_end(struct http_connection *connection);
void http__connection_close(struct http_connection *connection);
void http__connection_on_end(void *context);
