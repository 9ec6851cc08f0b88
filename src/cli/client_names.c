// SPDX-License-Identifier: Apache-2.0
/*
 * Clients by name.
 *
 * Records hold ids, which stay when a client is given another name; people know names. So lists of a command show names, and take
 * either. Why the instance is asked for one after another and not for all: a list names a handful, there may be ten thousand.
 * Promises: at most CLIENT_NAMES_MAX questions; what has no name, or no answer, is shown by its id. Leaves to others: everything
 * else about clients (client.c).
 */
#include "cli/client_names.h"
#include "cli/answer.h"
#include "cli/cli.h"

#define PATH_BYTES   1024
#define CLIENTS_PATH "/admin/v1/clients"

static bool client_path(const char *client, char path[PATH_BYTES]) {
    (void)snprintf(path, PATH_BYTES, CLIENTS_PATH);
    return instance_add_segment(path, PATH_BYTES, client);
}

/* The member of a client's row; cut where it is longer, which no id or name is. */
static bool copy_member(struct span body, const char *member, char *text, size_t size) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return false;
    struct span value = answer_text(&answer, answer.top, member);
    bool there = !span_absent(value) && value.len > 0;
    if (there)
        (void)snprintf(text, size, "%.*s", SPAN_ARG(value));
    answer_done(&answer);
    return there;
}

int client_names_find(struct instance *instance, const char *asked, char ret_id[CLIENT_ID_BYTES]) {
    char path[PATH_BYTES];
    struct dynbuf body;
    if (span_starts_with(span_text(asked), CLIENT_ID_BEGINS_WITH) &&
        strlen(asked) < CLIENT_ID_BYTES) {
        (void)snprintf(ret_id, CLIENT_ID_BYTES, "%s", asked);
        return CLI_DONE;
    }
    if (!client_path(asked, path)) {
        cli_complain("--client %.40s... is too long", asked);
        return CLI_USAGE;
    }
    int status = 0, code = CLI_FAILED;
    dynbuf_init(&body, INSTANCE_ANSWER_MAX_BYTES);
    int err = instance_ask(instance, path, SPAN_NONE, &body, &status);
    if (err == 0 && status == 404)
        cli_complain("no client has the id or name '%s'; `papi client list` shows them", asked);
    else
        code = instance_judge(instance, err, status, dynbuf_span(&body));
    if (code == CLI_DONE && !copy_member(dynbuf_span(&body), "id", ret_id, CLIENT_ID_BYTES))
        code = CLI_FAILED;
    dynbuf_done(&body);
    return code;
}

static void ask_for_name(struct client_names *names, struct client_name *row) {
    char path[PATH_BYTES];
    struct dynbuf body;
    int status = 0;
    dynbuf_init(&body, INSTANCE_ANSWER_MAX_BYTES);
    bool told = client_path(row->id, path) &&
                instance_ask(names->instance, path, SPAN_NONE, &body, &status) == 0 &&
                status == 200;
    if (!told || !copy_member(dynbuf_span(&body), "name", row->name, sizeof row->name))
        (void)snprintf(row->name, sizeof row->name, "%s", row->id);
    dynbuf_done(&body);
}

struct span client_names_of(struct client_names *names, struct span id) {
    if (span_absent(id) || id.len >= CLIENT_ID_BYTES)
        return id;
    for (uint32_t i = 0; i < names->count; i++)
        if (span_is(id, names->rows[i].id))
            return span_text(names->rows[i].name);
    if (names->count == CLIENT_NAMES_MAX)
        return id;
    struct client_name *row = &names->rows[names->count++];
    (void)snprintf(row->id, sizeof row->id, "%.*s", SPAN_ARG(id));
    ask_for_name(names, row);
    return span_text(row->name);
}
