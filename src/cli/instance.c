// SPDX-License-Identifier: Apache-2.0
/*
 * Calls to a running PAPI.
 *
 * Why through HTTP like any other client: what works here works for everybody, and what fails here shows the error everybody
 * sees. One loop, one call, no threads; both are gone when the call returns, so that a command may go on as another program.
 * Never through a proxy: the instance is the user's own, named by address.
 * Promises: no connection and no handle is left open. Leaves to others: what is asked and what the answer means.
 */
#include "cli/instance.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "http/client.h"
#include "json/json.h"

#include <stdlib.h>

#define ADDRESS_MAX_BYTES ((size_t)64 * 1024)
#define CONNECT_TIME_NS   (5 * NS_PER_S)
#define TLS_TIME_NS       (10 * NS_PER_S)
#define GET_TIME_NS       (10 * NS_PER_S)
#define CLOSE_TIME_NS     (2 * NS_PER_S)

static struct span without_end(struct span text, const char *end) {
    return span_ends_with(text, end) ? span_of(text.ptr, text.len - strlen(end)) : text;
}

bool instance_find(const char *option, struct instance *ret_instance) {
    const char *text = option != NULL ? option : getenv("PAPI_URL");
    if (text == NULL || text[0] == '\0')
        text = INSTANCE_DEFAULT_URL;
    struct instance instance = {.text = span_text(text)};
    const char *why = config_url_parse(instance.text, &instance.url);
    if (why != NULL) {
        cli_complain("--url %s %s", text, why);
        return false;
    }
    instance.base = instance.text;
    while (span_ends_with(instance.base, "/"))
        instance.base.len--;
    instance.base = without_end(instance.base, "/v1");
    *ret_instance = instance;
    return true;
}

struct talk {
    struct loop *loop;
    const struct instance_call *call; /* borrowed */
    int err;
    bool done;
};

static void on_head(void *context, const struct http_answer_head *head) {
    const struct talk *talk = context;
    talk->call->on_head(talk->call->context, head->status);
}

static void on_body(void *context, struct span bytes) {
    const struct talk *talk = context;
    talk->call->on_body(talk->call->context, bytes);
}

static void on_done(void *context, int err, bool answer_bytes_seen) {
    struct talk *talk = context;
    (void)answer_bytes_seen;
    talk->err = err;
    talk->done = true;
    loop_stop(talk->loop);
}

static void run(struct talk *talk, const struct http_call_request *request) {
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_done = on_done};
    struct http_client_limits limits;
    talk->loop = loop_new();
    struct net_context *net = net_context_new(talk->loop);
    http_client_limits_default(&limits);
    struct http_client *client = http_client_new(net, talk->loop, &limits);
    (void)http_call_start(client, request, &handler, talk);
    loop_run(talk->loop);
    check(talk->done);
    http_client_close_all(client);
    (void)loop_run_until_idle(talk->loop, clock_mono_ns() + CLOSE_TIME_NS);
    http_client_free(client);
    net_context_free(net);
    loop_free(talk->loop);
}

static int write_address(const struct instance *instance, const char *path, struct dynbuf *target,
                         struct dynbuf *host) {
    const struct config_url *url = &instance->url;
    bool numeric_v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    struct span prefix = without_end(url->path, "/v1");
    int err = dynbuf_append_format(target, "%.*s%s", SPAN_ARG(prefix), path);
    return err < 0 ? err
                   : dynbuf_append_format(host, numeric_v6 ? "[%.*s]:%u" : "%.*s:%u",
                                          SPAN_ARG(url->host), url->port);
}

int instance_call(const struct instance *instance, const struct instance_call *call) {
    const struct origin origin = {.host = instance->url.host,
                                  .port = instance->url.port,
                                  .tls = instance->url.tls,
                                  .allow_loopback = instance->url.host_is_loopback};
    struct talk talk = {.call = call};
    struct dynbuf target, host;
    dynbuf_init(&target, ADDRESS_MAX_BYTES);
    dynbuf_init(&host, ADDRESS_MAX_BYTES);
    int err = write_address(instance, call->path, &target, &host);
    if (err == 0) {
        const struct http_call_request request = {
            .origin = &origin,
            .method = call->method,
            .target = dynbuf_span(&target),
            .host_header = dynbuf_span(&host),
            .head_fields = call->fields,
            .body_pieces = &call->body,
            .body_piece_count = 1,
            .has_body = !span_absent(call->body),
            .timeouts = {.connect_ns = CONNECT_TIME_NS,
                         .tls_ns = TLS_TIME_NS,
                         .first_byte_ns = call->first_byte_ns,
                         .gap_ns = call->gap_ns},
        };
        run(&talk, &request);
        err = talk.err;
    }
    dynbuf_done(&target);
    dynbuf_done(&host);
    return err;
}

struct collected {
    struct dynbuf *body;
    int status;
    int err;
};

static void collect_head(void *context, int status) {
    ((struct collected *)context)->status = status;
}

static void collect_body(void *context, struct span bytes) {
    struct collected *collected = context;
    if (collected->err == 0)
        collected->err = dynbuf_append_span(collected->body, bytes);
}

int instance_ask(const struct instance *instance, const char *path, struct span json,
                 struct dynbuf *body, int *ret_status) {
    struct collected collected = {.body = body};
    const struct instance_call call = {
        .method = span_absent(json) ? "GET" : "POST",
        .path = path,
        .fields = span_absent(json)
                      ? SPAN_LITERAL("Accept: application/json\r\nUser-Agent: papi-cli\r\n")
                      : SPAN_LITERAL("Content-Type: application/json\r\nAccept: "
                                     "application/json\r\nUser-Agent: papi-cli\r\n"),
        .body = json,
        .first_byte_ns = GET_TIME_NS,
        .gap_ns = GET_TIME_NS,
        .on_head = collect_head,
        .on_body = collect_body,
        .context = &collected,
    };
    int err = instance_call(instance, &call);
    *ret_status = collected.status;
    return err < 0 ? err : collected.err;
}

void instance_complain(const struct instance *instance, int err) {
    if (err == ERR_CONNECT_REFUSED || err == ERR_CONNECT_UNREACHABLE)
        cli_complain("no PAPI is running at %.*s; start one with `papi serve`",
                     SPAN_ARG(instance->text));
    else
        cli_complain("%.*s: %s", SPAN_ARG(instance->text), err_text(err));
}

/* The API's own sentence about a status that is no success; false when the body has none. */
static bool complain_in_its_words(struct span body) {
    struct arena arena;
    struct json_doc doc;
    struct span message = SPAN_NONE;
    arena_init(&arena, NULL, 0, 2 * INSTANCE_ANSWER_MAX_BYTES);
    bool found = json_parse(&doc, body, &arena, NULL) == 0 &&
                 json_unescape(json_escaped(json_path(json_top(&doc), "error.message")), &arena,
                               &message) == 0 &&
                 message.len > 0;
    if (found)
        cli_complain("%.*s", SPAN_ARG(message));
    arena_reset(&arena);
    return found;
}

int instance_fetch(const struct instance *instance, const char *path, struct span json,
                   struct dynbuf *body) {
    int status = 0;
    dynbuf_init(body, INSTANCE_ANSWER_MAX_BYTES);
    int err = instance_ask(instance, path, json, body, &status);
    if (err == 0 && status == 200)
        return CLI_DONE;
    if (err < 0)
        instance_complain(instance, err);
    else if (!complain_in_its_words(dynbuf_span(body)))
        cli_complain("%.*s answers with status %d", SPAN_ARG(instance->text), status);
    return CLI_FAILED;
}

int instance_show(int code, struct dynbuf *body, bool raw, int (*print)(struct span body)) {
    if (code == CLI_DONE && raw)
        (void)fwrite(dynbuf_span(body).ptr, 1, body->len, stdout);
    else if (code == CLI_DONE)
        code = print(dynbuf_span(body));
    dynbuf_done(body);
    return code;
}
