// SPDX-License-Identifier: Apache-2.0
/*
 * The pool of the scenario "demo": five believable free providers, as a table from which both the script and a gateway's configuration are made.
 *
 * Names and numbers are of no real provider, but each is of a kind that exists: fast with small windows, large with a budget by
 * day, many models and a daily count, slow with reasoning, a monthly trial that fails now and then. Promises: the script says exactly what the
 * table says. Leaves to others: playing it, configuring a gateway to match (app/).
 */
#include "mock/server.h"

#include "base/check.h"

static const struct mock_demo_model swift_models[] = {
    {"gpt-oss-120b", "openai/gpt-oss-120b", 131072},
    {"llama-3.3-70b", "llama-3.3-70b-versatile", 131072},
};
static const struct mock_demo_limit swift_limits[] = {
    {"requests", 30, "minute", "rolling", NULL, true},
    {"requests", 1000, "day", "refill", NULL, true},
    {"tokens", 8000, "minute", "refill", NULL, true},
};
static const struct mock_demo_model broad_models[] = {
    {"gemma-3-27b", "gemma-3-27b-it", 131072},
    {"gpt-oss-120b", "gpt-oss-120b", 131072},
};
static const struct mock_demo_limit broad_limits[] = {
    {"requests", 15, "minute", "fixed", NULL, true},
    {"requests", 200, "day", "day", "America/Los_Angeles", true},
    {"tokens", 250000, "minute", "fixed", NULL, true},
};
static const struct mock_demo_model market_models[] = {
    {"gpt-oss-20b", "openai/gpt-oss-20b:free", 131072},
    {"llama-3.3-70b", "meta-llama/llama-3.3-70b-instruct:free", 65536},
    {"qwen3-8b", "qwen/qwen3-8b:free", 40960},
};
static const struct mock_demo_limit market_limits[] = {
    {"requests", 20, "minute", "rolling", NULL, false},
    {"requests", 50, "day", "day", "UTC", false},
};
static const struct mock_demo_model mind_models[] = {
    {"qwen3-8b", "Qwen/Qwen3-8B", 32768},
};
static const struct mock_demo_limit mind_limits[] = {
    {"requests", 500, "day", "day", "Asia/Shanghai", true},
};
static const struct mock_demo_model trial_models[] = {
    {"llama-3.3-70b", "llama-3-3-70b", 8192},
    {"gpt-oss-20b", "gpt-oss-20b", 8192},
};
static const struct mock_demo_limit trial_limits[] = {
    {"requests", 20, "minute", "sliding", NULL, false},
    {"requests", 1000, "month", "month", "UTC", false},
};

#define LIST(list) list, array_length(list)
static const struct mock_demo_provider providers[] = {
    {"demo-swift", "fast, small windows that refill", "/demo-swift/openai/v1", "demo-swift-key",
     LIST(swift_models), LIST(swift_limits),
     "\"headers\":\"groq\",\"errors\":\"groq\",\"latency_ms\":{\"lognormal\":[120,0.3]},"
     "\"gap_ms\":{\"lognormal\":[3,0.4]},\"tokens\":{\"uniform\":[30,90]}"},
    {"demo-broad", "large models, a budget by the Pacific day, no head fields",
     "/demo-broad/v1beta/openai", "demo-broad-key", LIST(broad_models), LIST(broad_limits),
     "\"errors\":\"google\",\"retry_form\":\"none\",\"latency_ms\":{\"lognormal\":[600,0.4]},"
     "\"latency_per_1k_ms\":40,\"gap_ms\":{\"lognormal\":[12,0.4]},\"tokens\":{\"uniform\":[40,"
     "120]}"},
    {"demo-market", "many models of others, one count of the day", "/demo-market/api/v1",
     "demo-market-key", LIST(market_models), LIST(market_limits),
     "\"headers\":\"openrouter\",\"errors\":\"openrouter\",\"latency_ms\":{\"lognormal\":[900,0.6]"
     "},\"gap_ms\":{\"lognormal\":[20,0.5]},\"tokens\":{\"uniform\":[30,100]}"},
    {"demo-mind", "keyless and slow, thinks before it speaks", "/demo-mind/v1", NULL,
     LIST(mind_models), LIST(mind_limits),
     "\"headers\":\"modelscope\",\"errors\":\"openai\",\"reasoning\":true,\"latency_ms\":{"
     "\"lognormal\":[1500,0.4]},\"gap_ms\":{\"lognormal\":[35,0.3]},\"tokens\":{\"uniform\":[20,"
     "60]}"},
    {"demo-trial", "a trial by the month that fails now and then", "/demo-trial/compatibility/v1",
     "demo-trial-key", LIST(trial_models), LIST(trial_limits),
     "\"headers\":\"cohere\",\"errors\":\"cohere\",\"latency_ms\":{\"lognormal\":[400,0.4]},"
     "\"gap_ms\":{\"lognormal\":[10,0.4]},\"tokens\":{\"uniform\":[30,80]},\"failing\":{\"503\":"
     "0.08,\"cut_mid_stream\":0.02}"},
};

size_t mock_demo_providers(const struct mock_demo_provider **ret_providers) {
    *ret_providers = providers;
    return array_length(providers);
}

static int write_limit(const struct mock_demo_limit *limit, bool first, struct dynbuf *out) {
    int err = dynbuf_append_format(
        out, "%s{\"%s\":%llu,\"per\":\"%s\",\"shape\":\"%s\",\"scope\":\"%s\",\"charge\":\"usage\"",
        first ? "" : ",", limit->unit, (unsigned long long)limit->amount, limit->per, limit->shape,
        limit->by_model ? "model" : "account");
    if (err == 0 && limit->zone != NULL)
        err = dynbuf_append_format(out, ",\"zone\":\"%s\"", limit->zone);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

static int write_provider(const struct mock_demo_provider *provider, struct dynbuf *out) {
    int err = dynbuf_append_format(out, "{\"provider\":\"%s\",%s,\"models\":[", provider->name,
                                   provider->settings);
    for (size_t i = 0; i < provider->model_count && err == 0; i++)
        err = dynbuf_append_format(out, "%s{\"id\":\"%s\",\"context\":%llu}", i > 0 ? "," : "",
                                   provider->models[i].upstream,
                                   (unsigned long long)provider->models[i].context_tokens);
    if (err == 0)
        err = dynbuf_append_text(out, "],\"limits\":[");
    for (size_t i = 0; i < provider->limit_count && err == 0; i++)
        err = write_limit(&provider->limits[i], i == 0, out);
    if (err == 0 && provider->key != NULL)
        err =
            dynbuf_append_format(out, "],\"keys\":{\"%s\":\"none\",\"*\":\"401\"}", provider->key);
    else if (err == 0)
        err = dynbuf_append_text(out, "]");
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int mock_demo_write(struct dynbuf *out) {
    int err = dynbuf_append_text(out, "[");
    for (size_t i = 0; i < array_length(providers) && err == 0; i++) {
        err = dynbuf_append_text(out, i > 0 ? ",\n" : "");
        if (err == 0)
            err = write_provider(&providers[i], out);
    }
    return err == 0 ? dynbuf_append_text(out, "]\n") : err;
}
