// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The HTTP face of a simulated world: one loop, one server. Internal to mock/. */
#include "fake/fake.h"
#include "http/server.h"

struct mock {
    struct loop *loop;          /* owned */
    struct http_server *server; /* owned */
    struct listener *listener;  /* owned; NULL when draining */
    struct fake_world *world;   /* owned */
    struct listen_address address;
    struct loop_timer look; /* while draining */
    uint32_t players;       /* answers being played */
    bool stopping;
};

extern const struct http_server_handler mock_handler;

/* One provider or an array of them, as POST /_mock/script takes it; ret_problem in the arena. */
int mock_apply_script(struct mock *mock, struct span text, struct arena *arena,
                      const char **ret_problem) WARN_UNUSED;

/* scenario.c: built-in scripts by name, for people who want to see something at once. */
const char *mock_scenario_find(const char *name);
const char *mock_scenario_name(size_t index); /* NULL after the last */
void mock_scenario_list(void);
