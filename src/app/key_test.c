// SPDX-License-Identifier: Apache-2.0
/*
 * Runs tests of keys on a loop of their own.
 *
 * Each call is made as the gateway makes it: same address, proxy, authorities and head. One clock holds for a question from the name
 * look-up to the last byte, so that a command ends whatever a provider does. Answers that grow past their cap are cut: a list need not be
 * read to its end to know that the key was taken. Promises: at most one question at a provider at any time; no connection and no
 * handle is left. Leaves to others: which question (key_probe.c), what an answer means (key_verdict.c).
 */
#include "app/key_test.h"

#include "app/key_probe.h"
#include "base/check.h"
#include "base/clock.h"
#include "gateway/upstream.h"
#include "net/loop.h"
#include "provider/wait.h"
#include "surface/surface.h"

#define CLOSE_TIME_NS (2 * NS_PER_S)
#define CHAT                                                                  \
    "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]," \
    "\"max_tokens\":1}"

struct trial;

struct trials {
    const struct catalog_snapshot *snapshot; /* borrowed */
    struct loop *loop;
    struct http_client *client;
    struct trial *items; /* arena */
    uint32_t count, open;
    uint64_t ends_ns;    /* of the loop's clock; 0 = when all were asked */
    struct arena *arena; /* borrowed: texts that stay */
};

struct trial {
    struct trials *all;
    struct key_test *test; /* borrowed */
    struct http_call *call;
    struct loop_timer clock;
    struct loop_task next;
    struct key_probe probe;
    struct dialect_request chat; /* arena; while chatting */
    struct dynbuf body;
    struct http_headers *head; /* arena of the trial */
    struct origin origin;
    uint64_t started_ns;
    int err;
    bool begun, chatting, cut, late;
    struct arena arena; /* owned; of this trial's answers */
};

static const struct catalog_account *account_of(const struct trial *trial) {
    return &trial->all->snapshot->accounts[trial->test->account];
}

static const struct catalog_provider *provider_of(const struct trial *trial) {
    return &trial->all->snapshot->providers[account_of(trial)->provider];
}

/* --- what is kept of an answer --- */

/* The trial's arena goes; what is shown stays. */
static const char *keep_text(struct trial *trial, const char *text) {
    const char *copy = arena_format(trial->all->arena, "%s", text);
    return copy != NULL ? copy : "";
}

static void note_missing(struct trial *trial, const struct key_finding *finding) {
    const struct catalog_snapshot *snapshot = trial->all->snapshot;
    struct key_test *test = trial->test;
    test->missing =
        arena_try_alloc(trial->all->arena, (snapshot->route_count + 1) * sizeof *test->missing);
    for (uint32_t i = 0; i < snapshot->route_count && test->missing != NULL; i++) {
        const struct catalog_route *route = &snapshot->routes[i];
        if (route->account == test->account && !key_finding_has(finding, route->upstream_model))
            test->missing[test->missing_count++] = route;
    }
}

static void judge(struct trial *trial) {
    struct key_test *test = trial->test;
    test->err = trial->cut ? 0 : trial->err;
    const struct key_answer answer = {
        .err = trial->cut ? 0 : trial->err,
        .status = test->status,
        .cut = trial->cut,
        .late = trial->late,
        .body = dynbuf_span(&trial->body),
        .head = trial->head,
        .facts = provider_of(trial)->facts,
        .key = account_of(trial)->key,
        .proves = trial->chatting || (trial->probe.proves && account_of(trial)->key != NULL),
        .lists = !trial->chatting && trial->probe.lists,
        .chat = trial->chatting,
        .wall_ms = (int64_t)clock_wall_ms(),
    };
    struct key_finding finding;
    key_verdict_find(&answer, &trial->arena, &finding);
    if (finding.listed) {
        test->listed = true;
        test->model_count = finding.model_count;
        note_missing(trial, &finding);
    }
    test->finding =
        (struct key_finding){.verdict = finding.verdict, .says = keep_text(trial, finding.says)};
}

/* --- one question --- */

static void end_question(struct trial *trial) {
    loop_timer_clear(trial->all->loop, &trial->clock);
    trial->call = NULL;
    judge(trial);
    dynbuf_done(&trial->body);
    arena_reset(&trial->arena);
    loop_defer(trial->all->loop, &trial->next);
}

static void on_clock(struct loop_timer *timer) {
    struct trial *trial = container_of(timer, struct trial, clock);
    http_call_cancel(trial->call);
    trial->late = true;
    end_question(trial);
}

static void on_head(void *context, const struct http_answer_head *head) {
    struct trial *trial = context;
    uint64_t took_ns = loop_refresh_now_ns(trial->all->loop) - trial->started_ns;
    trial->test->status = head->status;
    trial->test->latency_ms = took_ns / NS_PER_MS;
    int64_t date_ms;
    trial->test->has_date = wait_http_date_ms(http_header_get(head->headers, "date"), &date_ms);
    if (trial->test->has_date)
        trial->test->ahead_ms = (int64_t)clock_wall_ms() - date_ms;
    if (http_headers_copy(head->headers, &trial->arena, &trial->head) < 0)
        trial->head = NULL; /* then the body alone must tell */
}

static void on_body(void *context, struct span bytes) {
    struct trial *trial = context;
    trial->cut = dynbuf_append_span(&trial->body, bytes) < 0;
    if (!trial->cut)
        return;
    http_call_cancel(trial->call);
    end_question(trial);
}

static void on_done(void *context, int err, bool answer_bytes_seen) {
    struct trial *trial = context;
    (void)answer_bytes_seen;
    trial->err = err;
    end_question(trial);
}

static uint64_t within(uint64_t ms) {
    uint64_t most_ms = KEY_TEST_SECONDS * 1000;
    return (ms > 0 && ms < most_ms ? ms : most_ms) * NS_PER_MS;
}

/* When the clock of a question that begins now rings. */
static uint64_t question_ends_ns(const struct trial *trial) {
    uint64_t ends_ns = trial->started_ns + KEY_TEST_SECONDS * NS_PER_S;
    uint64_t all_end_ns = trial->all->ends_ns;
    return all_end_ns > 0 && all_end_ns < ends_ns ? all_end_ns : ends_ns;
}

static void send_question(struct trial *trial, const struct http_call_request *what) {
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_done = on_done};
    const struct catalog_provider *provider = provider_of(trial);
    const struct upstream_fields fields = {
        .content_type = trial->chatting ? trial->chat.content_type : NULL,
        .accept = trial->chatting ? trial->chat.accept : "application/json",
        .hop = SPAN_LITERAL("probe")};
    struct dynbuf head;
    struct http_call_request request = *what;
    int err = upstream_write_head(provider, account_of(trial)->key, dialect_find(provider->dialect),
                                  &fields, &head);
    request.origin = &trial->origin;
    request.head_fields = dynbuf_span(&head);
    request.timeouts = (struct http_timeouts){.connect_ns = within(provider->timeouts.connect_ms),
                                              .tls_ns = within(provider->timeouts.tls_ms)};
    dynbuf_init(&trial->body, KEY_TEST_BODY_BYTES);
    trial->started_ns = loop_refresh_now_ns(trial->all->loop);
    if (err == 0) {
        trial->call = http_call_start(trial->all->client, &request, &handler, trial);
        loop_timer_set(trial->all->loop, &trial->clock, question_ends_ns(trial));
    }
    upstream_wipe_head(&head);
    trial->err = err;
    if (err < 0)
        end_question(trial);
}

static void forget_answer(struct trial *trial) {
    trial->head = NULL;
    trial->err = 0;
    trial->cut = trial->late = false;
    trial->test->status = 0;
    trial->origin = upstream_origin(provider_of(trial));
}

static void ask_probe(struct trial *trial) {
    const struct catalog_provider *provider = provider_of(trial);
    struct key_test *test = trial->test;
    forget_answer(trial);
    trial->begun = true;
    if (key_probe_plan(provider->facts, provider->base_path, test->own_address, trial->all->arena,
                       &trial->probe) < 0) {
        trial->err = ERR_TOO_LARGE;
        test->asked = "";
        end_question(trial);
        return;
    }
    bool elsewhere = !span_absent(trial->probe.host);
    if (elsewhere) {
        trial->origin.host = trial->probe.host;
        trial->origin.port = trial->probe.port;
        trial->origin.tls = true;
    }
    test->asked = trial->probe.shown;
    test->proves = trial->probe.proves;
    const struct http_call_request question = {
        .method = trial->probe.method,
        .target = trial->probe.target,
        .host_header = elsewhere ? trial->probe.host : provider->host_header,
        .has_body = trial->probe.method[0] == 'P',
    };
    send_question(trial, &question);
}

static void ask_chat(struct trial *trial) {
    const struct catalog_provider *provider = provider_of(trial);
    const struct catalog_route *route = &trial->all->snapshot->routes[trial->test->chat_route];
    const struct dialect_target target = {.upstream_model = route->upstream_model,
                                          .base_path = provider->base_path,
                                          .output_tokens_max = route->output_tokens_max,
                                          .quirks = route->quirks};
    struct task *task = arena_zalloc(&trial->arena, sizeof *task);
    struct api_error error = {.retry_after_ms = -1};
    int decoded = surface_openai_chat.decode(SPAN_LITERAL(CHAT), &trial->arena, task, &error);
    check(decoded == 0);
    forget_answer(trial);
    trial->chatting = true;
    trial->test->asked = "a chat";
    trial->err =
        dialect_find(provider->dialect)->encode(task, &target, &trial->arena, &trial->chat);
    if (trial->err < 0) {
        end_question(trial);
        return;
    }
    const struct http_call_request question = {
        .method = trial->chat.method,
        .target = trial->chat.path,
        .host_header = provider->host_header,
        .body_pieces = trial->chat.body.pieces,
        .body_piece_count = trial->chat.body.count,
        .has_body = true,
    };
    send_question(trial, &question);
}

/* --- what comes next at a provider --- */

static struct trial *waiting_at(const struct trial *trial) {
    for (uint32_t i = 0; i < trial->all->count; i++) {
        struct trial *other = &trial->all->items[i];
        if (!other->begun && account_of(other)->provider == account_of(trial)->provider)
            return other;
    }
    return NULL;
}

static bool time_is_over(const struct trials *all) {
    return all->ends_ns > 0 && loop_refresh_now_ns(all->loop) >= all->ends_ns;
}

static void leave_out(struct trial *trial) {
    trial->begun = true;
    trial->test->asked = "";
    trial->test->finding = (struct key_finding){
        .verdict = KEY_NOT_ASKED, .says = "the ones before it took all the time there was"};
    loop_defer(trial->all->loop, &trial->next);
}

static void go_on(struct loop_task *task) {
    struct trial *trial = container_of(task, struct trial, next);
    bool over = time_is_over(trial->all);
    bool well = !key_verdict_failed(trial->test->finding.verdict) &&
                trial->test->finding.verdict != KEY_RATE_LIMITED;
    if (!over && !trial->chatting && well && trial->test->chat_route != UINT32_MAX) {
        ask_chat(trial);
        return;
    }
    struct trial *next = waiting_at(trial);
    if (next != NULL)
        (over ? leave_out : ask_probe)(next);
    if (--trial->all->open == 0)
        loop_stop(trial->all->loop);
}

static void begin(struct trials *all) {
    for (uint32_t i = 0; i < all->count; i++) {
        struct trial *trial = &all->items[i];
        bool first = true;
        for (uint32_t j = 0; j < i; j++)
            first = first && account_of(&all->items[j])->provider != account_of(trial)->provider;
        if (first)
            ask_probe(trial);
    }
}

uint32_t key_tests_of(const struct catalog_snapshot *snapshot, const struct offer *offer,
                      struct key_test *tests, uint32_t room) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->account_count && count < room; i++)
        if (span_equal(snapshot->providers[snapshot->accounts[i].provider].id, offer->id))
            tests[count++] = (struct key_test){.account = i,
                                               .own_address = offer->config == NULL ||
                                                              span_absent(offer->config->host),
                                               .chat_route = UINT32_MAX};
    return count;
}

void key_tests_run(const struct catalog_snapshot *snapshot, struct key_test *tests, uint32_t count,
                   uint64_t most_ns, struct arena *arena) {
    struct http_client_limits limits;
    struct trials all = {
        .snapshot = snapshot, .count = count, .open = count, .arena = arena, .loop = loop_new()};
    if (most_ns > 0)
        all.ends_ns = loop_refresh_now_ns(all.loop) + most_ns;
    struct net_context *net = net_context_new(all.loop);
    http_client_limits_default(&limits);
    all.client = http_client_new(net, all.loop, &limits);
    all.items = arena_zalloc(arena, (count + 1) * sizeof *all.items);
    for (uint32_t i = 0; i < count; i++) {
        struct trial *trial = &all.items[i];
        trial->all = &all;
        trial->test = &tests[i];
        trial->clock.fire = on_clock;
        loop_task_init(&trial->next, go_on);
        arena_init(&trial->arena, NULL, 0, KEY_TEST_ARENA_BYTES);
    }
    begin(&all);
    if (count > 0)
        loop_run(all.loop);
    http_client_close_all(all.client);
    (void)loop_run_until_idle(all.loop, clock_mono_ns() + CLOSE_TIME_NS);
    http_client_free(all.client);
    net_context_free(net);
    loop_free(all.loop);
}
