// SPDX-License-Identifier: Apache-2.0
/*
 * Which routes may serve a request, and how to say that none can.
 *
 * The catalog decides; this file tells it what the request wishes and puts its reason into words. Promises: an unknown name is a
 * 404 with the nearest names; a filter that leaves nobody is a 400 that names the filter, what it found and what to do; what of
 * the client's wishes was passed over stands in x-papi-warning. Leaves to others: who goes first and when (scheduler).
 */
#include "gateway/choose.h"
#include "gateway/identify.h"

#include "base/check.h"
#include "dialect/dialect.h"
#include "message/tokens.h"

#include <stdio.h>

#define SUGGESTIONS       3
#define SHOWN_MAX_BYTES   200
#define LIST_MAX_BYTES    512
#define WARNING_MAX_BYTES 512
#define ESTIMATE_BY_SIZE_MAX_BYTES \
    ((uint64_t)16 *                \
     1024) /* smaller prompts are measured by their size: they fit nearly everywhere */

_Static_assert(CATALOG_CAN_VISION == CAN_VISION, "auto:vision needs the bit of routes");

static const struct {
    uint64_t bit;
    const char *what;
} needs[] = {
    {CAN_TOOLS, "tools"},
    {CAN_VISION, "images"},
    {CAN_AUDIO_IN, "audio input"},
    {CAN_FILE_IN, "files"},
    {CAN_JSON_SCHEMA, "json_schema"},
    {CAN_JSON_OBJECT, "json_object"},
    {CAN_STREAM, "streaming"},
    {CAN_REASONING, "reasoning"},
    {CAN_TOOL_CHOICE_REQUIRED, "a forced tool_choice"},
    {CAN_DIMENSIONS, "dimensions"},
};

/* With provider.require_parameters: a route that drops a parameter of this request will not do. */
static bool takes_parameters(const struct request *r, uint32_t route) {
    const struct dialect_quirks *quirks = r->snapshot->routes[route].quirks;
    for (unsigned option = 0; quirks != NULL && option < OPTION_COUNT; option++)
        if ((quirks->drop >> (MEMBER_OPTIONS + option) & 1) != 0 &&
            !span_absent(r->task.chat.options[option]))
            return false;
    return true;
}

static bool accepts(const void *context, uint32_t route) {
    const struct request *r = context;
    return (!r->task.routing.require_parameters || takes_parameters(r, route)) &&
           (!r->narrowed || identify_may_use(r, route));
}

/* By its size: exact enough to see what fits by far. */
static uint64_t guess_tokens(const struct task *task) {
    return task->prompt_bytes < ESTIMATE_BY_SIZE_MAX_BYTES ? task->prompt_bytes / 4 + 1
                                                           : tokens_of_prompt(task);
}

static bool counts_tokens(const struct catalog_snapshot *snapshot,
                          const struct catalog_route *route) {
    for (uint32_t i = 0; i < route->limit_count; i++) {
        enum limit_unit unit = snapshot->limits[route->limits[i]].unit;
        if (unit == LIMIT_TOKENS || unit == LIMIT_INPUT_TOKENS || unit == LIMIT_NEURONS)
            return true;
    }
    return false;
}

/* Whether the guess could decide wrongly: somebody counts tokens, or a context is near. No text has more tokens than bytes. */
static bool needs_measure(const struct request *r, const struct catalog_choice *choice) {
    uint64_t most = r->task.prompt_bytes + r->task.chat.max_output_tokens;
    if (choice->route_count == 0)
        return choice->lack == CATALOG_LACKS_CONTEXT;
    for (uint32_t i = 0; i < choice->route_count; i++) {
        const struct catalog_route *route = &r->snapshot->routes[choice->routes[i]];
        if ((route->context_tokens > 0 && route->context_tokens < most) ||
            counts_tokens(r->snapshot, route))
            return true;
    }
    return false;
}

struct catalog_wish choose_wish(const struct request *r) {
    const struct task_routing *routing = &r->task.routing;
    const struct gateway_config *config = gateway_config_of(r->home);
    bool no_training = r->no_training || (r->client != NULL && r->client->no_training) ||
                       routing->no_training || config->data_use == CATALOG_DATA_NO_TRAINING;
    bool embed = r->task.kind == TASK_EMBED;
    return (struct catalog_wish){
        .name = r->task.model,
        .fallbacks = routing->models.names,
        .fallback_count = routing->models.count,
        .order = routing->order.names,
        .order_count = routing->order.count,
        .only = routing->only.names,
        .only_count = routing->only.count,
        .ignore = routing->ignore.names,
        .ignore_count = routing->ignore.count,
        .no_fallbacks = routing->no_fallbacks,
        .data_use = no_training ? CATALOG_DATA_NO_TRAINING : CATALOG_DATA_ANY,
        .audience = config->audience,
        .kind = r->task.kind == TASK_CHAT    ? CATALOG_CHAT
                : r->task.kind == TASK_EMBED ? CATALOG_EMBED
                                             : CATALOG_OTHER,
        .needs = r->task.needs,
        .input_tokens = embed ? choose_embed_tokens(&r->task.embed) : r->input_tokens,
        .output_tokens_max = r->task.chat.max_output_tokens,
        .accepts = routing->require_parameters || r->narrowed ? accepts : NULL,
        .context = r,
    };
}

static const enum demand_priority priorities[CLIENT_PRIORITY_COUNT] = {
    [CLIENT_INTERACTIVE] = PRIORITY_INTERACTIVE,
    [CLIENT_NORMAL] = PRIORITY_NORMAL,
    [CLIENT_BATCH] = PRIORITY_BATCH,
};

static void choose(const struct request *r, struct catalog_choice *ret_choice) {
    const struct catalog_wish wish = choose_wish(r);
    catalog_candidates(r->snapshot, &wish, ret_choice);
}

void choose_candidates(struct request *r, struct catalog_choice *ret_choice) {
    bool measured = r->input_tokens != 0;
    r->narrowed = identify_is_narrowed(r);
    if (!measured)
        r->input_tokens = guess_tokens(&r->task);
    choose(r, ret_choice);
    if (measured || !needs_measure(r, ret_choice))
        return;
    r->input_tokens = tokens_measure(&r->task);
    choose(r, ret_choice);
}

void choose_demand(const struct request *r, const struct catalog_choice *choice,
                   struct demand *ret_demand) {
    const struct gateway_config *config = gateway_config_of(r->home);
    uint64_t total_ns = r->accepted_ns + request_patience_ns(r);
    bool chat = r->task.kind == TASK_CHAT;
    *ret_demand = (struct demand){
        .owner = request_owner(r),
        .candidate_count = choice->route_count,
        .input_tokens = r->input_tokens,
        .output_tokens_max = chat ? r->task.chat.max_output_tokens : 0,
        .inputs = chat ? 0 : r->task.embed.input_count,
        .session = span_hash(r->task.affinity),
        .wait_until_ns =
            r->wait_longer ? r->deadline_ns : r->accepted_ns + config->queue_max_wait_ns,
        .deadline_ns = total_ns < r->deadline_ns ? total_ns : r->deadline_ns,
        .client = r->client != NULL ? r->client->number : 0,
        .priority = r->client != NULL ? priorities[r->client->priority] : PRIORITY_NORMAL,
        .stream = chat && r->task.chat.stream,
    };
    memcpy(ret_demand->candidates, choice->routes, choice->route_count * sizeof choice->routes[0]);
}

/* --- why none is left --- */

/* "a, b, c" */
static void list_names(const struct span *names, uint32_t count, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count && used + names[i].len + 3 < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", i > 0 ? ", " : "",
                                 SPAN_ARG(names[i]));
}

static enum step_verdict unknown_name(struct request *r, const struct catalog_choice *choice) {
    struct span names[SUGGESTIONS];
    char list[LIST_MAX_BYTES];
    uint32_t count = catalog_suggest(r->snapshot, choice->name, names, SUGGESTIONS);
    list_names(names, count, list, sizeof list);
    return request_fail(
        r, API_MODEL_NOT_FOUND, "model",
        "The model '%.*s' is not known here.%s%s%s GET /v1/models lists what can be asked for.",
        SPAN_ARG(choice->name), count > 0 ? " Did you mean: " : "", list, count > 0 ? "?" : "");
}

static enum step_verdict wrong_kind(struct request *r, const struct catalog_choice *choice) {
    static const char *const kinds[] = {
        [CATALOG_CHAT] = "chats: use /v1/chat/completions",
        [CATALOG_EMBED] = "makes embeddings: use /v1/embeddings",
        [CATALOG_OTHER] = "is made for another kind of task",
        [CATALOG_ANY] = "serves any task",
    };
    return request_fail(r, API_BAD_REQUEST, "model",
                        "The model '%.*s' cannot do this kind of task; it %s.",
                        SPAN_ARG(choice->name), kinds[choice->kind]);
}

static enum step_verdict cannot(struct request *r, const struct catalog_choice *choice) {
    char list[LIST_MAX_BYTES] = "";
    size_t used = 0;
    uint64_t shown = choice->missing != 0 ? choice->missing : r->task.needs;
    for (size_t i = 0; i < array_length(needs); i++)
        if ((shown & needs[i].bit) != 0 && used < sizeof list - 32)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "",
                                     needs[i].what);
    return request_fail(r, API_BAD_REQUEST, "model",
                        choice->missing != 0
                            ? "No provider of '%.*s' that is configured here can do %s."
                            : "No single provider of '%.*s' can do all that this request needs "
                              "together: %s.",
                        SPAN_ARG(choice->name), list);
}

/* The wording that clients look for (wire 1.6); no word about rates in it. */
static enum step_verdict too_long(struct request *r, const struct catalog_choice *choice) {
    uint64_t input = r->input_tokens, output = r->task.chat.max_output_tokens;
    if (r->task.kind == TASK_EMBED)
        return request_fail(r, API_CONTEXT_TOO_LONG, "input",
                            "This model's maximum context length is %llu tokens, but a text has "
                            "about %llu. Please divide it into shorter ones.",
                            (unsigned long long)choice->context_tokens,
                            (unsigned long long)choose_embed_tokens(&r->task.embed));
    return request_fail(r, API_CONTEXT_TOO_LONG, "messages",
                        "This model's maximum context length is %llu tokens, but the request needs "
                        "about %llu tokens (%llu in the messages, %llu for the answer). Please "
                        "reduce the length of the messages or the answer.",
                        (unsigned long long)choice->context_tokens,
                        (unsigned long long)(input + output), (unsigned long long)input,
                        (unsigned long long)output);
}

/* A reason has a function, or words around the name and the list of choices. */
static const struct {
    enum step_verdict (*tell)(struct request *r, const struct catalog_choice *choice);
    enum api_error_kind kind;
    const char *param, *before, *between, *behind;
} reasons[] = {
    [CATALOG_LACKS_NAME] = {.tell = unknown_name},
    [CATALOG_LACKS_KIND] = {.tell = wrong_kind},
    [CATALOG_LACKS_CAPABILITY] = {.tell = cannot},
    [CATALOG_LACKS_CONTEXT] = {.tell = too_long},
    [CATALOG_LACKS_PROVIDER_NAME] =
        {NULL, API_BAD_REQUEST, "provider.only", "'provider.only' names '",
         "', which is no provider of this gateway; the nearest one is '", "'."},
    [CATALOG_LACKS_CHOICE] = {NULL, API_MODEL_NOT_FOUND, "model", "The name '",
                              "' means several models here. Ask for one of them: ", "."},
    [CATALOG_LACKS_PIN] =
        {NULL, API_MODEL_NOT_FOUND, "model", "The model '",
         "' is served here only in ways that are never chosen by themselves, since they may cost "
         "something or may not work. Ask for one by its own name: ",
         "; or let an alias name it."},
    [CATALOG_LACKS_ROUTES] = {NULL, API_MODEL_NOT_FOUND, "model",
                              "No model that is configured here can stand behind '",
                              "'. GET /v1/models lists what can be asked for.", ""},
    [CATALOG_LACKS_PROVIDER] = {NULL, API_BAD_REQUEST, "provider",
                                "None of the providers that 'provider' allows serves '",
                                "'. Allow more of them, or leave 'provider' out.", ""},
    [CATALOG_LACKS_AUDIENCE] =
        {NULL, API_BAD_REQUEST, "model", "The terms of every provider of '",
         "' forbid, or do not clearly allow, serving those this gateway is for (setting audience). "
         "Ask for another model.",
         ""},
    [CATALOG_LACKS_DATA_USE] =
        {NULL, API_BAD_REQUEST, "model", "Every provider of '",
         "' trains on prompts or does not say that it does not, and this request must not be "
         "trained on (x-papi-data, provider.data_collection or the setting routing.data_use). Ask "
         "for another model, or allow it where that is up to you.",
         ""},
    [CATALOG_LACKS_PARAMETER] =
        {NULL, API_UNSUPPORTED_PARAMETER, "provider.require_parameters", "Every provider of '",
         "' leaves out a parameter of this request, and 'provider.require_parameters' forbids "
         "that.",
         ""},
};

enum step_verdict choose_fail(struct request *r, struct catalog_choice *choice) {
    char list[LIST_MAX_BYTES];
    check(choice->lack > CATALOG_LACKS_NOTHING && choice->lack < array_length(reasons));
    if (choice->lack == CATALOG_LACKS_PARAMETER && r->narrowed)
        return identify_refuse_model(r);
    if (choice->name.len > SHOWN_MAX_BYTES)
        choice->name.len = SHOWN_MAX_BYTES;
    if (reasons[choice->lack].tell != NULL)
        return reasons[choice->lack].tell(r, choice);
    list_names(choice->choices, choice->choice_count, list, sizeof list);
    return request_fail(r, reasons[choice->lack].kind, reasons[choice->lack].param, "%s%.*s%s%s%s",
                        reasons[choice->lack].before, SPAN_ARG(choice->name),
                        reasons[choice->lack].between, list, reasons[choice->lack].behind);
}

/* --- what was passed over --- */

/* A header value: what a name holds beyond plain letters is not repeated there. */
static int append_name(struct dynbuf *text, struct span name) {
    int err = dynbuf_append_text(text, " '");
    for (size_t i = 0; err == 0 && i < name.len && i < SHOWN_MAX_BYTES; i++)
        err = dynbuf_append_char(text, name.ptr[i] > ' ' && name.ptr[i] < 0x7f ? name.ptr[i] : '?');
    return err == 0 ? dynbuf_append_char(text, '\'') : err;
}

static int append_idle(struct dynbuf *text, const char *what, const struct task_names *names,
                       uint32_t idle) {
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < names->count; i++) {
        if ((idle >> i & 1) == 0)
            continue;
        err = dynbuf_append_format(text, "%s%s", text->len > 0 ? "; unknown in " : "unknown in ",
                                   what);
        if (err == 0)
            err = append_name(text, names->names[i]);
    }
    return err;
}

void choose_warn(struct request *r, const struct catalog_choice *choice) {
    const struct task_routing *routing = &r->task.routing;
    struct dynbuf text;
    const struct task_names model = {.names = &r->task.model, .count = 1};
    if (!choice->idle_name &&
        (choice->idle_fallbacks | choice->idle_order | choice->idle_ignore) == 0)
        return;
    dynbuf_init(&text, WARNING_MAX_BYTES);
    int err = append_idle(&text, "model", &model, choice->idle_name);
    if (err == 0)
        err = append_idle(&text, "models", &routing->models, choice->idle_fallbacks);
    if (err == 0)
        err = append_idle(&text, "provider.order", &routing->order, choice->idle_order);
    if (err == 0)
        err = append_idle(&text, "provider.ignore", &routing->ignore, choice->idle_ignore);
    /* What does not fit is cut: the first names tell enough. */
    if (text.len > 0 && arena_copy(&r->arena, dynbuf_span(&text), &r->warning) < 0)
        r->warning = SPAN_NONE;
    dynbuf_done(&text);
}
