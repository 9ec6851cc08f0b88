// SPDX-License-Identifier: Apache-2.0
/*
 * What simulated providers say about themselves: their own truth, their models, what a key has used.
 *
 * The truth of a limit: how many requests it let in and refused, and the most that any interval of its window's length ever held, of
 * what was let in and of all that arrived; so a test can tell whether a gateway ever sent too much, by the provider's own count.
 * Promises: keys are shown by their last four characters. Leaves to others: counting (count.c, world.c).
 */
#include "fake/world.h"

#include "base/check.h"
#include "base/clock.h"

typedef unsigned long long ull;

struct summed {
    uint64_t accepted, refused, most, most_arrived;
    bool lossy;
};

/* Of all subjects of a limit: requests in sum, the most of any single one. */
static struct summed sum_up(const struct fake_rule *rule) {
    struct summed summed = {0};
    for (uint32_t i = 0; i < rule->count_count; i++) {
        const struct fake_count *count = &rule->counts[i];
        summed.accepted += count->accepted_requests;
        summed.refused += count->refused_requests;
        summed.most = count->accepted.most > summed.most ? count->accepted.most : summed.most;
        if (count->arrived.most > summed.most_arrived)
            summed.most_arrived = count->arrived.most;
        summed.lossy = summed.lossy || count->accepted.log.lossy || count->arrived.log.lossy;
    }
    return summed;
}

static int write_limit(const struct fake_rule *rule, bool first, struct dynbuf *out) {
    const struct fake_limit *limit = &rule->limit;
    struct summed summed = sum_up(rule);
    int err = dynbuf_append_format(
        out,
        "%s{\"unit\":\"%s\",\"shape\":\"%s\",\"scope\":\"%s\",\"amount\":%llu,\"window_ms\":%llu,",
        first ? "" : ",", fake_unit_word(limit->unit), fake_shape_word(limit->shape),
        fake_scope_word(limit->scope), (ull)limit->amount, (ull)limit->window_ms);
    if (err == 0 && limit->model[0] != '\0')
        err = dynbuf_append_format(out, "\"model\":\"%s\",", limit->model); /* escaped already */
    return err == 0
               ? dynbuf_append_format(
                     out,
                     "\"subjects\":%u,\"accepted\":%llu,\"refused\":%llu,\"most\":%llu,"
                     "\"most_arrived\":%llu,\"exact\":%s}",
                     rule->count_count, (ull)summed.accepted, (ull)summed.refused, (ull)summed.most,
                     (ull)summed.most_arrived, summed.lossy ? "false" : "true")
               : err;
}

static int write_limits(const struct fake_rules *rules, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "\"limits\":[");
    for (uint32_t i = 0; i < rules->count && err == 0; i++)
        err = write_limit(&rules->rows[i], i == 0, out);
    return err == 0 ? dynbuf_append_text(out, "]") : err;
}

static int write_seen(const char *name, const struct fake_seen *list, uint32_t count,
                      struct dynbuf *out) {
    int err = dynbuf_append_format(out, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = dynbuf_append_format(out, "%s{\"name\":", i > 0 ? "," : "");
        if (err == 0)
            err = json_write_string(out, span_text(list[i].name));
        if (err == 0)
            err = dynbuf_append_format(
                out, ",\"requests\":%llu,\"answered\":%llu,\"refused\":%llu}",
                (ull)list[i].requests, (ull)list[i].answered, (ull)list[i].refused);
    }
    return err == 0 ? dynbuf_append_text(out, "]") : err;
}

static int write_faults(const struct fake_stats *stats, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "\"faults\":{");
    bool first = true;
    for (uint32_t i = 1; i < FAULT_COUNT && err == 0; i++) {
        if (stats->faults[i] == 0)
            continue;
        err = dynbuf_append_format(out, "%s\"%s\":%llu", first ? "" : ",",
                                   fault_row((enum fault)i)->name, (ull)stats->faults[i]);
        first = false;
    }
    return err == 0 ? dynbuf_append_text(out, "},") : err;
}

static int write_provider(const struct fake_provider *provider, struct dynbuf *out) {
    const struct fake_stats *stats = &provider->stats;
    int err = json_write_string(out, span_text(provider->name));
    if (err == 0)
        err = dynbuf_append_format(
            out,
            ":{\"requests\":%llu,\"answered\":%llu,\"refused_by_limit\":%llu,\"closed_by_client\":%"
            "llu,\"replayed\":%llu,\"input_tokens\":%llu,\"output_tokens\":%llu,"
            "\"open_now\":%u,\"open_most\":%u,",
            (ull)stats->requests, (ull)stats->answered, (ull)stats->refused_by_limit,
            (ull)stats->closed_by_client, (ull)stats->replayed, (ull)stats->input_tokens,
            (ull)stats->output_tokens, stats->open_now, stats->open_most);
    if (err == 0)
        err = write_faults(stats, out);
    if (err == 0)
        err = write_limits(&provider->rules, out);
    if (err == 0)
        err = write_seen("keys", stats->keys, stats->key_count, out);
    if (err == 0)
        err = write_seen("models", stats->models, stats->model_count, out);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int fake_write_stats(struct fake_world *world, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{");
    for (uint32_t i = 0; i < fake_provider_count(world) && err == 0; i++) {
        err = dynbuf_append_text(out, i > 0 ? "," : "");
        if (err == 0)
            err = write_provider(fake_provider_at(world, i), out);
    }
    return err == 0 ? dynbuf_append_text(out, "}\n") : err;
}

static int write_model(const struct fake_model *model, bool first, struct dynbuf *out) {
    int err = dynbuf_append_format(
        out, "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":%d,\"owned_by\":\"mock\"",
        first ? "" : ",", model->id, FAKE_CREATED_S);
    if (err == 0 && model->context_tokens != 0)
        err = dynbuf_append_format(out, ",\"context_length\":%llu,\"context_window\":%llu",
                                   (ull)model->context_tokens, (ull)model->context_tokens);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int fake_write_models(const struct fake_provider *provider, struct dynbuf *out) {
    const struct fake_script_state *script = &provider->script;
    struct fake_model any = {.id = "mock-model"};
    int err = dynbuf_append_text(out, "{\"object\":\"list\",\"data\":[");
    if (err == 0 && !script->models_given)
        err = write_model(&any, true, out);
    for (uint32_t i = 0; i < script->model_count && err == 0; i++)
        err = write_model(&script->models[i], i == 0, out);
    return err == 0 ? dynbuf_append_text(out, "]}\n") : err;
}

/* The first limit of requests whose window is a day. */
static const struct fake_limit *day_limit(struct fake_provider *provider,
                                          const struct fake_work *work, struct fake_moment moment,
                                          uint64_t *ret_used) {
    for (uint32_t i = 0; i < provider->rules.count; i++) {
        const struct fake_limit *limit = &provider->rules.rows[i].limit;
        struct fake_count *count = NULL;
        if (limit->unit == FAKE_REQUESTS && limit->shape != FAKE_CONCURRENT &&
            fake_limit_window_ms(limit) == 86400000)
            count = fake_rule_count(&provider->rules, i, work, moment);
        if (count != NULL) {
            *ret_used = fake_count_used(limit, count, moment);
            return limit;
        }
    }
    return NULL;
}

int fake_write_key(struct fake_provider *provider, const struct fake_question *question,
                   struct dynbuf *out) {
    struct fake_work work = {.account = fake_account(provider, question->key),
                             .model = question->model};
    struct fake_moment moment = {question->now_ns, (int64_t)question->wall_ms +
                                                       provider->script.settings.clock_skew_ms};
    uint64_t used = 0;
    const struct fake_limit *limit = day_limit(provider, &work, moment, &used);
    int err = dynbuf_append_text(
        out, "{\"data\":{\"label\":\"mock\",\"usage\":0,\"usage_daily\":0,\"limit\":null,"
             "\"limit_remaining\":null,\"is_free_tier\":true,\"rate_limit\":{\"requests\":-1,"
             "\"interval\":\"10s\"}");
    if (err == 0 && limit != NULL)
        err = dynbuf_append_format(
            out, ",\"free_model_daily_requests\":{\"used\":%llu,\"limit\":%llu,\"remaining\":%llu}",
            (ull)used, (ull)limit->amount, (ull)(used < limit->amount ? limit->amount - used : 0));
    return err == 0 ? dynbuf_append_text(out, "}}\n") : err;
}
