// SPDX-License-Identifier: Apache-2.0
/*
 * One setting's value into its record, by the type of its row.
 *
 * Why one function for each type: ranges, choices and the wording of complaints are then the same for every setting, whether
 * the value came from the file, the environment or the table's own default.
 * Promises: a value that is refused leaves the record as it was (its default). Texts are those of the tree, which lives
 * in the config's arena.
 * Leaves to others: lists with records of their own (provider.c, model.c, key.c, alias.c), lists of texts (access.c).
 */
#include "base/check.h"
#include "config/parts.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CHOICE_MAX_BYTES 128

struct slot {
    struct loader *loader;
    const struct setting *setting;
    const struct yaml_node *node;
    void *target; /* the member */
};

/* "'queue.max_wait: 25x' must be a duration ..." */
static void refuse(const struct slot *slot, const char *why) {
    struct span shown = config__shown(slot->node->text);
    config__error(slot->loader, slot->node, "'%s%s%.*s' %s",
                  config__label(slot->loader, slot->setting),
                  slot->loader->variable != NULL ? "=" : ": ", SPAN_ARG(shown), why);
}

static void put_text(const struct slot *slot) {
    *(struct span *)slot->target = slot->node->text;
}

static void put_tri(const struct slot *slot) {
    bool value;
    const char *why = config__parse_bool(slot->node->text, &value);
    if (why != NULL)
        refuse(slot, why);
    else
        *(enum config_tri *)slot->target = value ? CONFIG_YES : CONFIG_NO;
}

static void put_bool(const struct slot *slot) {
    bool value;
    const char *why = config__parse_bool(slot->node->text, &value);
    if (why != NULL)
        refuse(slot, why);
    else
        *(bool *)slot->target = value != ((slot->setting->flags & SETTING_INVERTED) != 0);
}

static const struct unit {
    enum setting_type type;
    uint64_t factor;
    const char *name;
} units[] = {
    {SETTING_DURATION, 60 * 60 * 1000, "h"},
    {SETTING_DURATION, 60 * 1000, "m"},
    {SETTING_DURATION, 1000, "s"},
    {SETTING_DURATION, 1, "ms"},
    {SETTING_SIZE, 1024 * 1024 * 1024, "GiB"},
    {SETTING_SIZE, 1024 * 1024, "MiB"},
    {SETTING_SIZE, 1024, "KiB"},
    {SETTING_SIZE, 1, "B"},
};

/* In the largest unit that needs no fraction. */
static void format_bound(const struct setting *setting, uint64_t value, char *text, size_t size) {
    const char *name = "";
    for (size_t i = 0; value > 0 && i < array_length(units); i++) {
        if (units[i].type != setting->type || value % units[i].factor != 0)
            continue;
        value /= units[i].factor;
        name = units[i].name;
        break;
    }
    (void)snprintf(text, size, "%llu%s", (unsigned long long)value, name);
}

static bool in_range(const struct slot *slot, uint64_t value) {
    const struct setting *setting = slot->setting;
    char least[32], most[32], why[96];
    if (value >= setting->min && (setting->max == 0 || value <= setting->max))
        return true;
    format_bound(setting, setting->min, least, sizeof least);
    format_bound(setting, setting->max, most, sizeof most);
    (void)snprintf(why, sizeof why, "must lie between %s and %s", least, most);
    refuse(slot, why);
    return false;
}

static void put_number(const struct slot *slot) {
    uint64_t value;
    if (!span_to_u64(slot->node->text, &value)) {
        refuse(slot, "must be a whole number");
        return;
    }
    if (!in_range(slot, value))
        return;
    if (slot->setting->type == SETTING_U64)
        *(uint64_t *)slot->target = value;
    else
        *(uint32_t *)slot->target = (uint32_t)value;
}

static void warn_without_unit(const struct slot *slot) {
    config__warn(slot->loader, slot->node, "'%s' has no unit and is taken as seconds; write %.*ss",
                 config__label(slot->loader, slot->setting), SPAN_ARG(slot->node->text));
}

static void put_period(const struct slot *slot) {
    bool without_unit;
    const char *why = config__parse_period(slot->node->text, slot->target, &without_unit);
    if (why != NULL)
        refuse(slot, why);
    else if (without_unit)
        warn_without_unit(slot);
}

static void put_duration(const struct slot *slot) {
    uint64_t value;
    bool without_unit;
    const char *why = config__parse_duration(slot->node->text, &value, &without_unit);
    if (why != NULL) {
        refuse(slot, why);
        return;
    }
    if (!in_range(slot, value))
        return;
    *(uint64_t *)slot->target = value;
    if (without_unit)
        warn_without_unit(slot);
}

static void put_size(const struct slot *slot) {
    uint64_t value;
    const char *why = config__parse_size(slot->node->text, &value);
    if (why != NULL)
        refuse(slot, why);
    else if (in_range(slot, value))
        *(uint64_t *)slot->target = value;
}

static void put_address(const struct slot *slot) {
    const char *why = config_listen_malformed(slot->node->text);
    if (why != NULL) {
        refuse(slot, why);
        return;
    }
    put_text(slot);
    slot->loader->config->listen_place =
        (struct config_place){slot->node->line, slot->node->column};
}

/* Texts that one function judges. */
static void put_checked(const struct slot *slot) {
    static const char *(*const checks[SETTING_TYPE_COUNT])(struct span) = {
        [SETTING_NETWORK] = config__check_network, [SETTING_NAME] = config__check_name,
        [SETTING_ZONE] = config__check_zone,       [SETTING_AGENT] = config__check_agent,
        [SETTING_STORE] = config__check_store,
    };
    const char *why = checks[slot->setting->type](slot->node->text);
    if (why != NULL)
        refuse(slot, why);
    else
        put_text(slot);
}

/* Not echoed: it may hold a password. */
static void put_proxy(const struct slot *slot) {
    const char *why =
        span_is(slot->node->text, "none") ? NULL : config_proxy_refused(slot->node->text);
    if (why != NULL)
        config__error(slot->loader, slot->node, "'%s' %s",
                      config__label(slot->loader, slot->setting), why);
    else
        put_text(slot);
}

static void put_url(const struct slot *slot) {
    struct config_provider *provider =
        container_of((struct span *)slot->target, struct config_provider, base_url);
    struct config_url url;
    const char *why = config_url_parse(slot->node->text, &url);
    if (why != NULL) {
        /* Not echoed: what is wrong with it may be a password. */
        config__error(slot->loader, slot->node, "'%s' %s",
                      config__label(slot->loader, slot->setting), why);
        return;
    }
    put_text(slot);
    provider->host = url.host;
    provider->port = url.port;
    provider->tls = url.tls;
    provider->base_path = url.path.len > 0 ? url.path : SPAN_LITERAL("/v1");
    provider->host_is_loopback = url.host_is_loopback;
}

struct span config__resolve_path(struct loader *loader, struct span path) {
    const char *slash = loader->name != NULL ? strrchr(loader->name, '/') : NULL;
    int folder = slash != NULL ? (int)(slash - loader->name) + 1 : 0;
    bool absolute = path.len > 0 && path.ptr[0] == '/';
    char *text = arena_format(loader->arena, "%.*s%.*s", absolute ? 0 : folder,
                              loader->name != NULL ? loader->name : "", SPAN_ARG(path));
    return text != NULL ? span_text(text) : SPAN_NONE;
}

static void put_file(const struct slot *slot) {
    struct span path = config__resolve_path(slot->loader, slot->node->text);
    if (span_absent(path) || access(path.ptr, R_OK) < 0)
        config__error(slot->loader, slot->node, "'%s': cannot read %.*s: %s",
                      config__label(slot->loader, slot->setting), SPAN_ARG(path), strerror(errno));
    else
        *(struct span *)slot->target = path;
}

static void put_output(const struct slot *slot) {
    struct span path = config__resolve_path(slot->loader, slot->node->text);
    if (!span_absent(path))
        *(struct span *)slot->target = path;
}

/* "-a|b|c" as "a, b or c", only those this version obeys. */
static void list_choices(const char *choices, char *text, size_t size) {
    struct span rest = span_text(choices), choice;
    size_t used = 0;
    bool first = true;
    text[0] = '\0';
    while (span_split(&rest, '|', &choice)) {
        if (choice.ptr[0] == '-')
            continue;
        bool last = span_absent(rest) || rest.ptr[0] == '-';
        int wrote = snprintf(text + used, size - used, "%s%.*s",
                             first  ? ""
                             : last ? " or "
                                    : ", ",
                             SPAN_ARG(choice));
        check(wrote > 0 && (size_t)wrote < size - used);
        used += (size_t)wrote;
        first = false;
    }
}

/* Its index, or -1 (reported). */
static int choose(const struct slot *slot) {
    struct span rest = span_text(slot->setting->choices), choice;
    char known[CHOICE_MAX_BYTES], why[CHOICE_MAX_BYTES + 16];
    for (int index = 0; span_split(&rest, '|', &choice); index++) {
        bool later = choice.ptr[0] == '-';
        if (!span_equal(slot->node->text, later ? span_of(choice.ptr + 1, choice.len - 1) : choice))
            continue;
        if (!later)
            return index;
        refuse(slot, "is not supported by this version yet");
        return -1;
    }
    list_choices(slot->setting->choices, known, sizeof known);
    (void)snprintf(why, sizeof why, "must be %s", known);
    refuse(slot, why);
    return -1;
}

static void put_choice(const struct slot *slot) {
    if (choose(slot) >= 0)
        put_text(slot);
}

/* All enums of words.h are as wide as unsigned and begin at 0. */
static void put_enum(const struct slot *slot) {
    _Static_assert(sizeof(enum config_auth) == sizeof(unsigned), "stored as unsigned");
    int index = choose(slot);
    if (index >= 0)
        *(unsigned *)slot->target = (unsigned)index + (slot->setting->initial == NULL);
}

static void (*const puts_scalar[SETTING_TYPE_COUNT])(const struct slot *slot) = {
    [SETTING_BOOL] = put_bool,     [SETTING_U32] = put_number,
    [SETTING_U64] = put_number,    [SETTING_DURATION] = put_duration,
    [SETTING_SIZE] = put_size,     [SETTING_ADDRESS] = put_address,
    [SETTING_URL] = put_url,       [SETTING_NETWORK] = put_checked,
    [SETTING_FILE] = put_file,     [SETTING_NAME] = put_checked,
    [SETTING_ZONE] = put_checked,  [SETTING_AGENT] = put_checked,
    [SETTING_STORE] = put_checked, [SETTING_PROXY] = put_proxy,
    [SETTING_CHOICE] = put_choice, [SETTING_ENUM] = put_enum,
    [SETTING_TRI] = put_tri,       [SETTING_PERIOD] = put_period,
    [SETTING_OUTPUT] = put_output,
};

static bool is_clean(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    return true;
}

bool config__is_single(struct loader *loader, const char *label, const struct yaml_node *node) {
    if (node->type != YAML_SCALAR)
        config__error(loader, node, "'%s' must be a single value, not %s", label,
                      yaml_type_name(node));
    else if (yaml_is_null(node) || node->text.len == 0)
        config__error(loader, node, "'%s' has no value", label);
    else if (!is_clean(node->text))
        config__error(loader, node, "'%s' holds control characters", label);
    else
        return true;
    return false;
}

static void apply_scalar(struct loader *loader, const struct setting *setting, void *record,
                         const struct yaml_node *node) {
    if (!config__is_single(loader, config__label(loader, setting), node))
        return;
    struct slot slot = {loader, setting, node, (char *)record + setting->offset};
    puts_scalar[setting->type](&slot);
}

void *config__records(struct loader *loader, const struct yaml_node *node, size_t size,
                      uint32_t count) {
    void *records = arena_try_alloc(loader->arena, size * (count > 0 ? count : 1));
    if (records == NULL)
        config__error(loader, node, "too much for one configuration");
    else
        memset(records, 0, size * (count > 0 ? count : 1));
    return records;
}

static void apply_later(struct loader *loader, const struct setting *setting,
                        const struct yaml_node *node) {
    config__error(loader, node->key != NULL ? node->key : node,
                  "'%s' is not supported by this version yet", config__label(loader, setting));
}

void config__apply(struct loader *loader, const struct setting *setting, void *record,
                   const struct yaml_node *node) {
    switch (setting->type) {
    case SETTING_LATER:
        apply_later(loader, setting, node);
        return;
    case SETTING_HOSTS:
    case SETTING_ORIGINS:
    case SETTING_NETWORKS:
        config__apply_texts(loader, setting, record, node);
        return;
    case SETTING_PROVIDERS:
        config__apply_providers(loader, node);
        return;
    case SETTING_ALIASES:
        config__apply_aliases(loader, node);
        return;
    case SETTING_KEYS:
        config__apply_keys(loader, record, node);
        return;
    case SETTING_KEY:
        config__apply_key(loader, record, node);
        return;
    case SETTING_MODELS:
        config__apply_models(loader, record, node);
        return;
    case SETTING_LIMITS:
        config__apply_limits(loader, record, node);
        return;
    default:
        apply_scalar(loader, setting, record, node);
    }
}
