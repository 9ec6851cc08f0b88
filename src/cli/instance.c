// SPDX-License-Identifier: Apache-2.0
/*
 * Calls to a running PAPI.
 *
 * Why through HTTP like any other client, also on the socket: what works here works for everybody, and what fails here shows the
 * error everybody sees. The key of the environment goes to URLs only; the socket needs none. One loop, one call, no threads; both are gone when the call returns, so that a command may go on as another program.
 * Never through a proxy: the instance is the user's own, named by address.
 * Promises: no connection and no handle is left open. Leaves to others: what is asked and what the answer means.
 */
#include "cli/instance.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "http/client.h"
#include "http/header.h"
#include "json/json.h"

#include <stdlib.h>

#define ADDRESS_MAX_BYTES ((size_t)64 * 1024)
#define CONNECT_TIME_NS   (5 * NS_PER_S)
#define TLS_TIME_NS       (10 * NS_PER_S)
#define GET_TIME_NS       (10 * NS_PER_S)
#define CLOSE_TIME_NS     (2 * NS_PER_S)

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

/* What the request says of where it goes; owned texts. */
struct address {
    struct dynbuf target, host, fields;
};

static int write_key(struct dynbuf *fields) {
    const char *key = getenv(INSTANCE_KEY_VARIABLE);
    if (key == NULL || key[0] == '\0')
        return 0;
    return http_write_header_joined(fields, "Authorization", SPAN_LITERAL("Bearer "),
                                    span_text(key));
}

static int write_address(struct address *address, const struct instance_place *place,
                         const struct instance_call *call) {
    const struct config_url *url = &place->url;
    int err = dynbuf_append_span(&address->fields, call->fields);
    if (err == 0 && span_absent(place->base)) {
        err = dynbuf_append_text(&address->target, call->path);
        return err < 0 ? err : dynbuf_append_text(&address->host, "localhost");
    }
    bool numeric_v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    struct span prefix = url->path;
    while (span_ends_with(prefix, "/"))
        prefix.len--;
    if (span_ends_with(prefix, "/v1"))
        prefix.len -= strlen("/v1");
    if (err == 0)
        err = dynbuf_append_format(&address->target, "%.*s%s", SPAN_ARG(prefix), call->path);
    if (err == 0)
        err = dynbuf_append_format(&address->host, numeric_v6 ? "[%.*s]:%u" : "%.*s:%u",
                                   SPAN_ARG(url->host), url->port);
    return err < 0 ? err : write_key(&address->fields);
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static int call_place(const struct instance *instance, const struct instance_place *place,
                      const struct instance_call *call) {
    uint64_t most = instance->patience_ns > 0 ? instance->patience_ns : UINT64_MAX;
    const struct origin by_url = {.host = place->url.host,
                                  .port = place->url.port,
                                  .tls = place->url.tls,
                                  .allow_loopback = place->url.host_is_loopback};
    const struct origin by_socket = {.unix_path = place->text};
    struct talk talk = {.call = call};
    struct address address;
    dynbuf_init(&address.target, ADDRESS_MAX_BYTES);
    dynbuf_init(&address.host, ADDRESS_MAX_BYTES);
    dynbuf_init(&address.fields, ADDRESS_MAX_BYTES);
    int err = write_address(&address, place, call);
    if (err == 0) {
        const struct http_call_request request = {
            .origin = span_absent(place->base) ? &by_socket : &by_url,
            .method = call->method,
            .target = dynbuf_span(&address.target),
            .host_header = dynbuf_span(&address.host),
            .head_fields = dynbuf_span(&address.fields),
            .body_pieces = &call->body,
            .body_piece_count = 1,
            .has_body = !span_absent(call->body),
            .timeouts = {.connect_ns = sooner(CONNECT_TIME_NS, most),
                         .tls_ns = sooner(TLS_TIME_NS, most),
                         .first_byte_ns = sooner(call->first_byte_ns, most),
                         .gap_ns = sooner(call->gap_ns, most)},
        };
        run(&talk, &request);
        err = talk.err;
    }
    dynbuf_done(&address.target);
    dynbuf_done(&address.host);
    if (address.fields.data != NULL)
        secret_wipe(address.fields.data, address.fields.capacity);
    dynbuf_done(&address.fields);
    return err;
}

static bool nobody_there(int err) {
    return err == ERR_NOT_FOUND || err == ERR_CONNECT_REFUSED || err == ERR_CONNECT_UNREACHABLE ||
           err == ERR_TOO_LARGE || err == ERR_SYSTEM;
}

/* Nothing was sent where nobody is there, so the same may be asked at the next place. */
int instance_call(struct instance *instance, const struct instance_call *call) {
    uint32_t first = instance->at;
    for (uint32_t i = first; i < instance->count; i++) {
        struct instance_place *place = &instance->places[i];
        place->err = call_place(instance, place, call);
        bool over = !nobody_there(place->err) || !span_absent(place->base);
        if (over || i + 1 == instance->count) {
            instance->at = i;
            return place->err;
        }
    }
    return ERR_NOT_FOUND;
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

static int exchange(struct instance *instance, const char *method, const char *path,
                    struct span json, struct collected *collected) {
    const struct instance_call call = {
        .method = method,
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
        .context = collected,
    };
    int err = instance_call(instance, &call);
    return err < 0 ? err : collected->err;
}

int instance_reach(struct instance *instance) {
    struct dynbuf body;
    struct collected collected = {.body = &body};
    dynbuf_init(&body, INSTANCE_ANSWER_MAX_BYTES);
    int err = exchange(instance, "GET", "/healthz", SPAN_NONE, &collected);
    dynbuf_done(&body);
    return err;
}

int instance_ask(struct instance *instance, const char *path, struct span json, struct dynbuf *body,
                 int *ret_status) {
    struct collected collected = {.body = body};
    int err = exchange(instance, span_absent(json) ? "GET" : "POST", path, json, &collected);
    *ret_status = collected.status;
    return err;
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

int instance_judge(const struct instance *instance, int err, int status, struct span body) {
    if (err == 0 && status >= 200 && status < 300)
        return CLI_DONE;
    if (err < 0)
        instance_complain(instance, err);
    else if (!complain_in_its_words(body))
        cli_complain("%.*s answers with status %d", SPAN_ARG(instance_place(instance)->text),
                     status);
    const char *key = getenv(INSTANCE_KEY_VARIABLE);
    if (status == 401 && instance_is_url(instance))
        cli_complain("the key for %.*s is read from $" INSTANCE_KEY_VARIABLE ", which is %s",
                     SPAN_ARG(instance_place(instance)->text),
                     key == NULL || key[0] == '\0' ? "not set" : "set to another");
    return CLI_FAILED;
}

int instance_order(struct instance *instance, const char *method, const char *path,
                   struct span json, struct dynbuf *body) {
    struct collected collected = {.body = body};
    dynbuf_init(body, INSTANCE_ANSWER_MAX_BYTES);
    int err = exchange(instance, method, path, json, &collected);
    return instance_judge(instance, err, collected.status, dynbuf_span(body));
}

int instance_fetch(struct instance *instance, const char *path, struct span json,
                   struct dynbuf *body) {
    return instance_order(instance, span_absent(json) ? "GET" : "POST", path, json, body);
}

int instance_show(int code, struct dynbuf *body, bool raw, int (*print)(struct span body)) {
    if (code == CLI_DONE && raw)
        (void)fwrite(dynbuf_span(body).ptr, 1, body->len, stdout);
    else if (code == CLI_DONE)
        code = print(dynbuf_span(body));
    dynbuf_done(body);
    return code;
}
