// SPDX-License-Identifier: Apache-2.0
/*
 * The setting `keys` of a provider: references to secrets.
 *
 * Why references: a configuration is copied, shown and committed; a key must not be in it. `env:NAME` and `file:PATH`
 * are read at once, into pages of their own (base/secret.h); a key written out works, with a warning. No message
 * ever repeats what stands where a key belongs, since it may be one.
 * Promises: a key has no spaces, line ends, control or non-ASCII bytes, so it cannot split a header; the end of line of
 * a file is dropped; buffers are wiped.
 * Leaves to others: sealed storage of keys (vault/).
 */
#include "base/check.h"
#include "config/parts.h"

#include <errno.h>

static struct span without_line_end(struct span text) {
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return text;
}

/* RFC 9110 section 5.5: what a field value may hold, without spaces. */
static const char *check_bytes(struct span key) {
    if (key.len == 0)
        return "is empty";
    if (key.len > SECRET_MAX_BYTES)
        return "is longer than 4096 bytes";
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] <= ' ' || (unsigned char)key.ptr[i] >= 0x7f)
            return "holds spaces, line ends or other characters that no key has";
    return NULL;
}

static void keep(struct loader *loader, struct config_key *key, const struct yaml_node *node,
                 struct span bytes) {
    check(key->key == NULL);
    if (secret_new(bytes, &key->key) < 0)
        config__error(loader, node, "no memory for the key");
}

static void from_environment(struct loader *loader, struct config_key *key,
                             const struct yaml_node *node, struct span name) {
    const struct config_environment *environment = loader->environment;
    const char *value = NULL;
    const char *why;
    if (environment != NULL && environment->get != NULL)
        value = environment->get(environment->context, name.ptr);
    if (value == NULL || value[0] == '\0')
        config__error(loader, node, "environment variable %.*s, named as a key, is not set",
                      SPAN_ARG(name));
    else if ((why = check_bytes(span_text(value))) != NULL)
        config__error(loader, node, "the key in environment variable %.*s %s", SPAN_ARG(name), why);
    else
        keep(loader, key, node, span_text(value));
}

static void from_file(struct loader *loader, struct config_key *key, const struct yaml_node *node,
                      struct span name) {
    struct span path = config__resolve_path(loader, name);
    struct dynbuf text;
    const char *why;
    dynbuf_init(&text, (size_t)4 * SECRET_MAX_BYTES);
    int err = span_absent(path) ? ERR_NOMEM
                                : config__read_file(path.ptr, true, SECRET_MAX_BYTES + 2, &text);
    if (err < 0)
        config__error(loader, node, "cannot read key file %.*s: %s", SPAN_ARG(path),
                      err == ERR_SYSTEM ? strerror(errno)
                      : err == ERR_TYPE ? "it is not a regular file"
                                        : err_text(err));
    else if ((why = check_bytes(without_line_end(dynbuf_span(&text)))) != NULL)
        config__error(loader, node, "the key in file %.*s %s", SPAN_ARG(path), why);
    else
        keep(loader, key, node, without_line_end(dynbuf_span(&text)));
    if (text.data != NULL)
        secret_wipe(text.data, text.capacity);
    dynbuf_done(&text);
}

static void from_text(struct loader *loader, struct config_key *key, const struct yaml_node *node) {
    const char *why = check_bytes(node->text);
    if (why != NULL) {
        config__error(loader, node, "the key %s", why);
        return;
    }
    config__warn(loader, node,
                 "a key is written out in the file; write env:NAME or file:PATH instead");
    keep(loader, key, node, node->text);
    /* The tree is in the config's arena, which is ours to write. */
    secret_wipe((char *)(uintptr_t)node->text.ptr, node->text.len);
}

void config__apply_key(struct loader *loader, struct config_key *key,
                       const struct yaml_node *node) {
    struct span text = node->text;
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
