// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Clients by the names people gave them, where the running PAPI tells their ids: it is asked once for each. */
#include "cli/instance.h"

#define CLIENT_NAMES_MAX      64
#define CLIENT_ID_BYTES       128
#define CLIENT_NAME_BYTES     256
#define CLIENT_ID_BEGINS_WITH "cl_"

struct client_names {
    struct instance *instance; /* borrowed */
    uint32_t count;
    struct client_name {
        char id[CLIENT_ID_BYTES];
        char name[CLIENT_NAME_BYTES];
    } rows[CLIENT_NAMES_MAX];
};

/* The id of the client with that id or name: CLI_DONE, or another exit code after complaining. An id is taken as it is, since a client that was
 * forgotten has left its traces. */
int client_names_find(struct instance *instance, const char *asked, char ret_id[CLIENT_ID_BYTES]);
/* Its name; the id itself where nobody knows one. Borrowed until the next call, or as long as the id. */
struct span client_names_of(struct client_names *names, struct span id);
