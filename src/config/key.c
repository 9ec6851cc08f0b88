// SPDX-License-Identifier: Apache-2.0
/*
 * The setting `keys` of a provider: references to secrets.
 *
 * Why references: a configuration is copied, shown and committed; a key must not be in it. `env:NAME` and `file:PATH`
 * are read at once, into pages of their own (base/secret.h); a key written out works, with a warning. No message
 * ever repeats what stands where a key belongs, since it may be one.
 * Promises: a key has no spaces, line ends, control or non-ASCII bytes, so it cannot split a header; spaces around it are
 * dropped with a warning, the end of line of a file without; buffers are wiped.
 * Leaves to others: sealed storage of keys (vault/).
 */
#include "base/check.h"
#include "config/parts.h"

#include <errno.h>

/* `where` names the key's place, never the key: "the key in environment variable X". */
static void keep(struct loader *loader, struct config_key *key, const struct yaml_node *node,
                 struct span text, const char *where) {
    struct span bytes = config_key_trim(text);
    const char *why = config_key_problem(bytes);
    check(key->key == NULL);
    if (why != NULL) {
        config__error(loader, node, "%s %s", where, why);
        return;
    }
    if (bytes.len != text.len)
        config__warn(loader, node, "%s has spaces or line ends around it, which are dropped",
                     where);
    if (secret_new(bytes, &key->key) < 0)
        config__error(loader, node, "no memory for the key");
}

/* Never NULL. */
static const char *place_of(struct loader *loader, const char *kind, struct span name) {
    struct span shown = config__shown(name);
    const char *text = arena_format(loader->arena, "the key in %s %.*s", kind, SPAN_ARG(shown));
    return text != NULL ? text : "the key";
}

static void from_environment(struct loader *loader, struct config_key *key,
                             const struct yaml_node *node, struct span name) {
    const struct config_environment *environment = loader->environment;
    const char *value = NULL;
    if (environment != NULL && environment->get != NULL)
        value = environment->get(environment->context, name.ptr);
    if (value == NULL || value[0] == '\0')
        config__error(loader, node, "environment variable %.*s, named as a key, is not set",
                      SPAN_ARG(name));
    else if (strchr(value, ',') != NULL)
        config__error(
            loader, node,
            "environment variable %.*s holds several keys; name a variable for each here, "
            "or leave 'keys' out where the catalog knows the provider",
            SPAN_ARG(name));
    else
        keep(loader, key, node, span_text(value), place_of(loader, "environment variable", name));
}

static struct span without_line_end(struct span text) {
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return text;
}

static void from_file(struct loader *loader, struct config_key *key, const struct yaml_node *node,
                      struct span name) {
    struct span path = config__resolve_path(loader, name);
    struct dynbuf text;
    dynbuf_init(&text, (size_t)4 * SECRET_MAX_BYTES);
    int err = span_absent(path) ? ERR_NOMEM
                                : config__read_file(path.ptr, true, SECRET_MAX_BYTES + 2, &text);
    if (err < 0)
        config__error(loader, node, "cannot read key file %.*s: %s", SPAN_ARG(path),
                      err == ERR_SYSTEM ? strerror(errno)
                      : err == ERR_TYPE ? "it is not a regular file"
                                        : err_text(err));
    else
        keep(loader, key, node, without_line_end(dynbuf_span(&text)),
             place_of(loader, "file", path));
    if (text.data != NULL)
        secret_wipe(text.data, text.capacity);
    dynbuf_done(&text);
}

static void from_text(struct loader *loader, struct config_key *key, const struct yaml_node *node) {
    keep(loader, key, node, node->text, "the key");
    key->literal = key->key != NULL;
    if (key->key != NULL)
        config__warn(loader, node,
                     "a key is written out in the file; write env:NAME or file:PATH instead");
    /* The tree is in the config's arena, which is ours to write. */
    secret_wipe((char *)(uintptr_t)node->text.ptr, node->text.len);
}

/* "papi.yaml:12" */
static struct span source_of(struct loader *loader, const struct yaml_node *node) {
    const char *name = loader->name != NULL ? loader->name : "";
    const char *slash = strrchr(name, '/');
    return span_text(
        arena_format(loader->arena, "%s:%u", slash != NULL ? slash + 1 : name, node->line));
}

void config__apply_key(struct loader *loader, struct config_key *key,
                       const struct yaml_node *node) {
    struct span text = node->text;
    key->source = source_of(loader, node);
    if (node->type != YAML_SCALAR || yaml_is_null(node) || text.len == 0) {
        config__error(loader, node, "a key must be env:NAME or file:PATH");
        return;
    }
    if (span_starts_with(text, "env:") && text.len > 4)
        from_environment(loader, key, node, span_of(text.ptr + 4, text.len - 4));
    else if (span_starts_with(text, "file:") && text.len > 5)
        from_file(loader, key, node, span_of(text.ptr + 5, text.len - 5));
    else if (span_is(text, "env:") || span_is(text, "file:"))
        config__error(loader, node, "%.*s needs a name behind it", SPAN_ARG(text));
    else
        from_text(loader, key, node);
}

static void read_key(struct loader *loader, struct config_key *key, const struct yaml_node *node) {
    config__set_initial(loader, "providers.*.keys[]", key);
    if (node->type == YAML_MAPPING) {
        config__walk(loader, "providers.*.keys[]", key, node);
        config__require(loader, "providers.*.keys[]", node);
    } else {
        config__apply_key(loader, key, node);
    }
}

void config__apply_keys(struct loader *loader, struct config_provider *provider,
                        const struct yaml_node *node) {
    const char *outer = loader->section;
    if (node->type == YAML_SEQUENCE && node->count == 0)
        return;
    if (node->type == YAML_MAPPING || yaml_is_null(node)) {
        config__error(loader, node,
                      "'%s.keys' must be a list, such as [env:NAME] or [{key: env:NAME}]", outer);
        return;
    }
    const struct yaml_node *item = node->type == YAML_SEQUENCE ? node->first : node;
    uint32_t count = node->type == YAML_SEQUENCE ? node->count : 1;
    provider->keys = config__records(loader, node, sizeof *provider->keys, count);
    if (provider->keys == NULL)
        return;
    char *section = arena_format(loader->arena, "%s.keys", outer);
    loader->section = section != NULL ? section : outer;
    for (uint32_t i = 0; i < count; i++, item = item->next)
        read_key(loader, &provider->keys[provider->key_count++], item);
    loader->section = outer;
}

/* The first key of the same account that says something else; NULL = none. */
static const struct config_key *contradicted(const struct config_provider *provider,
                                             const struct config_key *key) {
    for (const struct config_key *other = provider->keys; other < key; other++)
        if (span_equal(other->account, key->account) &&
            (other->billing != key->billing || !span_equal(other->plan, key->plan)))
            return other;
    return NULL;
}

void config__settle_keys(struct loader *loader, struct config_provider *provider,
                         const struct yaml_node *node) {
    if (provider->billing == CONFIG_BILLING_NOT_SAID)
        provider->billing = CONFIG_BILLING_UNKNOWN;
    for (uint32_t i = 0; i < provider->key_count; i++) {
        struct config_key *key = &provider->keys[i];
        if (key->billing == CONFIG_BILLING_NOT_SAID)
            key->billing = provider->billing;
        if (span_absent(key->plan))
            key->plan = provider->plan;
        if (contradicted(provider, key) != NULL)
            config__error(loader, node,
                          "keys of account '%.*s' in '%s.keys' differ in billing or plan; keys of "
                          "one account share both",
                          SPAN_ARG(key->account), loader->section);
    }
}
