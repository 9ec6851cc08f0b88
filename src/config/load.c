// SPDX-License-Identifier: Apache-2.0
/*
 * From a file and the environment to struct config.
 *
 * Order: defaults, file, environment (which wins), then the rules that need the whole. All errors are collected, since
 * nobody likes to repair a file one message at a time; a value with an error keeps its default, so that later rules
 * have something to look at. Messages come in the order of the file, those of the environment first.
 * Promises: works without a file; a config is handed out even with errors, for its arena; literal keys and the text
 * of the file are wiped after reading.
 * Leaves to others: single values (apply.c), the table (schema.c), where the file is (env.c).
 */
#include "base/check.h"
#include "base/mem.h"
#include "config/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define MESSAGE_MAX_BYTES      512
#define SHOWN_MAX_BYTES        130 /* any name of a model fits */
#define PATTERN_MAX_BYTES      128
#define READ_BYTES             4096

void config__message(struct loader *loader, bool warning, const struct yaml_node *at,
                     const char *format, ...) {
    struct config_report *report = loader->report;
    char text[MESSAGE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct config_place place = {at != NULL ? at->line : 0, at != NULL ? at->column : 0};
    config_report_add(report, loader->arena, warning ? CONFIG_WARNING : CONFIG_ERROR, place, text);
}

const struct config_catalog *config__catalog(const struct loader *loader) {
    return loader->environment != NULL ? loader->environment->catalog : NULL;
}

struct span config__shown(struct span text) {
    if (text.len <= SHOWN_MAX_BYTES)
        return text;
    text.len = SHOWN_MAX_BYTES;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

static const char *last_part(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* Never NULL: out of space is told by a name that stands for any. */
static const char *joined(struct loader *loader, const char *section, struct span name) {
    const char *path = arena_format(loader->arena, "%s%s%.*s", section,
                                    section[0] != '\0' ? "." : "", SPAN_ARG(name));
    return path != NULL ? path : "...";
}

const char *config__label(struct loader *loader, const struct setting *setting) {
    if (loader->variable != NULL)
        return loader->variable;
    return joined(loader, loader->section, span_text(last_part(setting->path)));
}

static bool is_setting_name(struct span name) {
    for (size_t i = 0; i < name.len; i++)
        if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || name.ptr[i] == '_'))
            return false;
    return name.len > 0 && name.len < PATTERN_MAX_BYTES / 2;
}

static void report_unknown(struct loader *loader, const char *pattern,
                           const struct yaml_node *key) {
    bool near = false;
    const char *path = joined(loader, loader->section, config__shown(key->text));
    const char *dot = strchr(key->text.ptr, '.');
    if (span_starts_with(span_text(pattern), "providers.*.keys")) {
        /* Not echoed: it may be a key. */
        config__error(loader, key,
                      "unknown setting in '%s'; known are key, account, billing and plan",
                      loader->section);
        return;
    }
    if (dot != NULL && config__find(key->text.ptr) != NULL) {
        config__error(loader, key, "unknown setting '%s'; write it nested: %.*s: {%s: ...}", path,
                      (int)(dot - key->text.ptr), key->text.ptr, dot + 1);
        return;
    }
    const char *nearest = config__nearest(pattern, key->text, loader->arena, &near);
    if (strchr(nearest, '.') == NULL)
        nearest = joined(loader, loader->section, span_text(nearest));
    config__error(loader, key, "unknown setting '%s'; %s '%s'%s", path,
                  near ? "did you mean" : "the nearest known one is", nearest, near ? "?" : "");
}

static void walk_section(struct loader *loader, const char *pattern, void *record,
                         const struct yaml_node *node) {
    const char *outer = loader->section;
    loader->section = joined(loader, outer, node->key->text);
    if (node->type == YAML_MAPPING)
        config__walk(loader, pattern, record, node);
    else if (!yaml_is_null(node))
        config__error(loader, node, "'%s' must be a mapping, not %s", loader->section,
                      yaml_type_name(node));
    loader->section = outer;
}

void config__walk(struct loader *loader, const char *pattern, void *record,
                  const struct yaml_node *mapping) {
    for (const struct yaml_node *node = mapping->first; node != NULL; node = node->next) {
        char path[PATTERN_MAX_BYTES];
        const struct setting *setting = NULL;
        path[0] = '\0';
        if (is_setting_name(node->key->text)) {
            (void)snprintf(path, sizeof path, "%s%s%.*s", pattern, pattern[0] != '\0' ? "." : "",
                           SPAN_ARG(node->key->text));
            setting = config__find(path);
        }
        if (setting != NULL)
            config__apply(loader, setting, record, node);
        else if (path[0] != '\0' && config__is_section(path))
            walk_section(loader, path, record, node);
        else
            report_unknown(loader, pattern, node->key);
    }
}

/* Whether a row lies in `pattern`, not inside an entry with a record of its own further down. */
static bool lies_in(const struct setting *setting, const char *pattern) {
    size_t length = strlen(pattern);
    const char *rest = setting->path + length + (length > 0);
    return strncmp(setting->path, pattern, length) == 0 &&
           (length == 0 || setting->path[length] == '.') && strpbrk(rest, "*[") == NULL;
}

void config__set_initial(struct loader *loader, const char *pattern, void *record) {
    for (size_t i = 0; i < config__setting_count; i++) {
        const struct setting *setting = &config__settings[i];
        if (setting->initial == NULL || !lies_in(setting, pattern))
            continue;
        struct yaml_node value = {
            .type = YAML_SCALAR, .plain = true, .text = span_text(setting->initial)};
        config__apply(loader, setting, record, &value);
    }
}

const struct yaml_node *config__child(const struct yaml_node *mapping, const char *name) {
    const struct yaml_node *child = mapping->type == YAML_MAPPING ? mapping->first : NULL;
    while (child != NULL && !span_is(child->key->text, name))
        child = child->next;
    return child;
}

void config__require(struct loader *loader, const char *pattern, const struct yaml_node *mapping) {
    for (size_t i = 0; i < config__setting_count; i++) {
        const struct setting *setting = &config__settings[i];
        if ((setting->flags & SETTING_REQUIRED) == 0 || !lies_in(setting, pattern))
            continue;
        if (config__child(mapping, last_part(setting->path)) == NULL)
            config__error(loader, mapping->key != NULL ? mapping->key : mapping,
                          "'%s' is missing; %s", config__label(loader, setting),
                          setting->when_missing);
    }
}

/* Insertion sort: at most 64, mostly in order; messages of one place keep theirs. */
static void sort_report(struct config_report *report) {
    for (uint32_t i = 1; i < report->count; i++) {
        struct config_message item = report->items[i];
        uint32_t j = i;
        for (; j > 0; j--) {
            const struct config_message *before = &report->items[j - 1];
            if (before->line < item.line ||
                (before->line == item.line && before->column <= item.column))
                break;
            report->items[j] = *before;
        }
        report->items[j] = item;
    }
}

static void tell(struct config *config, struct config_report *report, const char *format,
                 va_list arguments, struct config_message like)
    __attribute__((format(printf, 3, 0)));

static void tell(struct config *config, struct config_report *report, const char *format,
                 va_list arguments, struct config_message like) {
    char text[MESSAGE_MAX_BYTES];
    (void)vsnprintf(text, sizeof text, format, arguments);
    config_report_add(report, config->arena, like.warning ? CONFIG_WARNING : CONFIG_ERROR,
                      (struct config_place){like.line, like.column}, text);
    sort_report(report);
}

void config_report_error(struct config *config, struct config_report *report,
                         struct config_place place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(config, report, format, arguments,
         (struct config_message){.line = place.line, .column = place.column});
    va_end(arguments);
}

void config_report_warning(struct config *config, struct config_report *report,
                           struct config_place place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(config, report, format, arguments,
         (struct config_message){.warning = true, .line = place.line, .column = place.column});
    va_end(arguments);
}

static void read_text(struct loader *loader, struct span text) {
    struct yaml_node *root = NULL;
    struct yaml_error error;
    if (yaml_parse(text, loader->arena, &root, &error) < 0) {
        struct yaml_node place = {.line = error.line, .column = error.column};
        config__error(loader, &place, "%s", error.text);
        return;
    }
    if (root != NULL && root->type == YAML_MAPPING)
        config__walk(loader, "", loader->config, root);
    else if (root != NULL && !yaml_is_null(root))
        config__error(loader, root, "the file must be a mapping of settings, not %s",
                      yaml_type_name(root));
}

static struct config *config_new(void) {
    struct config *config = mem_zalloc(sizeof *config);
    config->arena = mem_zalloc(sizeof *config->arena);
    arena_init(config->arena, NULL, 0, CONFIG_ARENA_MAX_BYTES);
    return config;
}

static void begin(struct loader *loader, const char *name,
                  const struct config_environment *environment, struct config_report *report) {
    struct config *config = config_new();
    memset(report, 0, sizeof *report);
    *loader = (struct loader){.config = config,
                              .report = report,
                              .environment = environment,
                              .name = name,
                              .section = "",
                              .arena = config->arena};
    if (name != NULL && arena_copy(config->arena, span_text(name), &config->file) < 0)
        config->file = SPAN_NONE;
    config__set_initial(loader, "", config);
    check(report->count == 0);
}

static int finish(struct loader *loader, struct config **ret_config) {
    struct config *config = loader->config;
    config__apply_environment(loader);
    config__apply_proxies(loader);
    if (config->data_use == CONFIG_DATA_NOT_SAID)
        config->data_use =
            config->audience == CONFIG_SELF ? CONFIG_DATA_ANY : CONFIG_DATA_NO_TRAINING;
    config__check_access(loader);
    config__check_aliases(loader);
    sort_report(loader->report);
    *ret_config = config;
    return loader->report->errors == 0 ? 0 : ERR_INVALID;
}

int config_parse(struct span yaml, const char *name, const struct config_environment *environment,
                 struct config **ret_config, struct config_report *ret_report) {
    struct loader loader;
    begin(&loader, name, environment, ret_report);
    read_text(&loader, yaml);
    return finish(&loader, ret_config);
}

static int read_all(int fd, size_t cap_bytes, struct dynbuf *out) {
    ssize_t got = 1;
    while (got > 0 && out->len <= cap_bytes) {
        int err = dynbuf_reserve(out, READ_BYTES);
        if (err < 0)
            return err;
        got = read(fd, dynbuf_tail(out), dynbuf_room(out));
        if (got > 0)
            dynbuf_grew(out, (size_t)got);
    }
    return got < 0 ? ERR_SYSTEM : 0;
}

int config__read_file(const char *path, bool regular_only, size_t cap_bytes, struct dynbuf *out) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular_only ? O_NONBLOCK : 0));
    if (fd < 0)
        return ERR_SYSTEM;
    bool known = fstat(fd, &status) == 0;
    bool regular = known && S_ISREG(status.st_mode);
    int err = regular_only && !regular ? ERR_TYPE : 0;
    /* Room for all at once: a buffer that grows leaves copies behind that nobody wipes. */
    if (err == 0 && regular && status.st_size > 0 && (uint64_t)status.st_size <= cap_bytes)
        err = dynbuf_reserve(out, (size_t)status.st_size + READ_BYTES);
    if (err == 0)
        err = read_all(fd, cap_bytes, out);
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return err;
}

int config_load(const char *path, const struct config_environment *environment,
                struct config **ret_config, struct config_report *ret_report) {
    struct loader loader;
    struct dynbuf text;
    if (path == NULL) {
        begin(&loader, NULL, environment, ret_report);
        return finish(&loader, ret_config);
    }
    begin(&loader, path, environment, ret_report);
    dynbuf_init(&text, CONFIG_FILE_MAX_BYTES + 2 * READ_BYTES);
    if (config__read_file(path, false, CONFIG_FILE_MAX_BYTES, &text) < 0)
        config__error(&loader, NULL, "cannot read %s: %s", path, strerror(errno));
    else if (text.len > CONFIG_FILE_MAX_BYTES)
        config__error(&loader, NULL, "%s is larger than %d bytes", path, CONFIG_FILE_MAX_BYTES);
    else
        read_text(&loader, dynbuf_span(&text));
    if (text.data != NULL)
        secret_wipe(text.data, text.capacity);
    dynbuf_done(&text);
    return finish(&loader, ret_config);
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    for (uint32_t i = 0; i < config->provider_count; i++)
        for (uint32_t j = 0; j < config->providers[i].key_count; j++)
            secret_unref(config->providers[i].keys[j].key);
    arena_reset(config->arena);
    mem_free(config->arena);
    mem_free(config);
}
