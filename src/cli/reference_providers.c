// SPDX-License-Identifier: Apache-2.0
/*
 * docs/reference/providers.md: the catalog's providers for people who choose where to get a key.
 *
 * Why several tables of one row a provider and not one: seventeen columns cannot be read anywhere. Why each starts with the id: it is
 * what papi.yaml, `papi provider show` and the head fields of answers call it. Limits that hold for the same models, plan and sharing
 * stand together. Promises: every provider of the facts has its row in every table; what is unknown says so; nothing is
 * summed up over providers. Leaves to others: one provider in full, with the source of each limit (papi provider show).
 */
#include "cli/catalog_words.h"
#include "cli/reference.h"

#include "base/check.h"

#define TEXT_BYTES 1024

static const char intro[] =
    "# Providers\n\n"
    "<!-- Written by `papi reference providers`; change src/catalog/facts instead. -->\n\n"
    "What this build of PAPI knows of providers, as of %s. `papi provider show ID` tells one in "
    "full, with the source of each\n"
    "limit. Terms and limits change without notice: what counts is what the provider says, and "
    "what its answers tell PAPI while it\n"
    "runs. A word nobody could find evidence for is `unknown`; no `unknown` is a guess in either "
    "direction. How these words are "
    "used:\n"
    "[keys and terms](../guides/keys-and-terms.md), [limits](../guides/limits-and-waiting.md).\n";

/* Text in a cell of a table. */
static void put_text(struct page *page, const char *text) {
    struct span rest = span_text(text), part;
    for (bool first = true; span_split(&rest, '|', &part); first = false)
        page_add(page, "%s%.*s", first ? "" : "\\|", SPAN_ARG(part));
}

static void put_cell(struct page *page, const char *text) {
    page_add(page, " ");
    put_text(page, text);
    page_add(page, " |");
}

static void put_names(struct page *page, const char *const *names, const char *between) {
    for (uint32_t i = 0; names != NULL && names[i] != NULL; i++) {
        page_add(page, "%s`", i > 0 ? between : "");
        put_text(page, names[i]);
        page_add(page, "`");
    }
}

static bool has_names(const char *const *names) {
    return names != NULL && names[0] != NULL;
}

/* --- who, and where to get a key --- */

static const char *by_itself(const struct fact_provider *provider) {
    if (provider->unusable[0] != '\0')
        return "never: no wire fits";
    if (provider->kind == FACT_LOCAL)
        return "yes, where it answers";
    if (provider->kind == FACT_PAID)
        return "no, needs `tier: paid`";
    if (provider->kind == FACT_KEYLESS && provider->key_is_billed == FACT_YES)
        return provider->keyless_safe ? "yes, without a key" : "with `keyless: all`";
    if (provider->kind == FACT_KEYLESS && provider->on)
        return provider->keyless_safe ? "yes" : "with a key, or `keyless: all`";
    return provider->on ? "with a key" : "no, only named";
}

static bool is_chat(const struct fact_model *model) {
    return model == NULL || strncmp(model->kind, "chat", 4) == 0;
}

/* Free routes that chat (true) or embed (false). A route without a model of its own in the catalog chats. */
static uint32_t free_count(const struct facts *facts, const struct fact_provider *provider,
                           bool chat) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < provider->route_count; i++) {
        const struct fact_route *route = &provider->routes[i];
        const struct fact_model *model = facts_model(facts, span_text(route->model));
        bool wanted =
            chat ? is_chat(model) : model != NULL && strcmp(model->kind, "embedding") == 0;
        count += fact_route_free(route->status) && wanted;
    }
    return count;
}

static void put_who(struct page *page, const struct facts *facts,
                    const struct fact_provider *provider) {
    put_cell(page, provider->name);
    put_cell(page, provider->short_id);
    put_cell(page, fact_kind_word(provider->kind));
    put_cell(page, fact_status_word(provider->status));
    put_cell(page, by_itself(provider));
    page_add(page, " %u | %u |", free_count(facts, provider, true),
             free_count(facts, provider, false));
}

static void put_key(struct page *page, const struct facts *facts,
                    const struct fact_provider *provider) {
    (void)facts;
    page_add(page, " ");
    if (!has_names(provider->env))
        page_add(page, "none needed");
    put_names(page, provider->env, " or ");
    page_add(page, "%s", has_names(provider->env_extra) ? ", with " : "");
    put_names(page, provider->env_extra, ", ");
    page_add(page, " |");
    if (!has_names(provider->env))
        page_add(page, " |");
    else if (provider->key_url[0] != '\0')
        page_add(page, " <%s> |", provider->key_url);
    else
        page_add(page, " unknown |");
    put_cell(page, provider->key_note);
}

/* --- conditions, terms --- */

static void put_tri(struct page *page, enum fact_tri tri) {
    page_add(page, " %s |", fact_tri_word(tri));
}

static void put_conditions(struct page *page, const struct facts *facts,
                           const struct fact_provider *provider) {
    const struct fact_terms *terms = &provider->terms;
    (void)facts;
    put_tri(page, terms->card);
    put_tri(page, terms->phone);
    put_tri(page, terms->real_name);
    put_cell(page, terms->regions[0] != '\0' ? terms->regions : "unknown");
}

static void put_terms(struct page *page, const struct facts *facts,
                      const struct fact_provider *provider) {
    const struct fact_terms *terms = &provider->terms;
    (void)facts;
    put_tri(page, terms->trains);
    put_tri(page, terms->logs);
    put_tri(page, terms->third_party);
    put_tri(page, terms->production);
    put_tri(page, terms->commercial);
    put_tri(page, terms->minors);
    put_cell(page, terms->note);
}

/* --- free limits --- */

static bool same_list(const char *const *one, const char *const *other) {
    uint32_t i = 0;
    if (one == NULL || other == NULL)
        return has_names(one) == has_names(other);
    while (one[i] != NULL && other[i] != NULL && strcmp(one[i], other[i]) == 0)
        i++;
    return one[i] == NULL && other[i] == NULL;
}

static bool same_subject(const struct fact_limit *one, const struct fact_limit *other) {
    return one->scope == other->scope && strcmp(one->plan, other->plan) == 0 &&
           same_list(one->models, other->models) && same_list(one->tasks, other->tasks);
}

static bool is_first(const struct fact_provider *provider, uint32_t index) {
    for (uint32_t i = 0; i < index; i++)
        if (same_subject(&provider->limits[i], &provider->limits[index]))
            return false;
    return true;
}

static bool is_free(const struct fact_limit *limit) {
    return strcmp(limit->plan, "paid") != 0;
}

static void put_subject(struct page *page, const struct fact_limit *limit) {
    static const char *const sharing[LIMIT_SCOPE_COUNT] = {
        [LIMIT_BY_ACCOUNT] = "",
        [LIMIT_BY_MODEL] = "each model",
        [LIMIT_BY_TASK] = "each kind of task",
        [LIMIT_BY_KEY] = "each key",
        [LIMIT_BY_IP] = "our address",
        [LIMIT_BY_IP_MODEL] = "our address, each model",
        [LIMIT_BY_SERVER] = "the server",
    };
    const char *between = "";
    if (limit->plan[0] != '\0') {
        page_add(page, "plan `");
        put_text(page, limit->plan);
        page_add(page, "`");
        between = ", ";
    }
    if (sharing[limit->scope][0] != '\0') {
        page_add(page, "%s%s", between, sharing[limit->scope]);
        between = ", ";
    }
    if (has_names(limit->models)) {
        page_add(page, "%sof ", between);
        between = ", ";
        put_names(page, limit->models, ", ");
    }
    for (uint32_t i = 0; limit->tasks != NULL && limit->tasks[i] != NULL; i++)
        page_add(page, "%s%s", i == 0 ? between : "/", limit->tasks[i]);
    if (between[0] != '\0' || has_names(limit->tasks))
        page_add(page, ": ");
}

static void put_limit(struct page *page, const struct fact_limit *limit) {
    char text[CATALOG_LIMIT_TEXT_BYTES];
    catalog_limit_text(limit, text);
    put_text(page, text);
    if (!limit->shape_known)
        page_add(page, " (window unknown)");
    else if (limit->shape == LIMIT_REFILL)
        page_add(page, " (refilling)");
    else if (limit->shape == LIMIT_CALENDAR_DAY)
        page_add(page, " (from midnight, %s)", limit->zone);
    else if (limit->shape == LIMIT_CALENDAR_MONTH)
        page_add(page, " (from the first, %s)", limit->zone);
    else if (limit->shape == LIMIT_ALIGNED)
        page_add(page, " (aligned)");
}

static void put_group(struct page *page, const struct fact_provider *provider, uint32_t first) {
    put_subject(page, &provider->limits[first]);
    for (uint32_t i = first; i < provider->limit_count; i++)
        if (same_subject(&provider->limits[i], &provider->limits[first])) {
            page_add(page, "%s", i > first ? "; " : "");
            put_limit(page, &provider->limits[i]);
        }
}

static void put_limits(struct page *page, const struct facts *facts,
                       const struct fact_provider *provider) {
    bool any = false;
    (void)facts;
    page_add(page, " ");
    for (uint32_t i = 0; i < provider->limit_count; i++)
        if (is_free(&provider->limits[i]) && is_first(provider, i)) {
            page_add(page, "%s", any ? "<br>" : "");
            put_group(page, provider, i);
            any = true;
        }
    page_add(page, "%s |", any ? "" : "unknown");
    put_cell(page, provider->charge == FACT_CHARGE_UP_FRONT ? "up front"
                   : provider->charge == FACT_CHARGE_USAGE  ? "use"
                                                            : "unknown");
}

/* --- evidence --- */

static void put_evidence(struct page *page, const struct facts *facts,
                         const struct fact_provider *provider) {
    (void)facts;
    put_cell(page, catalog_confidence_word(provider->evidence.confidence));
    put_cell(page, provider->evidence.source);
    put_cell(page, provider->evidence.note);
}

/* --- the page --- */

static const struct {
    const char *title, *about, *columns;
    uint32_t column_count;
    void (*put_row)(struct page *page, const struct facts *facts,
                    const struct fact_provider *provider);
} tables[] = {
    {"Who",
     "Short: two letters that stand for it where room is scarce. By itself: whether it is used "
     "without being named under\n"
     "`providers`. Chat and embed: how many models the catalog lists as free there; local servers "
     "are asked for theirs.",
     "name | short | kind | status | by itself | chat | embed", 7, put_who},
    {"Keys", "Variables are read from the environment and from `.env`.",
     "variable | where to get a key | remarks", 3, put_key},
    {"Conditions of a key",
     "Whether signing up asks for a card, a phone number, a real name; where it is offered.",
     "card | phone | real name | regions", 4, put_conditions},
    {"Terms",
     "Of the free tier: whether prompts may train models and are logged; whether it may serve "
     "other people than the owner of the\n"
     "key, production, commercial use, and minors.",
     "trains | logs | third parties | production | commercial | minors | remarks", 7, put_terms},
    {"Free limits",
     "Counted for all of an account unless it says otherwise. A window rolls unless it says "
     "otherwise. Charged: whether token\n"
     "limits count what was used, or prompt and most output when a request comes. Plans are set by "
     "`plan`.",
     "limits | charged", 2, put_limits},
    {"Evidence", "Where the facts come from, with the date of each source, and how sure they are.",
     "confidence | sources | remarks", 3, put_evidence},
};

static void put_tables(struct page *page, const struct facts *facts) {
    for (size_t t = 0; t < array_length(tables); t++) {
        page_add(page, "\n## %s\n\n%s\n\n| id | %s |\n| --- |", tables[t].title, tables[t].about,
                 tables[t].columns);
        for (uint32_t i = 0; i < tables[t].column_count; i++)
            page_add(page, " --- |");
        page_add(page, "\n");
        for (uint32_t i = 0; i < facts->provider_count; i++) {
            page_add(page, "| `%s` |", facts->providers[i].id);
            tables[t].put_row(page, facts, &facts->providers[i]);
            page_add(page, "\n");
        }
    }
}

static void put_dropped(struct page *page, const struct facts *facts) {
    page_add(page, "\n## Left out\n\n"
                   "Looked at and dropped, since there is no free tier that comes back.\n\n"
                   "| id | name | since | reason | confidence | sources |\n"
                   "| --- | --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < facts->dropped_count; i++) {
        const struct fact_dropped *dropped = &facts->dropped[i];
        page_add(page, "| `%s` |", dropped->id);
        put_cell(page, dropped->name);
        put_cell(page, dropped->since[0] != '\0' ? dropped->since : "unknown");
        put_cell(page, dropped->reason);
        put_cell(page, catalog_confidence_word(dropped->evidence.confidence));
        put_cell(page, dropped->evidence.source);
        page_add(page, "\n");
    }
}

void reference_providers(struct page *page, const struct facts *facts) {
    page_add(page, intro, facts->compiled);
    put_tables(page, facts);
    put_dropped(page, facts);
}
