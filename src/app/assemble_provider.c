// SPDX-License-Identifier: Apache-2.0
/*
 * One provider of the pool: its accounts, limits and routes.
 *
 * What the configuration says of a provider comes before what the catalog knows: an address, models, limits, timeouts, quirks. Keys
 * of one account share a group, and with it every count. Promises: a provider that cannot be built is told with its place, the
 * rest is built. Leaves to others: which routes may be reached how (catalog/discover), which limits are shared
 * (catalog/limit_plan), the address (assemble_address.c).
 */
#include "app/assemble_parts.h"
#include "base/check.h"
#include "catalog/model.h"
#include "message/task.h"
#include "scheduler/config.h"

#include <string.h>
#include <time.h>

/* Of providers that the configuration does not name. */
static const struct catalog_timeouts usual_timeouts = {
    .connect_ms = 5000,
    .tls_ms = 5000,
    .first_token_ms = 120000,
    .first_byte_ms = 300000,
    .gap_ms = 60000,
};

struct building {
    struct assembling *assembling;
    const struct offer *offer;
    uint32_t provider;
    uint32_t groups[OFFER_KEYS_MAX]; /* of each key */
    uint32_t accounts[OFFER_KEYS_MAX];
    /* quirks made so far: routes with the same share them */
    struct dialect_quirks *made[DIALECT_RULES_MAX]; /* arena */
    const struct dialect_quirks *kept[DIALECT_RULES_MAX];
    uint32_t made_count;
    uint32_t route_count;
};

/* --- itself --- */

static struct span user_agent_of(const struct offer *offer) {
    if (offer->config != NULL && !span_absent(offer->config->user_agent))
        return offer->config->user_agent;
    for (uint32_t i = 0; offer->facts != NULL && i < offer->facts->quirk_count; i++)
        if (offer->facts->quirks[i].kind == FACT_QUIRK_USER_AGENT)
            return span_text(offer->facts->quirks[i].value);
    return SPAN_NONE;
}

static bool add_provider(struct building *building) {
    const struct offer *offer = building->offer;
    const struct config_provider *config = offer->config;
    bool local = offer->facts != NULL && offer->facts->kind == FACT_LOCAL;
    struct catalog_provider provider = {
        .id = offer->id,
        .dialect = SPAN_LITERAL("openai"),
        .local = local || (config != NULL && config->host_is_loopback),
        .paid = offer->found.paid,
        .trains = discover_trains(&offer->found),
        .facts = offer->facts,
        .timeouts = usual_timeouts,
        .user_agent = user_agent_of(offer),
    };
    if (config != NULL) {
        provider.dialect = config->type;
        provider.private_network = config->private_network;
        provider.ca_file = config->ca_file;
        provider.timeouts = (struct catalog_timeouts){
            config->timeouts.connect_ms, config->timeouts.tls_ms, config->timeouts.first_token_ms,
            config->timeouts.first_byte_ms, config->timeouts.gap_ms};
    }
    if (span_absent(provider.dialect) && offer->facts != NULL)
        provider.dialect = span_text(offer->facts->dialect);
    if (!assemble_address(building->assembling, offer, &provider))
        return false;
    building->provider = catalog_add_provider(building->assembling->builder, &provider);
    return true;
}

/* --- its accounts --- */

static uint32_t group_of(struct building *building, uint32_t key) {
    const struct offer *offer = building->offer;
    for (uint32_t i = 0; i < key; i++)
        if (span_equal(offer->keys[i].account, offer->keys[key].account))
            return building->groups[i];
    const struct catalog_group group = {.provider = building->provider,
                                        .name = offer->keys[key].account,
                                        .plan = offer->keys[key].plan};
    return catalog_add_group(building->assembling->builder, &group);
}

static void add_accounts(struct building *building) {
    const struct offer *offer = building->offer;
    for (uint32_t i = 0; i < offer->key_count; i++) {
        building->groups[i] = group_of(building, i);
        const struct catalog_account account = {
            .provider = building->provider,
            .group = building->groups[i],
            .name = offer->keys[i].account,
            .key = offer->keys[i].key,
            .concurrency_max = offer->config != NULL ? offer->config->concurrency_max : 0};
        building->accounts[i] = catalog_add_account(building->assembling->builder, &account);
    }
}

/* --- its limits --- */

static const enum limit_unit units[CONFIG_UNIT_COUNT] = {
    [CONFIG_REQUESTS] = LIMIT_REQUESTS,         [CONFIG_TOKENS] = LIMIT_TOKENS,
    [CONFIG_INPUT_TOKENS] = LIMIT_INPUT_TOKENS, [CONFIG_OUTPUT_TOKENS] = LIMIT_OUTPUT_TOKENS,
    [CONFIG_NEURONS] = LIMIT_NEURONS,           [CONFIG_EMBED_INPUTS] = LIMIT_EMBED_INPUTS,
    [CONFIG_CONCURRENT] = LIMIT_CONCURRENT,
};
static const enum limit_shape shapes[] = {
    [CONFIG_ROLLING] = LIMIT_ROLLING,           [CONFIG_REFILL] = LIMIT_REFILL,
    [CONFIG_CALENDAR_DAY] = LIMIT_CALENDAR_DAY, [CONFIG_CALENDAR_MONTH] = LIMIT_CALENDAR_MONTH,
    [CONFIG_ALIGNED] = LIMIT_ALIGNED,           [CONFIG_AT_ONCE] = LIMIT_AT_ONCE,
};

#define NEURON_THOUSANDTHS 1000
#define COUNTABLE(name, word, most, about)                                                   \
    _Static_assert((most) * (uint64_t)((name) == CONFIG_NEURONS ? NEURON_THOUSANDTHS : 1) <= \
                       SCHEDULER_AMOUNT_MAX,                                                 \
                   "what the file may say can be counted");
CONFIG_UNIT_TABLE(COUNTABLE)
#undef COUNTABLE

static int plan_stated(struct building *building, struct limit_subject *subject,
                       uint32_t *ret_limits, uint32_t *count) {
    struct assembling *assembling = building->assembling;
    const struct config_provider *config = building->offer->config;
    int err = 0;
    for (uint32_t i = 0; i < config->limit_count && err == 0; i++) {
        const struct config_limit *from = &config->limits[i];
        struct catalog_limit limit = {
            .unit = units[from->unit],
            .shape = shapes[from->shape],
            .scope = from->scope == CONFIG_BY_MODEL ? LIMIT_BY_MODEL : LIMIT_BY_ACCOUNT,
            .amount =
                from->unit == CONFIG_NEURONS ? from->amount * NEURON_THOUSANDTHS : from->amount,
            .window_ms = from->window_ms,
            .zone = zone_utc,
        };
        if (!span_absent(from->zone) && zone_parse(from->zone, &limit.zone) < 0)
            return ERR_NOT_FOUND; /* the loader asks for the same */
        subject->row = 2 * i;
        err = limit_plan_stated(assembling->planner, subject, &limit, ret_limits, count);
        if (err < 0 || from->burst == 0 || from->burst >= from->amount)
            continue;
        limit.shape = LIMIT_PACER;
        limit.burst = from->burst;
        subject->row = 2 * i + 1;
        err = limit_plan_stated(assembling->planner, subject, &limit, ret_limits, count);
    }
    return err;
}

static int plan_limits(struct building *building, uint32_t key, enum catalog_kind kind,
                       struct catalog_route *route, uint32_t *limits) {
    const struct offer *offer = building->offer;
    uint32_t count = 0;
    struct limit_subject subject = {
        .provider = building->provider,
        .group = building->groups[key],
        .account = building->accounts[key],
        .facts = offer->facts,
        .plan = offer->keys[key].plan,
        .upstream = route->upstream_model,
        .task = span_text(task_kind_name(kind == CATALOG_EMBED ? TASK_EMBED : TASK_CHAT)),
        .has_key = offer->keys[key].key != NULL,
    };
    int err = 0;
    if (offer->config != NULL && offer->config->limit_count > 0)
        err = plan_stated(building, &subject, limits, &count);
    else if (offer->facts != NULL)
        err = limit_plan_facts(building->assembling->planner, &subject, limits, &count);
    route->limits = limits;
    route->limit_count = count;
    return err;
}

/* --- its routes --- */

static const struct dialect_quirks *quirks_of(struct building *building, struct span upstream,
                                              uint64_t *ret_cannot) {
    const struct offer *offer = building->offer;
    struct dialect_quirks *quirks = arena_zalloc(building->assembling->arena, sizeof *quirks);
    if (offer->facts != NULL)
        dialect_quirks_compile(offer->facts->quirks, offer->facts->quirk_count, upstream, quirks);
    if (offer->config != NULL) {
        quirks->max_tokens_legacy |= offer->config->quirks.max_tokens_legacy;
        quirks->developer_role |= offer->config->quirks.developer_role;
        quirks->content_string_only |= offer->config->quirks.content_string_only;
        quirks->content_never_null |= offer->config->quirks.content_never_null;
        quirks->no_stream_usage |= offer->config->quirks.no_stream_usage;
        quirks->keep_extras |= offer->config->quirks.keep_extras;
        quirks->keep_reasoning |= offer->config->quirks.keep_reasoning;
    }
    *ret_cannot = dialect_quirks_cannot(quirks);
    for (uint32_t i = 0; i < building->made_count; i++)
        if (memcmp(building->made[i], quirks, sizeof *quirks) == 0)
            return building->kept[i];
    const struct dialect_quirks *kept =
        catalog_add_quirks(building->assembling->builder, quirks, sizeof *quirks);
    if (building->made_count < array_length(building->made)) {
        building->made[building->made_count] = quirks;
        building->kept[building->made_count++] = kept;
    }
    return kept;
}

static uint64_t can_of_facts(const struct fact_model *model, const struct fact_provider *provider,
                             struct span upstream) {
    const struct catalog_abilities able = catalog_abilities_from_facts(model, provider, upstream);
    return (able.stream ? CAN_STREAM : 0u) |
           (able.tools ? CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED : 0u) |
           (able.json_object ? CAN_JSON_OBJECT : 0u) | (able.json_schema ? CAN_JSON_SCHEMA : 0u) |
           (able.vision ? CAN_VISION : 0u) | (able.audio_in ? CAN_AUDIO_IN : 0u) |
           (able.reasoning ? CAN_REASONING : 0u);
}

static uint64_t can_of_config(const struct config_model *model) {
    uint64_t can = CAN_STREAM | CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED | CAN_JSON_OBJECT |
                   CAN_JSON_SCHEMA | CAN_REASONING;
    if (model->vision)
        can |= CAN_VISION;
    if (model->no_tools)
        can &= ~(uint64_t)(CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED);
    if (model->no_json_schema)
        can &= ~(uint64_t)CAN_JSON_SCHEMA;
    return can;
}

/* A route as it is before it is known by whose key. */
struct planned_route {
    struct span model, upstream;
    enum catalog_kind kind;
    uint64_t can, context_tokens, output_tokens_max;
    const struct fact_route *facts;
    bool automatic;
};

static void report_route(struct building *building, const struct planned_route *planned, int err) {
    config_report_error(
        building->assembling->config, building->assembling->report, assemble_place(building->offer),
        "provider '%.*s', model '%.*s': %s", SPAN_ARG(building->offer->id),
        SPAN_ARG(planned->model),
        err == ERR_TOO_LARGE
            ? "too many limits, or too many ways to be served; list fewer keys or models"
            : err_text(err));
}

static void add_route(struct building *building, const struct planned_route *planned) {
    uint32_t limits[LIMIT_ROUTE_MAX];
    uint64_t cannot = 0;
    const struct dialect_quirks *quirks = quirks_of(building, planned->upstream, &cannot);
    for (uint32_t key = 0; key < building->offer->key_count; key++) {
        struct catalog_route route = {
            .account = building->accounts[key],
            .upstream_model = planned->upstream,
            .can = (planned->can | CAN_DIMENSIONS) & ~cannot,
            .context_tokens = planned->context_tokens,
            .output_tokens_max = planned->output_tokens_max,
            .facts = planned->facts,
            .quirks = quirks,
            .automatic = planned->automatic && !building->offer->keys[key].paid,
        };
        if (planned->facts != NULL) {
            route.unit_cost_input = planned->facts->cost_input_micro;
            route.unit_cost_output = planned->facts->cost_output_micro;
        }
        int err = plan_limits(building, key, planned->kind, &route, limits);
        if (err == 0)
            err = catalog_add_route(building->assembling->builder, planned->model, &route);
        if (err < 0) {
            report_route(building, planned, err);
            return;
        }
        building->route_count++;
    }
}

/* The date of the facts, "2026-11-22", as Unix time: the best that is known of a model's age. */
static uint64_t date_of_facts(const struct facts *facts) {
    struct span rest = span_text(facts->compiled), part;
    uint64_t numbers[3] = {0};
    for (size_t i = 0; i < array_length(numbers) && span_split(&rest, '-', &part); i++)
        if (!span_to_u64(part, &numbers[i]) || numbers[i] > 9999)
            return 0;
    struct tm date = {.tm_year = (int)numbers[0] - 1900,
                      .tm_mon = (int)numbers[1] - 1,
                      .tm_mday = (int)numbers[2]};
    time_t seconds = timegm(&date);
    return seconds > 0 ? (uint64_t)seconds : 0;
}

static void describe(struct building *building, const struct planned_route *planned,
                     const struct fact_model *facts) {
    struct catalog_model model = {0};
    model.kind = planned->kind;
    if (facts != NULL)
        catalog_model_from_facts(facts, &model);
    model.created_s = date_of_facts(building->assembling->sources->facts);
    catalog_describe_model(building->assembling->builder, planned->model, &model);
}

/* The section's model of that name; NULL when it lists none of it. */
static const struct config_model *listed_model(const struct offer *offer, struct span model,
                                               struct span upstream) {
    for (uint32_t i = 0; offer->config != NULL && i < offer->config->model_count; i++) {
        const struct config_model *listed = &offer->config->models[i];
        if (span_equal(listed->upstream, upstream) || span_equal(listed->id, upstream) ||
            span_equal(listed->id, model))
            return listed;
    }
    return NULL;
}

/* What costs is asked only where an alias or a pin names it; the configuration's word on that comes first. */
static enum discover_reach reach_of(const struct offer *offer, const struct fact_route *route,
                                    const struct config_model *listed) {
    if (listed != NULL && listed->free != CONFIG_NOT_SAID)
        return listed->free == CONFIG_YES ? REACH_AUTOMATIC : REACH_BY_NAME_ONLY;
    return discover_route(&offer->found, route, listed != NULL);
}

static void add_fact_route(struct building *building, const struct fact_route *from) {
    const struct offer *offer = building->offer;
    struct span upstream = span_text(from->upstream);
    struct span model = from->model[0] != '\0' ? span_text(from->model) : upstream;
    const struct config_model *listed = listed_model(offer, model, upstream);
    const struct fact_model *facts = facts_model(building->assembling->sources->facts, model);
    enum discover_reach reach = reach_of(offer, from, listed);
    bool only_listed = offer->config != NULL && offer->config->model_count > 0;
    if ((only_listed && listed == NULL) || reach == REACH_NOT)
        return;
    struct planned_route planned = {
        .model = listed != NULL ? listed->id : model,
        .upstream = upstream,
        .kind = facts != NULL ? catalog_kind_of(facts->kind) : CATALOG_CHAT,
        .can = facts != NULL ? can_of_facts(facts, offer->facts, upstream)
                             : (uint64_t)(CAN_STREAM | CAN_TOOLS),
        .context_tokens = from->context_tokens,
        .output_tokens_max = from->output_tokens_max,
        .facts = from,
        .automatic = reach == REACH_AUTOMATIC,
    };
    if (planned.kind == CATALOG_OTHER)
        return; /* sound and pictures: no endpoint asks for them yet */
    if (planned.context_tokens == 0 && facts != NULL)
        planned.context_tokens = facts->context_tokens;
    if (planned.output_tokens_max == 0 && facts != NULL)
        planned.output_tokens_max = facts->output_tokens_max;
    if (listed != NULL && listed->context_tokens > 0)
        planned.context_tokens = listed->context_tokens;
    if (listed != NULL && listed->output_tokens_max > 0)
        planned.output_tokens_max = listed->output_tokens_max;
    add_route(building, &planned);
    describe(building, &planned, facts);
}

static bool is_fact_route(const struct offer *offer, struct span name) {
    for (uint32_t i = 0; offer->facts != NULL && i < offer->facts->route_count; i++)
        if (span_is(name, offer->facts->routes[i].model) ||
            span_is(name, offer->facts->routes[i].upstream))
            return true;
    return false;
}

static bool is_listed_fact(const struct offer *offer, const struct config_model *listed) {
    for (uint32_t i = 0; offer->facts != NULL && i < offer->facts->route_count; i++) {
        const struct fact_route *route = &offer->facts->routes[i];
        if (listed_model(offer, span_text(route->model), span_text(route->upstream)) == listed)
            return true;
    }
    return false;
}

static void add_listed_route(struct building *building, const struct config_model *from) {
    const struct fact_model *facts = facts_model(building->assembling->sources->facts, from->id);
    const struct planned_route planned = {
        .model = from->id,
        .upstream = from->upstream,
        .kind = span_is(from->kind, "embed")  ? CATALOG_EMBED
                : span_is(from->kind, "chat") ? CATALOG_CHAT
                                              : CATALOG_ANY,
        .can = can_of_config(from),
        .context_tokens = from->context_tokens,
        .output_tokens_max = from->output_tokens_max,
        .automatic =
            from->free == CONFIG_YES || (from->free != CONFIG_NO && !building->offer->found.paid),
    };
    add_route(building, &planned);
    describe(building, &planned, facts);
}

static void add_local_route(struct building *building, const struct local_model *from) {
    const struct fact_model *facts = facts_model(building->assembling->sources->facts, from->id);
    const struct planned_route planned = {
        .model = from->id,
        .upstream = from->id,
        .kind = from->embeds ? CATALOG_EMBED : CATALOG_CHAT,
        .can = can_of_config(&(const struct config_model){.vision = from->vision}),
        .context_tokens = from->context_tokens,
        .automatic = true,
    };
    add_route(building, &planned);
    describe(building, &planned, facts);
}

/* "gpt-4o-mini" of "openai/gpt-4o-mini" when the offer is openai; else absent. */
static struct span pin_of(const struct offer *offer, struct span target) {
    struct span id = offer->id;
    bool pinned = target.len > id.len + 1 && memcmp(target.ptr, id.ptr, id.len) == 0 &&
                  target.ptr[id.len] == '/';
    return pinned ? span_of(target.ptr + id.len + 1, target.len - id.len - 1) : SPAN_NONE;
}

static bool pinned_before(const struct config *config, uint32_t alias, uint32_t target) {
    struct span name = config->aliases[alias].targets[target];
    for (uint32_t i = 0; i <= alias; i++)
        for (uint32_t j = 0; j < (i < alias ? config->aliases[i].target_count : target); j++)
            if (span_equal(config->aliases[i].targets[j], name))
                return true;
    return false;
}

/* Catalogs of those who bill are long and theirs: what an alias names there is taken at its word. */
static void add_pinned_routes(struct building *building) {
    const struct offer *offer = building->offer;
    const struct config *config = building->assembling->config;
    for (uint32_t i = 0; i < config->alias_count; i++)
        for (uint32_t j = 0; j < config->aliases[i].target_count; j++) {
            struct span name = pin_of(offer, config->aliases[i].targets[j]);
            const struct config_model pinned = {.id = name, .upstream = name};
            if (span_absent(name) || pinned_before(config, i, j) ||
                listed_model(offer, name, name) != NULL || is_fact_route(offer, name))
                continue;
            add_listed_route(building, &pinned);
        }
}

void assemble_provider(struct assembling *assembling, const struct offer *offer) {
    struct building building = {.assembling = assembling, .offer = offer};
    uint32_t errors = assembling->report->errors;
    if (!add_provider(&building))
        return;
    add_accounts(&building);
    for (uint32_t i = 0; offer->facts != NULL && i < offer->facts->route_count; i++)
        add_fact_route(&building, &offer->facts->routes[i]);
    for (uint32_t i = 0; offer->config != NULL && i < offer->config->model_count; i++)
        if (!is_listed_fact(offer, &offer->config->models[i]))
            add_listed_route(&building, &offer->config->models[i]);
    bool listed = offer->config != NULL && offer->config->model_count > 0;
    for (uint32_t i = 0; offer->server != NULL && !listed && i < offer->server->model_count; i++)
        add_local_route(&building, &offer->server->models[i]);
    if (offer->found.paid && !listed)
        add_pinned_routes(&building);
    if (building.route_count == 0 && offer->config != NULL && !assembling->again &&
        assembling->report->errors == errors)
        config_report_warning(assembling->config, assembling->report, assemble_place(offer),
                              "provider '%.*s' serves nothing: neither the catalog nor this file "
                              "names a model of it that may be asked; list its models",
                              SPAN_ARG(offer->id));
}
