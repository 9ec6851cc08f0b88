// SPDX-License-Identifier: Apache-2.0
/*
 * Simulated providers: who there is, and what each answer will be.
 *
 * The order of looks at a request: its key, its model, the prompt's length, the limits, then what the script has queued; so a key
 * that is refused uses up nothing, and a limit is kept whatever the script plays. Promises: same seed, settings and questions, same
 * plans. Leaves to others: limits (limit.c), bytes (answer.c, bodies.c, headers.c), settings from outside (script.c), sockets (mock/).
 */
#include "fake/world.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>

#define LATER_ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define LONG_WINDOW_MS \
    (UINT64_C(12) * 3600 * 1000) /* from here on a refusal is a quota's, not a rate's */

static const struct fault_row rows[FAULT_COUNT] = {
#define FAULT_ROW(id, name, play, status, words, about) {name, play, status, words, about},
    FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

static const enum fake_kind kinds[FAULT_COUNT] = {
    [FAULT_400] = KIND_BAD,
    [FAULT_400_CLIENT] = KIND_CLIENT,
    [FAULT_CONTEXT] = KIND_CONTEXT,
    [FAULT_401] = KIND_KEY,
    [FAULT_402] = KIND_CREDIT,
    [FAULT_403] = KIND_FORBIDDEN,
    [FAULT_404] = KIND_GONE,
    [FAULT_413] = KIND_TOO_LARGE,
    [FAULT_429] = KIND_RATE,
    [FAULT_429_DAY] = KIND_DAY,
    [FAULT_500] = KIND_SERVER,
    [FAULT_503] = KIND_OVERLOADED,
    [FAULT_529] = KIND_OVERLOADED,
    [FAULT_ERROR_IN_200] = KIND_SERVER,
    [FAULT_ERROR_MIDDLE] = KIND_SERVER,
    [FAULT_429_IN_200] = KIND_RATE,
    [FAULT_400_CREDIT] = KIND_OTHER,
    [FAULT_403_QUOTA] = KIND_OTHER,
    [FAULT_410] = KIND_OTHER,
    [FAULT_451] = KIND_REGION,
    [FAULT_498] = KIND_OTHER,
};

const struct fault_row *fault_row(enum fault fault) {
    check(fault < FAULT_COUNT);
    return &rows[fault];
}

/* --- worlds --- */

static void set_defaults(struct fake_provider *provider) {
    struct fake_settings *settings = &provider->script.settings;
    fake_state_release(&provider->script);
    fake_rules_set(&provider->rules, NULL, 0);
    memset(&provider->script, 0, sizeof provider->script);
    memset(&provider->stats, 0, sizeof provider->stats);
    provider->stale_fields[0] = '\0';
    settings->tokens.low = 8;
    settings->limit_window_ms = 60000;
    settings->retry_after_ms = 1000;
    settings->max_tokens_default = 1024;
    settings->neurons_per_token = 50;
    settings->dimensions = 64;
}

struct fake_world *fake_world_new(uint64_t seed) {
    struct fake_world *world = mem_zalloc(sizeof *world);
    world->seed = seed;
    rand_seed(&world->rand, seed);
    return world;
}

static void drop_later(struct fake_world *world) {
    for (uint32_t i = 0; i < world->later_count; i++)
        mem_free(world->later[i].text);
    world->later_count = 0;
}

void fake_world_free(struct fake_world *world) {
    for (uint32_t i = 0; i < world->count; i++) {
        fake_state_release(&world->providers[i]->script);
        fake_rules_done(&world->providers[i]->rules);
        mem_free(world->providers[i]);
    }
    drop_later(world);
    check(world->replay_bytes == 0);
    mem_free(world);
}

void fake_world_reset(struct fake_world *world) {
    drop_later(world);
    for (uint32_t i = 0; i < world->count; i++) {
        uint32_t open_now =
            world->providers[i]->stats.open_now; /* answers under way are still counted down */
        set_defaults(world->providers[i]);
        world->providers[i]->stats.open_now = open_now;
    }
    rand_seed(&world->rand, world->seed);
}

struct fake_provider *fake_provider_get(struct fake_world *world, struct span name) {
    for (uint32_t i = 0; i < world->count; i++)
        if (span_is(name, world->providers[i]->name))
            return world->providers[i];
    if (name.len == 0 || name.len >= FAKE_NAME_MAX_BYTES || world->count == FAKE_PROVIDERS_MAX)
        return NULL;
    struct fake_provider *provider = mem_zalloc(sizeof *provider);
    memcpy(provider->name, name.ptr, name.len);
    provider->rules.seed = world->seed ^ span_hash(name);
    set_defaults(provider);
    world->providers[world->count++] = provider;
    return provider;
}

uint32_t fake_provider_count(const struct fake_world *world) {
    return world->count;
}

struct fake_provider *fake_provider_at(struct fake_world *world, uint32_t index) {
    check(index < world->count);
    return world->providers[index];
}

/* --- later scripts --- */

/* It was read once when it came, so it can be applied; if names of providers have run out since, it is not. */
static void apply_later(struct fake_world *world, const struct fake_later *later) {
    struct arena arena;
    struct json_doc doc;
    struct fake_problem problem;
    arena_init(&arena, NULL, 0, LATER_ARENA_MAX_BYTES);
    int err = json_parse(&doc, span_of(later->text, later->length), &arena, NULL);
    if (err == 0)
        err = fake_script_now(world, json_top(&doc), &arena, &problem);
    (void)err;
    arena_reset(&arena);
}

/* The one that is due first; later_count when none is. */
static uint32_t find_due(const struct fake_world *world) {
    uint32_t found = world->later_count;
    for (uint32_t i = 0; i < world->later_count; i++)
        if (world->later[i].at_ns <= world->now_ns &&
            (found == world->later_count || world->later[i].at_ns < world->later[found].at_ns))
            found = i;
    return found;
}

void fake_world_advance(struct fake_world *world, uint64_t now_ns) {
    if (!world->begun)
        for (uint32_t i = 0; i < world->later_count; i++)
            world->later[i].at_ns += now_ns;
    world->begun = true;
    world->now_ns = now_ns;
    for (uint32_t due = find_due(world); due < world->later_count; due = find_due(world)) {
        struct fake_later later = world->later[due];
        memmove(&world->later[due], &world->later[due + 1],
                (world->later_count - due - 1) * sizeof later);
        world->later_count--;
        apply_later(world, &later);
        mem_free(later.text);
    }
}

/* --- a request --- */

static struct fake_seen *seen_of(struct fake_seen *list, uint32_t *count, struct span name,
                                 uint64_t hash) {
    for (uint32_t i = 0; i < *count; i++)
        if (list[i].hash == hash)
            return &list[i];
    if (*count == FAKE_SEEN_MAX)
        return &list[FAKE_SEEN_MAX - 1];
    struct fake_seen *seen = &list[(*count)++];
    size_t length = name.len < sizeof seen->name ? name.len : sizeof seen->name - 1;
    while (length > 0 && length < name.len && ((unsigned char)name.ptr[length] & 0xc0) == 0x80)
        length--; /* never inside a character */
    memcpy(seen->name, name.ptr, length);
    seen->name[length] = '\0';
    seen->hash = hash;
    return seen;
}

/* The last four characters, and never more than half of it. */
static struct span key_end(struct span key) {
    size_t length = key.len >= 8 ? 4 : key.len / 2;
    return key.len == 0 ? SPAN_LITERAL("none") : span_of(key.ptr + key.len - length, length);
}

static struct fake_seen *seen_key(struct fake_plan *plan) {
    struct fake_stats *stats = &plan->provider->stats;
    return seen_of(stats->keys, &stats->key_count, key_end(plan->question.key),
                   span_hash(plan->question.key));
}

static struct fake_seen *seen_model(struct fake_plan *plan) {
    struct fake_stats *stats = &plan->provider->stats;
    return seen_of(stats->models, &stats->model_count, plan->question.model,
                   span_hash(plan->question.model));
}

static const struct fake_key *key_row(const struct fake_script_state *script, uint64_t key) {
    const struct fake_key *any = NULL;
    for (uint32_t i = 0; i < script->key_count; i++) {
        if (!script->keys[i].any && script->keys[i].key == key)
            return &script->keys[i];
        if (script->keys[i].any)
            any = &script->keys[i];
    }
    return any;
}

uint64_t fake_account(const struct fake_provider *provider, struct span key) {
    const struct fake_key *row = key_row(&provider->script, span_hash(key));
    return row != NULL && row->account != 0 ? row->account : span_hash(key);
}

static void set_work(struct fake_plan *plan) {
    const struct fake_question *question = &plan->question;
    const struct fake_settings *settings = &plan->provider->script.settings;
    bool embed = question->task == FAKE_EMBED;
    plan->work = (struct fake_work){
        .account = fake_account(plan->provider, question->key),
        .model = question->model,
        .input_tokens =
            question->input_tokens != 0 ? question->input_tokens : question->prompt_bytes / 4 + 1,
        .embed_inputs = embed ? fake_embed_inputs(question->inputs) : 0,
        .neurons_per_token = settings->neurons_per_token,
    };
    if (!embed)
        plan->work.output_tokens =
            question->max_tokens != 0 ? question->max_tokens : settings->max_tokens_default;
}

/* What comes when nothing is queued. */
static struct fake_turn usual_turn(struct fake_script_state *script, struct rand *rand) {
    struct fake_turn turn = script->always;
    double chance = script->failing_count > 0 ? rand_unit(rand) : 1;
    if (turn.replay != NULL)
        turn.replay->refs++;
    if (turn.replay != NULL || turn.fault != FAULT_NONE)
        return turn;
    for (uint32_t i = 0; i < script->failing_count; i++) {
        if (chance < script->failing[i].share)
            return (struct fake_turn){.fault = script->failing[i].fault};
        chance -= script->failing[i].share;
    }
    return turn;
}

static struct fake_turn next_turn(struct fake_script_state *script, struct rand *rand) {
    if (script->queue_count == 0)
        return usual_turn(script, rand);
    struct fake_turn *place = &script->queue[script->queue_first];
    struct fake_turn turn = *place; /* its reference goes to the plan */
    place->replay = NULL;
    script->queue_first = (script->queue_first + 1) % FAKE_FAULTS_QUEUED_MAX;
    script->queue_count--;
    return turn;
}

static const struct fake_model *find_model(const struct fake_script_state *script,
                                           struct span model) {
    for (uint32_t i = 0; i < script->model_count; i++)
        if (span_is(model, script->models[i].id))
            return &script->models[i];
    return NULL;
}

static struct fake_moment moment_of(const struct fake_plan *plan, uint64_t now_ns) {
    const struct fake_question *question = &plan->question;
    uint64_t passed_ns = now_ns > question->now_ns ? now_ns - question->now_ns : 0;
    return (struct fake_moment){question->now_ns + passed_ns,
                                (int64_t)(question->wall_ms + passed_ns / NS_PER_MS) +
                                    plan->provider->script.settings.clock_skew_ms};
}

/* Which fault a refusal by a limit is played as. */
static enum fault refusal(struct fake_plan *plan) {
    const struct fake_verdict *verdict = &plan->verdict;
    plan->refusing = *verdict->limit;
    plan->provider->stats.refused_by_limit++;
    if (verdict->limit->shape != FAKE_CONCURRENT && verdict->wait_ns != FAKE_NEVER)
        plan->wait_ms = (verdict->wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    if (verdict->limit->shape == FAKE_ONCE)
        return FAULT_402;
    if (verdict->wait_ns == FAKE_NEVER)
        return FAULT_413;
    return fake_limit_window_ms(verdict->limit) >= LONG_WINDOW_MS ? FAULT_429_DAY : FAULT_429;
}

static struct fake_turn decide(struct fake_plan *plan) {
    struct fake_provider *provider = plan->provider;
    struct fake_script_state *script = &provider->script;
    const struct fake_key *key = key_row(script, span_hash(plan->question.key));
    const struct fake_model *model = find_model(script, plan->question.model);
    if (key != NULL && key->has_turn &&
        (key->turn.fault != FAULT_NONE || key->turn.replay != NULL)) {
        if (key->turn.replay != NULL)
            key->turn.replay->refs++;
        return key->turn;
    }
    if (script->models_given && model == NULL)
        return (struct fake_turn){.fault = FAULT_404};
    if (model != NULL && model->context_tokens != 0 &&
        plan->work.input_tokens > model->context_tokens)
        return (struct fake_turn){.fault = FAULT_CONTEXT};
    plan->verdict = fake_rules_admit(&provider->rules, &plan->work,
                                     moment_of(plan, plan->question.now_ns), plan->serials);
    plan->admitted = plan->verdict.limit == NULL;
    if (!plan->admitted)
        return (struct fake_turn){.fault = refusal(plan)};
    return next_turn(script, &plan->rand);
}

static void set_length(struct fake_plan *plan) {
    const struct fake_settings *settings = &plan->provider->script.settings;
    uint64_t most = plan->question.max_tokens;
    if (plan->fault->play == PLAY_GUARD)
        plan->tokens = 1;
    else if (settings->text[0] != '\0')
        plan->tokens = fake_text_words(settings->text);
    else
        plan->tokens =
            (uint32_t)fmin(fake_spread_sample(&settings->tokens, &plan->rand), FAKE_TOKENS_MAX);
    if (plan->question.task == FAKE_EMBED)
        plan->tokens = 0;
    if (most == 0 || most >= plan->tokens || !span_absent(plan->question.tool_name))
        return;
    plan->tokens = (uint32_t)most;
    plan->cut_short = true;
}

static void set_head(struct fake_plan *plan, enum fault fault) {
    const struct fake_settings *settings = &plan->provider->script.settings;
    plan->kind = kinds[fault];
    plan->status = plan->fault->status != 0 ? plan->fault->status : 200;
    if (plan->fault->play == PLAY_ERROR && settings->errors != BODIES_PLAIN)
        plan->status = fake_error_status(settings->errors, plan->kind, plan->status);
    bool events = plan->status == 200 && plan->question.stream && plan->question.task == FAKE_CHAT;
    plan->content_type = plan->fault->play == PLAY_HTML ? "text/html"
                         : events                       ? "text/event-stream"
                                                        : "application/json";
    int err = fake_write_fields(plan);
    if (err == 0 && fault_is_coded(plan->fault))
        err = dynbuf_append_text(&plan->fields, "Content-Encoding: gzip\r\n");
    check(err == 0); /* FAKE_FIELDS_MAX_BYTES holds all that any dialect says */
}

static void set_replay(struct fake_plan *plan, struct fake_replay *replay) {
    plan->replay = replay;
    plan->status = replay->status;
    plan->provider->stats.replayed++;
    check(dynbuf_append(&plan->fields, replay->bytes, replay->fields_bytes) == 0);
}

static void count_request(struct fake_plan *plan) {
    struct fake_stats *stats = &plan->provider->stats;
    stats->requests++;
    stats->open_now++;
    if (stats->open_now > stats->open_most)
        stats->open_most = stats->open_now;
    seen_key(plan)->requests++;
    seen_model(plan)->requests++;
}

static void set_latency(struct fake_plan *plan) {
    const struct fake_settings *settings = &plan->provider->script.settings;
    double ms = fake_spread_sample(&settings->latency_ms, &plan->rand) +
                (double)settings->latency_per_1k_ms * (double)plan->work.input_tokens / 1000;
    plan->latency_ns = (uint64_t)(ms * (double)NS_PER_MS);
}

void fake_ask(struct fake_world *world, struct fake_provider *provider,
              const struct fake_question *question, struct fake_plan *ret_plan) {
    struct fake_plan *plan = ret_plan;
    fake_world_advance(world, question->now_ns);
    *plan = (struct fake_plan){.provider = provider, .question = *question};
    dynbuf_init(&plan->fields, FAKE_FIELDS_MAX_BYTES);
    plan->word_seed = rand_u64(&world->rand);
    rand_seed(&plan->rand, plan->word_seed);
    (void)snprintf(plan->id, sizeof plan->id, "chatcmpl-mock%012llx",
                   (unsigned long long)(rand_u64(&world->rand) >> 16));
    count_request(plan);
    set_work(plan);
    plan->wait_ms = provider->script.settings.retry_after_ms;
    struct fake_turn turn = decide(plan);
    plan->fault = fault_row(turn.fault);
    set_length(plan);
    set_latency(plan);
    if (turn.replay != NULL) {
        set_replay(plan, turn.replay);
        return;
    }
    provider->stats.faults[turn.fault]++;
    set_head(plan, turn.fault);
}

/* Errors cost what was charged on arrival; of tokens counted at the end they cost none. */
static void settle(struct fake_plan *plan, uint64_t now_ns) {
    bool good = plan->status == 200;
    plan->work.input_tokens = good ? plan->work.input_tokens : 0;
    plan->work.output_tokens = good ? plan->said : 0;
    plan->provider->stats.input_tokens += plan->work.input_tokens;
    plan->provider->stats.output_tokens += plan->work.output_tokens;
    fake_rules_settle(&plan->provider->rules, &plan->work, moment_of(plan, now_ns), plan->serials);
}

void fake_plan_over(struct fake_plan *plan, uint64_t now_ns, bool closed_by_client) {
    struct fake_stats *stats = &plan->provider->stats;
    bool answered = !closed_by_client && plan->status == 200;
    check(stats->open_now > 0);
    stats->open_now--;
    stats->closed_by_client += closed_by_client;
    stats->answered += answered;
    seen_key(plan)->answered += answered;
    seen_model(plan)->answered += answered;
    seen_key(plan)->refused += plan->status >= 400;
    seen_model(plan)->refused += plan->status >= 400;
    if (plan->admitted)
        settle(plan, now_ns);
    fake_replay_unref(plan->replay);
    plan->replay = NULL;
    dynbuf_done(&plan->fields);
}
