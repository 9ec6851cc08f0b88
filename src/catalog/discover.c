// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of zero configuration.
 *
 * Why a ladder of rows: each rule is one question with one verdict, asked in the order in which an operator would want to hear the
 * answer (what they switched off themselves first, what the law of the provider says last), and the first that applies decides.
 * Free means free: a provider whose keys only bill is never used by itself, a route that is not listed as free only when the
 * configuration names it, and a paid one only where an alias or a pin asks for it.
 * Promises: pure; the same case gives the same verdict. Leaves to others: finding keys (config), building routes (app).
 */
#include "catalog/discover.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

static const struct {
    bool used;
    const char *sentence;
} verdicts[DISCOVER_VERDICT_COUNT] = {
#define DISCOVER_ROW(name, used, sentence) [name] = {used, sentence},
    DISCOVER_TABLE(DISCOVER_ROW)
#undef DISCOVER_ROW
};

static bool is_keyless(const struct fact_provider *facts) {
    return facts->kind == FACT_KEYLESS;
}

/* A key that itself means billing is left aside unless the operator says that it may. */
static bool uses_key(const struct discover_case *provider) {
    return provider->has_key && (provider->facts->key_is_billed != FACT_YES || provider->paid);
}

enum fact_tri discover_trains(const struct discover_case *provider) {
    if (provider->trains != FACT_UNKNOWN || provider->facts == NULL)
        return provider->trains;
    return provider->facts->kind == FACT_LOCAL ? FACT_NO : provider->facts->terms.trains;
}

static bool audience_refused(const struct fact_provider *facts, enum discover_audience audience) {
    if (facts->kind == FACT_LOCAL || audience == AUDIENCE_SELF)
        return false;
    if (audience == AUDIENCE_GROUP)
        return facts->terms.third_party == FACT_NO;
    return facts->terms.third_party != FACT_YES || facts->terms.production != FACT_YES;
}

static enum discover_verdict key_verdict(const struct discover_case *provider,
                                         const struct discover_policy *policy) {
    const struct fact_provider *facts = provider->facts;
    if (facts->kind == FACT_LOCAL)
        return provider->found || provider->named ? DISCOVER_USED : DISCOVER_NOT_RUNNING;
    if (facts->kind == FACT_PAID && provider->has_key && !provider->paid)
        return DISCOVER_ONLY_BILLS;
    if (uses_key(provider)) {
        if (provider->extra_missing)
            return DISCOVER_EXTRA_MISSING;
        return facts->on || provider->named ? DISCOVER_USED : DISCOVER_OFF;
    }
    if (!is_keyless(facts))
        return DISCOVER_NO_KEY;
    bool wanted = policy->keyless == KEYLESS_ALL ||
                  (policy->keyless == KEYLESS_SAFE && facts->keyless_safe) ||
                  (policy->keyless != KEYLESS_OFF && provider->named);
    return wanted ? DISCOVER_USED_KEYLESS : DISCOVER_KEYLESS_OFF;
}

enum discover_verdict discover_provider(const struct discover_case *provider,
                                        const struct discover_policy *policy) {
    const struct fact_provider *facts = provider->facts;
    if (provider->disabled)
        return DISCOVER_DISABLED;
    if (facts != NULL && facts->unusable[0] != '\0')
        return DISCOVER_NO_WIRE;
    if (provider->paused)
        return DISCOVER_PAUSED;
    enum discover_verdict verdict = facts != NULL ? key_verdict(provider, policy) : DISCOVER_USED;
    if (!discover_used(verdict))
        return verdict;
    if (facts != NULL && audience_refused(facts, policy->audience))
        return DISCOVER_AUDIENCE;
    if (policy->no_training && discover_trains(provider) != FACT_NO)
        return DISCOVER_TRAINS;
    return verdict;
}

bool discover_used(enum discover_verdict verdict) {
    check(verdict < DISCOVER_VERDICT_COUNT);
    return verdicts[verdict].used;
}

static const char *missing(enum discover_verdict verdict, const struct fact_provider *facts) {
    if (facts == NULL)
        return "";
    if (verdict == DISCOVER_NO_KEY)
        return facts->env != NULL && facts->env[0] != NULL ? facts->env[0] : "a key";
    if (verdict == DISCOVER_EXTRA_MISSING)
        return facts->env_extra != NULL && facts->env_extra[0] != NULL ? facts->env_extra[0]
                                                                       : "more";
    return verdict == DISCOVER_NO_WIRE ? facts->unusable : fact_status_word(facts->status);
}

void discover_sentence(enum discover_verdict verdict, const struct fact_provider *facts, char *text,
                       size_t size) {
    check(verdict < DISCOVER_VERDICT_COUNT && size >= DISCOVER_SENTENCE_SIZE);
    const char *sentence = verdicts[verdict].sentence;
    const char *place = strstr(sentence, "%s");
    if (place == NULL)
        (void)snprintf(text, size, "%s", sentence);
    else
        (void)snprintf(text, size, "%.*s%s%s", (int)(place - sentence), sentence,
                       missing(verdict, facts), place + 2);
}

/* Nobody answers there any more, whoever asks. */
static bool is_dead(enum fact_route_status status) {
    return status == FACT_REMOVED || status == FACT_DELISTED || status == FACT_PROVIDER_RETIRED;
}

enum discover_reach discover_route(const struct discover_case *provider,
                                   const struct fact_route *route, bool listed) {
    if (provider->paid)
        return is_dead(route->status) && !listed ? REACH_NOT : REACH_BY_NAME_ONLY;
    if (fact_route_free(route->status))
        return fact_route_automatic(route->status) || listed ? REACH_AUTOMATIC : REACH_BY_NAME_ONLY;
    if (listed)
        return REACH_AUTOMATIC;
    /* A row whose provider is off until somebody names it is what they named. */
    bool granted = route->status == FACT_ROUTE_ONE_TIME || route->status == FACT_ROUTE_NEEDS_CARD ||
                   route->status == FACT_ROUTE_UNCERTAIN;
    return granted && provider->named ? REACH_AUTOMATIC : REACH_NOT;
}
