// SPDX-License-Identifier: Apache-2.0
/*
 * The schema of a provider's file.
 *
 * What belongs together stands together there (key, terms, plans, probe, quota, stream), so some fields are mappings that fill
 * the same struct. What follows from other fields is computed, never written: whether a provider is on follows from its status.
 * Promises: ids, two-letter names and variables are unique in all files; a plan that a limit names exists; models of routes are
 * known. Leaves to others: whether a provider is used (discover.c).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

#define PLANS_MAX 8

/* --- parts that are mappings --- */

static const struct field key_fields[] = {
    NAMED("prefix", struct fact_provider, key_prefix, FIELD_TEXT),
    NAMED("url", struct fact_provider, key_url, FIELD_TEXT),
    NAMED("header", struct fact_provider, auth_header, FIELD_TEXT),
    REQUIRED_OF_WORDS("scheme", struct fact_provider, auth_scheme, FIELD_TEXT, words_scheme),
    OF_WORDS("billed", struct fact_provider, key_is_billed, FIELD_WORD, words_tri),
    NAMED("also_send", struct fact_provider, optional_headers, FIELD_LIST),
    NAMED("note", struct fact_provider, key_note, FIELD_TEXT),
};
static const struct schema key_schema =
    SCHEMA("what is known of keys", struct fact_provider, key_fields, NULL);

static const struct field probe_fields[] = {
    REQUIRED("ask", struct fact_provider, key_probe, FIELD_TEXT),
    OF_WORDS("proves_key", struct fact_provider, probe_proves_key, FIELD_WORD, words_tri),
    OF_WORDS("costs_quota", struct fact_provider, probe_costs_quota, FIELD_WORD, words_tri),
    NAMED("note", struct fact_provider, probe_note, FIELD_TEXT),
};
static const struct schema probe_schema =
    SCHEMA("the probe of a key", struct fact_provider, probe_fields, NULL);

static const struct field quota_fields[] = {
    REQUIRED("ask", struct fact_provider, quota_endpoint, FIELD_TEXT),
    NAMED("fields", struct fact_provider, quota_fields, FIELD_LIST),
    NAMED("cached", struct fact_provider, quota_cached_ms, FIELD_DURATION),
    OF_WORDS("costs_quota", struct fact_provider, quota_costs_quota, FIELD_WORD, words_tri),
    NAMED("note", struct fact_provider, quota_note, FIELD_TEXT),
};
static const struct schema quota_schema =
    SCHEMA("the quota endpoint", struct fact_provider, quota_fields, NULL);

static void read_key(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)facts_read_row(reader, node, &key_schema, at);
}

static void read_probe(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)facts_read_row(reader, node, &probe_schema, at);
}

static void read_quota(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)facts_read_row(reader, node, &quota_schema, at);
}

static void read_terms(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)facts_read_row(reader, node, &facts_terms_schema, at);
}

static void read_stream(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)facts_read_row(reader, node, &facts_stream_schema, at);
}

/* {name: what it means} */
static void read_plans(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    if (node->type != YAML_MAPPING || node->count == 0 || node->count > PLANS_MAX) {
        facts_complain(reader, node, "plans are 1 to %d names, each with its meaning", PLANS_MAX);
        return;
    }
    struct fact_plan *plans = facts_alloc(reader, node->count * sizeof *plans);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
        plans[provider->plan_count++] = (struct fact_plan){.name = facts_text(reader, child->key),
                                                           .about = facts_text(reader, child)};
    provider->plans = plans;
}

/* --- lists of rows --- */

static void read_limits(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    provider->limits = facts_read_rows(reader, node, &facts_limit_schema, &provider->limit_count);
}

static void read_headers(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    provider->headers =
        facts_read_rows(reader, node, &facts_header_schema, &provider->header_count);
}

static void read_signals(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    provider->signals =
        facts_read_rows(reader, node, &facts_signal_schema, &provider->signal_count);
}

static void read_quirks(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    provider->quirks = facts_read_quirks(reader, node, &provider->quirk_count);
}

static void read_routes(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_provider *provider = at;
    provider->routes = facts_read_rows(reader, node, &facts_route_schema, &provider->route_count);
}

/* --- what fields mean together --- */

static const bool status_on[FACT_STATUS_COUNT] = {
#define STATUS_ROW(name, word, on) [name] = (on),
    FACT_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static bool made_of(const char *text, const char *letters) {
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static void check_names(struct facts_reader *reader, const struct yaml_node *root,
                        const struct fact_provider *provider) {
    if (!span_is(reader->stem, provider->id) || !made_of(provider->id, LOWER DIGITS "_"))
        facts_complain(reader, facts_child(root, "id"),
                       "a provider's id is its file's name in a-z, 0-9 and _: '%.*s'",
                       SPAN_ARG(reader->stem));
    if (strlen(provider->short_id) != 2 || !made_of(provider->short_id, LOWER))
        facts_complain(reader, facts_child(root, "short"), "'%s' is not two letters a-z",
                       provider->short_id);
    facts_take_name(reader, facts_child(root, "id"), "id", provider->id);
    facts_take_name(reader, facts_child(root, "short"), "short name", provider->short_id);
    const char *const *lists[] = {provider->env, provider->env_extra};
    for (size_t i = 0; i < array_length(lists); i++) {
        const struct yaml_node *at = facts_child(root, i == 0 ? "env" : "env_extra");
        for (uint32_t k = 0; k < facts_list_length(lists[i]); k++) {
            if (!made_of(lists[i][k], UPPER DIGITS "_"))
                facts_complain(reader, at, "'%s': variables are written in A-Z, 0-9 and _",
                               lists[i][k]);
            facts_take_name(reader, at, "variable", lists[i][k]);
        }
    }
}

static bool is_url(const char *text) {
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static void check_reach(struct facts_reader *reader, const struct yaml_node *root,
                        const struct fact_provider *provider) {
    if (!is_url(provider->base_url))
        facts_complain(reader, facts_child(root, "base_url"), "'%s' is not an URL",
                       provider->base_url);
    if (strchr(provider->base_url, '{') != NULL && provider->env_extra[0] == NULL)
        facts_complain(reader, facts_child(root, "base_url"),
                       "env_extra must name the variables that fill the {braces}");
    if ((provider->dialect[0] == '\0') != (provider->unusable[0] != '\0'))
        facts_complain(reader, root,
                       "a provider has either a 'dialect' or says why it is 'unusable'");
    if (provider->env[0] == NULL && provider->kind != FACT_LOCAL)
        facts_complain(reader, root, "a provider lacks 'env', the variable that holds its key");
    if (provider->keyless_safe && provider->kind != FACT_KEYLESS)
        facts_complain(reader, facts_child(root, "keyless_safe"), "only kind: keyless can be that");
    if ((provider->kind == FACT_PAID) != (provider->status == FACT_BILLED))
        facts_complain(reader, facts_child(root, "kind"),
                       "kind: paid and status: billed go together");
}

static bool has_plan(const struct fact_provider *provider, const char *name) {
    uint32_t i = 0;
    while (i < provider->plan_count && strcmp(provider->plans[i].name, name) != 0)
        i++;
    return i < provider->plan_count;
}

/* Rows remember no place: the list they stand in is named, and their own words. */
static void check_rows(struct facts_reader *reader, const struct yaml_node *root,
                       const struct fact_provider *provider) {
    for (uint32_t i = 0; i < provider->limit_count; i++) {
        const char *plan = provider->limits[i].plan;
        if (plan[0] != '\0' && !has_plan(provider, plan))
            facts_complain(reader, facts_child(root, "limits"), "plan '%s' is not among the plans",
                           plan);
    }
    if (provider->default_plan[0] != '\0' && !has_plan(provider, provider->default_plan))
        facts_complain(reader, facts_child(root, "default_plan"),
                       "plan '%s' is not among the plans", provider->default_plan);
    for (uint32_t i = 0; i < provider->route_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(provider->routes[i].upstream, provider->routes[k].upstream) == 0)
                facts_complain(reader, facts_child(root, "routes"), "'%s' stands there twice",
                               provider->routes[i].upstream);
}

static void finish_provider(struct facts_reader *reader, const struct yaml_node *root, void *row) {
    struct fact_provider *provider = row;
    if (provider->auth_header[0] == '\0')
        provider->auth_header = "Authorization";
    provider->on = status_on[provider->status] && provider->kind != FACT_RESELLER &&
                   provider->unusable[0] == '\0';
    check_names(reader, root, provider);
    check_reach(reader, root, provider);
    check_rows(reader, root, provider);
}

#define PART(label, member, reading) \
    { label, FIELD_READ, false, offsetof(struct fact_provider, member), NULL, reading }
#define WHOLE(label, required, reading) \
    { label, FIELD_READ, required, 0, NULL, reading }
static const struct field provider_fields[] = {
    REQUIRED("id", struct fact_provider, id, FIELD_TEXT),
    REQUIRED("short", struct fact_provider, short_id, FIELD_TEXT),
    REQUIRED("name", struct fact_provider, name, FIELD_TEXT),
    REQUIRED_OF_WORDS("kind", struct fact_provider, kind, FIELD_WORD, words_kind),
    REQUIRED_OF_WORDS("status", struct fact_provider, status, FIELD_WORD, words_status),
    FIELD(struct fact_provider, keyless_safe, FIELD_YES),
    FIELD(struct fact_provider, env, FIELD_LIST),
    FIELD(struct fact_provider, env_extra, FIELD_LIST),
    OF_WORDS("dialect", struct fact_provider, dialect, FIELD_TEXT, words_dialect),
    FIELD(struct fact_provider, unusable, FIELD_TEXT),
    REQUIRED("base_url", struct fact_provider, base_url, FIELD_TEXT),
    FIELD(struct fact_provider, other_base_urls, FIELD_LIST),
    FIELD(struct fact_provider, native_api, FIELD_TEXT),
    FIELD(struct fact_provider, native_about, FIELD_TEXT),
    WHOLE("key", true, read_key),
    OF_WORDS("charge", struct fact_provider, charge, FIELD_WORD, words_charge),
    WHOLE("plans", false, read_plans),
    FIELD(struct fact_provider, default_plan, FIELD_TEXT),
    PART("terms", terms, read_terms),
    WHOLE("limits", false, read_limits),
    WHOLE("headers", false, read_headers),
    WHOLE("signals", false, read_signals),
    WHOLE("quirks", false, read_quirks),
    WHOLE("routes", false, read_routes),
    PART("stream", stream, read_stream),
    FIELD(struct fact_provider, error_shape, FIELD_TEXT),
    FIELD(struct fact_provider, accepts, FIELD_LIST),
    FIELD(struct fact_provider, endpoints, FIELD_LIST),
    FIELD(struct fact_provider, native_endpoints, FIELD_LIST),
    FIELD(struct fact_provider, not_told, FIELD_LIST),
    WHOLE("probe", false, read_probe),
    WHOLE("quota", false, read_quota),
    EVIDENCE(struct fact_provider),
};
const struct schema facts_provider_schema =
    SCHEMA("a provider", struct fact_provider, provider_fields, finish_provider);

bool facts_read_provider(struct facts_reader *reader, const struct yaml_node *root,
                         struct fact_provider *ret_provider) {
    const struct schema *parts[] = {&facts_provider_schema, &key_schema, &probe_schema,
                                    &quota_schema};
    for (size_t i = 0; i < array_length(parts); i++)
        facts_set_defaults(parts[i], ret_provider);
    facts_set_defaults(&facts_terms_schema, &ret_provider->terms);
    facts_set_defaults(&facts_stream_schema, &ret_provider->stream);
    return facts_read_row(reader, root, &facts_provider_schema, ret_provider);
}
