// SPDX-License-Identifier: Apache-2.0
/*
 * papi chat: one question to a running PAPI, the answer as it comes.
 *
 * Text goes to stdout and nothing else does, so that it can be piped; notes and errors go to stderr.
 * Promises: exit 0 only when the stream had its proper end. Leaves to others: keeping a conversation, the call (instance.c).
 */
#include "cli/chat_stream.h"
#include "cli/cli.h"

#include "base/check.h"
#include "base/clock.h"
#include "cli/instance.h"
#include "json/json.h"

#include <errno.h>
#include <unistd.h>

#define QUESTION_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct values {
    const char *model;
    struct instance_wish wish;
};

static const struct cli_option options[] = {
    {"--model", CLI_TEXT, offsetof(struct values, model), "MODEL", "what to ask; default auto"},
    INSTANCE_OPTIONS(struct values, wish),
};

static void on_head(void *context, int status) {
    ((struct chat_stream *)context)->status = status;
}

static void on_body(void *context, struct span bytes) {
    chat_stream_feed(context, bytes);
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

/* What to type next, where the refusal is a PAPI's and another command knows more. */
static void hint(const struct chat_stream *stream, const struct values *values) {
    const char *flag = values->wish.url != NULL    ? " --url "
                       : values->wish.data != NULL ? " --data "
                                                   : "";
    const char *place = values->wish.url != NULL    ? values->wish.url
                        : values->wish.data != NULL ? values->wish.data
                                                    : "";
    if (!span_contains(dynbuf_span(&stream->error_body), "\"error\""))
        return;
    if (stream->status == 404)
        cli_complain("`papi model list%s%s` lists what can be asked for", flag, place);
    else if (stream->status == 429 || stream->status >= 500)
        cli_complain("`papi explain --model %s%s%s` tells why, provider by provider", values->model,
                     flag, place);
}

static int tell(const struct chat_stream *stream, const struct instance *instance,
                const struct values *values, int err) {
    bool unreachable = err == ERR_CONNECT_REFUSED || err == ERR_CONNECT_UNREACHABLE;
    if (unreachable || (err < 0 && !stream->ended)) {
        instance_complain(instance, err);
        return CLI_FAILED;
    }
    if (chat_stream_tell(stream))
        return CLI_DONE;
    hint(stream, values);
    return CLI_FAILED;
}

static int ask(struct instance *instance, const struct values *values, struct span question) {
    struct dynbuf body;
    int code = CLI_FAILED;
    dynbuf_init(&body, 8 * QUESTION_MAX_BYTES);
    if (write_body(&body, values->model, question) < 0) {
        cli_complain("the question is too long");
    } else {
        struct chat_stream stream;
        const struct instance_call call = {
            .method = "POST",
            .path = "/v1/chat/completions",
            .fields = SPAN_LITERAL("Content-Type: application/json\r\nAccept: "
                                   "text/event-stream\r\nUser-Agent: papi-chat\r\n"),
            .body = dynbuf_span(&body),
            .first_byte_ns = 400 * NS_PER_S,
            .gap_ns = 300 * NS_PER_S,
            .on_head = on_head,
            .on_body = on_body,
            .context = &stream,
        };
        chat_stream_init(&stream, stdout);
        code = tell(&stream, instance, values, instance_call(instance, &call));
        chat_stream_done(&stream);
    }
    dynbuf_done(&body);
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
    struct values values = {.model = "auto"};
    struct cli_operands operands;
    struct dynbuf question;
    struct instance instance;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    dynbuf_init(&question, QUESTION_MAX_BYTES);
    int err = take_question(&question, &operands), code = CLI_USAGE;
    if (err == ERR_NOT_FOUND)
        cli_complain("nothing to ask: papi chat TEXT");
    else if (err < 0)
        cli_complain("the question could not be read: %s", err_text(err));
    else
        code = ask(&instance, &values, dynbuf_span(&question));
    dynbuf_done(&question);
    return code;
}

const struct cli_command cli_chat = {
    .name = "chat",
    .operands = "[TEXT...]",
    .line = "ask one question in the terminal",
    .about = "Without TEXT, or with `-`, the question is read from standard input.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
