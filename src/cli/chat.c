// SPDX-License-Identifier: Apache-2.0
/*
 * papi chat: one question to a running PAPI, the answer as it comes.
 *
 * Why through HTTP like any other client: what works here works for everybody, and what fails here shows the error everybody
 * sees. One loop, one call, no threads. Text goes to stdout and nothing else does, so that it can be piped; notes and
 * errors go to stderr.
 * Promises: exit 0 only when the stream had its proper end. Leaves to others: keeping a conversation.
 */
#include "cli/chat_stream.h"
#include "cli/cli.h"

#include "base/check.h"
#include "base/clock.h"
#include "config/config.h"
#include "http/client.h"
#include "net/loop.h"
#include "json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define QUESTION_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define DEFAULT_URL        "http://127.0.0.1:7274"
#define CLOSE_TIME_NS      (2 * NS_PER_S)

struct values {
    const char *model;
    const char *url;
};

static const struct cli_option options[] = {
    {"--model", CLI_TEXT, offsetof(struct values, model), "NAME", "what to ask; default auto"},
    {"--url", CLI_TEXT, offsetof(struct values, url), "URL",
     "the running PAPI; else $PAPI_URL, " DEFAULT_URL},
};

struct talk {
    struct loop *loop;
    struct config_url url;
    struct origin origin;
    struct dynbuf body;   /* owned */
    struct dynbuf target; /* owned: "/v1/chat/completions" */
    struct dynbuf host;   /* owned: value of the Host field */
    struct chat_stream stream;
    int err;
    bool done;
};

static void on_head(void *context, const struct http_answer_head *head) {
    struct talk *talk = context;
    talk->stream.status = head->status;
}

static void on_body(void *context, struct span bytes) {
    struct talk *talk = context;
    chat_stream_feed(&talk->stream, bytes);
}

static void on_done(void *context, int err, bool answer_bytes_seen) {
    struct talk *talk = context;
    (void)answer_bytes_seen;
    talk->err = err;
    talk->done = true;
    loop_stop(talk->loop);
}

static int write_body(struct dynbuf *out, const char *model, struct span question) {
    int err = dynbuf_append_text(out, "{\"model\":");
    if (err == 0)
        err = json_write_string(out, span_text(model));
    if (err == 0)
        err = dynbuf_append_text(out,
                                 ",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":");
    if (err == 0)
        err = json_write_string(out, question);
    return err < 0 ? err : dynbuf_append_text(out, "}]}");
}

static int write_address(struct talk *talk) {
    const struct config_url *url = &talk->url;
    bool numeric_v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    bool v1 = span_ends_with(url->path, "/v1");
    int err = dynbuf_append_format(&talk->target, "%.*s%s/chat/completions", SPAN_ARG(url->path),
                                   v1 ? "" : "/v1");
    return err < 0 ? err
                   : dynbuf_append_format(&talk->host, numeric_v6 ? "[%.*s]:%u" : "%.*s:%u",
                                          SPAN_ARG(url->host), url->port);
}

static void call(struct talk *talk) {
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_done = on_done};
    struct net_context *net = net_context_new(talk->loop);
    struct http_client_limits limits;
    http_client_limits_default(&limits);
    struct http_client *client = http_client_new(net, talk->loop, &limits);
    struct span body = dynbuf_span(&talk->body);
    struct http_call_request request = {
        .origin = &talk->origin,
        .method = "POST",
        .target = dynbuf_span(&talk->target),
        .host_header = dynbuf_span(&talk->host),
        .head_fields = SPAN_LITERAL("Content-Type: application/json\r\nAccept: "
                                    "text/event-stream\r\nUser-Agent: papi-chat\r\n"),
        .body_pieces = &body,
        .body_piece_count = 1,
        .has_body = true,
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

static int tell(const struct talk *talk, const char *url) {
    if (talk->err == ERR_CONNECT_REFUSED || talk->err == ERR_CONNECT_UNREACHABLE) {
        cli_complain("no PAPI is running at %s; start one with `papi serve`", url);
        return CLI_FAILED;
    }
    if (talk->err < 0 && !talk->stream.ended) {
        cli_complain("%s: %s", url, err_text(talk->err));
        return CLI_FAILED;
    }
    return chat_stream_tell(&talk->stream) ? CLI_DONE : CLI_FAILED;
}

static int ask(struct talk *talk, const char *model, const char *url, struct span question) {
    dynbuf_init(&talk->body, 8 * QUESTION_MAX_BYTES);
    dynbuf_init(&talk->target, QUESTION_MAX_BYTES);
    dynbuf_init(&talk->host, QUESTION_MAX_BYTES);
    talk->origin = (struct origin){.host = talk->url.host,
                                   .port = talk->url.port,
                                   .tls = talk->url.tls,
                                   .allow_loopback = talk->url.host_is_loopback};
    int code = CLI_FAILED;
    if (write_body(&talk->body, model, question) < 0 || write_address(talk) < 0) {
        cli_complain("the question is too long");
    } else {
        chat_stream_init(&talk->stream, stdout);
        talk->loop = loop_new();
        call(talk);
        loop_free(talk->loop);
        code = tell(talk, url);
        chat_stream_done(&talk->stream);
    }
    dynbuf_done(&talk->body);
    dynbuf_done(&talk->target);
    dynbuf_done(&talk->host);
    return code;
}

static int join(struct dynbuf *out, const struct cli_operands *operands) {
    int err = 0;
    for (int i = 0; err == 0 && i < operands->count; i++) {
        if (i > 0)
            err = dynbuf_append_char(out, ' ');
        if (err == 0)
            err = dynbuf_append_text(out, operands->items[i]);
    }
    return err;
}

static int read_stdin(struct dynbuf *out) {
    ssize_t got = 1;
    while (got > 0) {
        int err = dynbuf_reserve(out, 4096);
        if (err < 0)
            return err;
        do
            got = read(STDIN_FILENO, dynbuf_tail(out), dynbuf_room(out));
        while (got < 0 && errno == EINTR);
        if (got > 0)
            dynbuf_grew(out, (size_t)got);
    }
    return got < 0 ? ERR_SYSTEM : 0;
}

/* TEXT, or what is piped in when there is none (or it is "-"). */
static int take_question(struct dynbuf *out, const struct cli_operands *operands) {
    bool piped =
        operands->count == 0 || (operands->count == 1 && strcmp(operands->items[0], "-") == 0);
    if (operands->count == 0 && isatty(STDIN_FILENO) == 1)
        return ERR_NOT_FOUND;
    int err = piped ? read_stdin(out) : join(out, operands);
    return err == 0 && span_trim(dynbuf_span(out)).len == 0 ? ERR_NOT_FOUND : err;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {.model = "auto", .url = getenv("PAPI_URL")};
    struct cli_operands operands;
    struct dynbuf question;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.url == NULL || values.url[0] == '\0')
        values.url = DEFAULT_URL;
    struct talk talk = {0};
    const char *why = config_url_parse(span_text(values.url), &talk.url);
    if (why != NULL) {
        cli_complain("--url %s %s", values.url, why);
        return CLI_USAGE;
    }
    dynbuf_init(&question, QUESTION_MAX_BYTES);
    int err = take_question(&question, &operands), code = CLI_USAGE;
    if (err == ERR_NOT_FOUND)
        cli_complain("nothing to ask: papi chat TEXT");
    else if (err < 0)
        cli_complain("the question could not be read: %s", err_text(err));
    else
        code = ask(&talk, values.model, values.url, dynbuf_span(&question));
    dynbuf_done(&question);
    return code;
}

const struct cli_command cli_chat = {
    .name = "chat",
    .operands = "TEXT",
    .line = "ask one question in the terminal",
    .about = "Without TEXT, or with `-`, the question is read from standard input.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
