// SPDX-License-Identifier: Apache-2.0
/*
 * One HTTP call to a running PAPI.
 *
 * Why through HTTP like any other client: what works here works for everybody, and what fails here shows the error everybody
 * sees. One loop, one call, no threads. Promises: nothing is left open; a mishap is told in words that say what to do. Leaves to
 * others: what the answer means.
 */
#include "cli/instance.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "http/client.h"
#include "json/json.h"

#include <stdlib.h>

#define TARGET_MAX_BYTES ((size_t)16 * 1024)
#define CLOSE_TIME_NS    (2 * NS_PER_S)

struct talk {
    const struct instance_call *call;   /* borrowed */
    struct loop *loop;                  /* owned */
    struct dynbuf target, host, fields; /* owned */
    int err;
    bool done;
};

bool instance_find(const char *option, struct instance *ret_instance) {
    const char *url = option != NULL ? option : getenv("PAPI_URL");
    if (url == NULL || url[0] == '\0')
        url = INSTANCE_DEFAULT_URL;
    ret_instance->url = url;
    const char *why = config_url_parse(span_text(url), &ret_instance->parts);
    if (why != NULL)
        cli_complain("--url %s %s", url, why);
    return why == NULL;
}

static void on_head(void *context, const struct http_answer_head *head) {
    struct talk *talk = context;
    talk->call->on_status(talk->call->context, head->status);
}

static void on_body(void *context, struct span bytes) {
    struct talk *talk = context;
    talk->call->on_bytes(talk->call->context, bytes);
}

static void on_done(void *context, int err, bool answer_bytes_seen) {
    struct talk *talk = context;
    (void)answer_bytes_seen;
    talk->err = err;
    talk->done = true;
    loop_stop(talk->loop);
}

static int write_address(struct talk *talk, const struct config_url *url) {
    bool numeric_v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    struct span path = talk->call->path;
    if (span_ends_with(url->path, "/v1") && span_starts_with(path, "/v1/"))
        path = span_of(path.ptr + 3, path.len - 3);
    int err = dynbuf_append_format(&talk->target, "%.*s%.*s", SPAN_ARG(url->path), SPAN_ARG(path));
    if (err == 0)
        err = dynbuf_append_format(&talk->host, numeric_v6 ? "[%.*s]:%u" : "%.*s:%u",
                                   SPAN_ARG(url->host), url->port);
    return err < 0 ? err
                   : dynbuf_append_format(
                         &talk->fields, "%sAccept: %s\r\nUser-Agent: papi-cli\r\n",
                         span_absent(talk->call->body) ? "" : "Content-Type: application/json\r\n",
                         talk->call->accept);
}

static void run(struct talk *talk, const struct config_url *url) {
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_done = on_done};
    struct net_context *net = net_context_new(talk->loop);
    struct http_client_limits limits;
    http_client_limits_default(&limits);
    struct http_client *client = http_client_new(net, talk->loop, &limits);
    const struct origin origin = {.host = url->host,
                                  .port = url->port,
                                  .tls = url->tls,
                                  .allow_loopback = url->host_is_loopback};
    bool has_body = !span_absent(talk->call->body);
    const struct http_call_request request = {
        .origin = &origin,
        .method = talk->call->method,
        .target = dynbuf_span(&talk->target),
        .host_header = dynbuf_span(&talk->host),
        .head_fields = dynbuf_span(&talk->fields),
        .body_pieces = &talk->call->body,
        .body_piece_count = has_body ? 1 : 0,
        .has_body = has_body,
        .timeouts = {.connect_ns = 5 * NS_PER_S,
                     .tls_ns = 10 * NS_PER_S,
                     .first_byte_ns = 400 * NS_PER_S,
                     .gap_ns = 300 * NS_PER_S},
    };
    (void)http_call_start(client, &request, &handler, talk);
    loop_run(talk->loop);
    check(talk->done);
    http_client_close_all(client);
    (void)loop_run_until_idle(talk->loop, clock_mono_ns() + CLOSE_TIME_NS);
    http_client_free(client);
    net_context_free(net);
}

int instance_run(const struct instance *instance, const struct instance_call *call) {
    struct talk talk = {.call = call};
    dynbuf_init(&talk.target, TARGET_MAX_BYTES);
    dynbuf_init(&talk.host, TARGET_MAX_BYTES);
    dynbuf_init(&talk.fields, TARGET_MAX_BYTES);
    int err = write_address(&talk, &instance->parts);
    if (err == 0) {
        talk.loop = loop_new();
        run(&talk, &instance->parts);
        loop_free(talk.loop);
        err = talk.err;
    }
    dynbuf_done(&talk.target);
    dynbuf_done(&talk.host);
    dynbuf_done(&talk.fields);
    return err;
}

void instance_complain(const struct instance *instance, int err) {
    if (err == ERR_CONNECT_REFUSED || err == ERR_CONNECT_UNREACHABLE)
        cli_complain("no PAPI is running at %s; start one with `papi serve`", instance->url);
    else
        cli_complain("%s: %s", instance->url, err_text(err));
}

/* --- whole answers --- */

struct whole {
    struct dynbuf *body; /* borrowed */
    int status;
    int err;
};

static void take_status(void *context, int status) {
    struct whole *whole = context;
    whole->status = status;
}

static void take_bytes(void *context, struct span bytes) {
    struct whole *whole = context;
    if (whole->err == 0)
        whole->err = dynbuf_append_span(whole->body, bytes);
}

int instance_ask(const struct instance *instance, const char *method, struct span path,
                 struct span body, int *ret_status, struct dynbuf *ret_body) {
    struct whole whole = {.body = ret_body};
    const struct instance_call call = {.method = method,
                                       .path = path,
                                       .body = body,
                                       .accept = "application/json",
                                       .on_status = take_status,
                                       .on_bytes = take_bytes,
                                       .context = &whole};
    dynbuf_init(ret_body, INSTANCE_ANSWER_MAX_BYTES);
    int err = instance_run(instance, &call);
    if (err == 0)
        err = whole.err;
    *ret_status = whole.status;
    if (err < 0)
        instance_complain(instance, err);
    return err < 0 ? CLI_FAILED : CLI_DONE;
}

void instance_complain_status(const struct instance *instance, int status, struct span body) {
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    struct span message = SPAN_NONE;
    arena_init(&arena, NULL, 0, 2 * INSTANCE_ANSWER_MAX_BYTES);
    if (json_parse(&doc, body, &arena, &error) == 0 &&
        json_unescape(json_escaped(json_path(json_top(&doc), "error.message")), &arena, &message) ==
            0 &&
        message.len > 0)
        cli_complain("%.*s", SPAN_ARG(message));
    else
        cli_complain("%s answered with status %d", instance->url, status);
    arena_reset(&arena);
}
