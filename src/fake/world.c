// SPDX-License-Identifier: Apache-2.0
/*
 * Simulated providers: who there is, how they are set, what each answer will be.
 *
 * A limit is counted by an exact log of arrivals, as strict providers do, so that a gateway that only nearly keeps a limit is found
 * out. A refused request counts in no window. Promises: same seed, settings and questions, same plans. Leaves to others: bytes
 * (answer.c), settings from outside (script.c), sockets (mock/).
 */
#include "fake/fake.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <time.h>

struct fake_world {
    struct fake_provider *providers[FAKE_PROVIDERS_MAX]; /* owned */
    uint32_t count;
    uint64_t seed;
    struct rand rand;
};

static const struct fault_row rows[FAULT_COUNT] = {
#define FAULT_ROW(id, name, play, status, words, about) {name, play, status, words, about},
    FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

const struct fault_row *fault_row(enum fault fault) {
    check(fault < FAULT_COUNT);
    return &rows[fault];
}

static void set_defaults(struct fake_provider *provider) {
    char name[FAKE_NAME_MAX_BYTES];
    memcpy(name, provider->name, sizeof name);
    memset(provider, 0, sizeof *provider);
    memcpy(provider->name, name, sizeof name);
    provider->settings.tokens = 8;
    provider->settings.limit_window_ms = 60000;
    provider->settings.retry_after_ms = 1000;
}

struct fake_world *fake_world_new(uint64_t seed) {
    struct fake_world *world = mem_zalloc(sizeof *world);
    world->seed = seed;
    rand_seed(&world->rand, seed);
    return world;
}

void fake_world_free(struct fake_world *world) {
    for (uint32_t i = 0; i < world->count; i++)
        mem_free(world->providers[i]);
    mem_free(world);
}

void fake_world_reset(struct fake_world *world) {
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

static enum fault next_fault(struct fake_provider *provider) {
    if (provider->queue_count == 0)
        return provider->always;
    enum fault fault = provider->queue[provider->queue_first];
    provider->queue_first = (provider->queue_first + 1) % FAKE_FAULTS_QUEUED_MAX;
    provider->queue_count--;
    return fault;
}

/* Exact log: whether one more fits into the window that ends now. ret_free_ns: how long until one does. */
static bool window_admits(struct fake_provider *provider, uint64_t now_ns, uint64_t *ret_free_ns) {
    const struct fake_settings *settings = &provider->settings;
    uint64_t window_ns = settings->limit_window_ms * NS_PER_MS;
    if (settings->limit_requests == 0)
        return true;
    while (provider->arrivals_count > 0 &&
           provider->arrivals_ns[provider->arrivals_first] + window_ns <= now_ns) {
        provider->arrivals_first = (provider->arrivals_first + 1) % FAKE_WINDOW_MAX;
        provider->arrivals_count--;
    }
    if (provider->arrivals_count >= settings->limit_requests ||
        provider->arrivals_count == FAKE_WINDOW_MAX) {
        *ret_free_ns = provider->arrivals_ns[provider->arrivals_first] + window_ns - now_ns;
        return false;
    }
    provider
        ->arrivals_ns[(provider->arrivals_first + provider->arrivals_count++) % FAKE_WINDOW_MAX] =
        now_ns;
    return true;
}

static void write_retry_fields(struct fake_plan *plan, uint64_t wait_ms) {
    char *text = plan->retry_fields;
    size_t size = sizeof plan->retry_fields;
    struct tm parts;
    time_t when = (time_t)((plan->question.wall_ms + wait_ms + 999) / 1000);
    switch (plan->provider->settings.retry_form) {
    case RETRY_FORM_SECONDS:
        (void)snprintf(text, size, "Retry-After: %llu\r\n",
                       (unsigned long long)(wait_ms + 999) / 1000);
        break;
    case RETRY_FORM_MS:
        (void)snprintf(text, size, "retry-after-ms: %llu\r\n", (unsigned long long)wait_ms);
        break;
    case RETRY_FORM_DATE:
        check(gmtime_r(&when, &parts) != NULL);
        (void)strftime(text, size, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        break;
    case RETRY_FORM_NONE:
        break;
    }
}

static enum fault decide(struct fake_provider *provider, uint64_t now_ns, uint64_t *ret_wait_ms) {
    uint64_t free_ns = 0;
    bool crowded = provider->settings.concurrency > 0 &&
                   provider->stats.open_now >= provider->settings.concurrency;
    *ret_wait_ms = provider->settings.retry_after_ms;
    if (!crowded && window_admits(provider, now_ns, &free_ns))
        return next_fault(provider);
    if (!crowded)
        *ret_wait_ms = (free_ns + NS_PER_MS - 1) / NS_PER_MS;
    provider->stats.refused_by_limit++;
    return FAULT_429;
}

static const char *content_type_of(const struct fake_plan *plan) {
    if (plan->fault->play == PLAY_HTML)
        return "text/html";
    return plan->status == 200 && plan->question.stream ? "text/event-stream" : "application/json";
}

void fake_ask(struct fake_world *world, struct fake_provider *provider,
              const struct fake_question *question, struct fake_plan *ret_plan) {
    uint64_t wait_ms;
    struct fake_stats *stats = &provider->stats;
    enum fault fault = decide(provider, question->now_ns, &wait_ms);
    *ret_plan =
        (struct fake_plan){.provider = provider, .question = *question, .fault = fault_row(fault)};
    stats->requests++;
    stats->faults[fault]++;
    stats->open_now++;
    if (stats->open_now > stats->open_most)
        stats->open_most = stats->open_now;
    ret_plan->status = ret_plan->fault->status != 0 ? ret_plan->fault->status : 200;
    ret_plan->content_type = content_type_of(ret_plan);
    ret_plan->latency_ns = provider->settings.latency_ms * NS_PER_MS;
    ret_plan->gap_ns = provider->settings.gap_ms * NS_PER_MS;
    ret_plan->tokens = provider->settings.tokens;
    ret_plan->word_seed = rand_u64(&world->rand);
    (void)snprintf(ret_plan->id, sizeof ret_plan->id, "chatcmpl-mock%012llx",
                   (unsigned long long)(rand_u64(&world->rand) >> 16));
    if (ret_plan->status == 429)
        write_retry_fields(ret_plan, wait_ms);
}

void fake_plan_over(struct fake_plan *plan, bool closed_by_client) {
    struct fake_stats *stats = &plan->provider->stats;
    check(stats->open_now > 0);
    stats->open_now--;
    stats->closed_by_client += closed_by_client;
    stats->answered += !closed_by_client && plan->status == 200;
}
