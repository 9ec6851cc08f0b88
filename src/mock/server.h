// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The HTTP face of a simulated world: one loop, one server. Internal to mock/. */
#include "fake/fake.h"
#include "http/server.h"
#include "mock/mock.h"

#include <pthread.h>

#define MOCK_ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define MOCK_OUT_MAX_BYTES   ((size_t)96 * 1024 * 1024)
#define MOCK_KEPT_MAX        64          /* requests that /_mock/requests shows */
#define MOCK_KEPT_BODY_BYTES (32 * 1024) /* of each */

/* A request as it came, without its key. */
struct mock_kept {
    uint64_t number, wall_ms;
    char provider[FAKE_NAME_MAX_BYTES];
    size_t head_bytes, body_bytes; /* kept */
    size_t body_all_bytes;
    char *bytes; /* owned: head as a JSON object's inside, then the body */
};

struct mock {
    struct loop *loop;          /* owned */
    struct http_server *server; /* owned */
    struct listener *listener;  /* owned; NULL when draining */
    struct fake_world *world;   /* owned */
    struct listen_address address;
    struct loop_timer look; /* while draining */
    uint32_t players;       /* answers being played */
    bool stopping;
    struct mock_kept kept[MOCK_KEPT_MAX]; /* a ring */
    uint64_t kept_all;
    struct loop_message stop; /* from mock_stop */
    pthread_t thread;
};

extern const struct http_server_handler mock_handler;

/* --- mock.c --- */
void mock_init(struct mock *mock, uint64_t seed);
/* Opens the listener on mock->address; port 0 becomes the one found. */
int mock_open(struct mock *mock) WARN_UNUSED;
/* Closes everything; the loop then ends by itself. */
void mock_begin_stop(struct mock *mock);
void mock_done(struct mock *mock);

/* --- steer.c: /_mock/... --- */
bool mock_steer(struct mock *mock, struct http_exchange *exchange);
/* One provider or an array of them, as POST /_mock/script takes it; ret_problem in the arena, with its place. */
int mock_apply_script(struct mock *mock, struct span text, struct arena *arena,
                      const char **ret_problem) WARN_UNUSED;
/* The same from JSON or YAML. */
int mock_apply_file(struct mock *mock, struct span text, struct arena *arena,
                    const char **ret_problem) WARN_UNUSED;

/* --- kept.c --- */
void mock_keep(struct mock *mock, struct http_exchange *exchange, struct span provider);
void mock_kept_clear(struct mock *mock);
/* Those of one provider, or all when it is absent; oldest first. */
int mock_kept_write(const struct mock *mock, struct span provider, struct dynbuf *out) WARN_UNUSED;
/* The credential of a request: Authorization without its scheme, x-api-key, api-key, x-goog-api-key; absent when there is none. */
struct span mock_key_of(const struct http_request *http);

/* --- player.c --- */
void mock_play(struct mock *mock, struct http_exchange *exchange, struct span name,
               enum fake_task task);
void mock_player_gone(void *player, struct http_exchange *exchange);
void mock_player_finished(void *player, struct http_exchange *exchange);

/* --- server.c --- */
void mock_answer(struct http_exchange *exchange, int status, struct span json);
void mock_answer_problem(struct http_exchange *exchange, int status, const char *problem);

/* --- scenario.c: built-in scripts by name, for people who want to see something at once --- */
/* Appends the script, as it is to be at this time; ERR_NOT_FOUND. */
int mock_scenario_write(const char *name, uint64_t wall_ms, struct dynbuf *out) WARN_UNUSED;

/* --- demo.c --- */
int mock_demo_write(struct dynbuf *out) WARN_UNUSED;
