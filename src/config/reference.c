// SPDX-License-Identifier: Apache-2.0
/*
 * docs/reference/configuration.md, written from the table of settings.
 *
 * Why generated: a reference kept by hand is wrong after the first change. A test compares the committed page with what
 * this file writes, so a new row without a new page fails.
 * Leaves to others: guides and examples (docs/guides).
 */
#include "config/parts.h"

#include <stdio.h>

#define VARIABLE_MAX_BYTES 64

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Written by `papi reference`; change src/config/schema.c instead. -->\n"
    "\n"
    "PAPI runs without a configuration. When there is one, it is read from the first of:\n"
    "\n"
    "1. `--config FILE`\n"
    "2. `$PAPI_CONFIG`\n"
    "3. `$XDG_CONFIG_HOME/papi/papi.yaml`, or `~/.config/papi/papi.yaml`\n"
    "4. `/etc/papi/papi.yaml`\n"
    "\n"
    "A `papi.yaml` in the working directory is never read by itself: a repository you cloned must "
    "not be able to\n"
    "redirect your keys. `papi check` says what is wrong with a file, with line and column, and "
    "touches no network.\n"
    "\n"
    "```yaml\n"
    "listen: 127.0.0.1:7274\n"
    "audience: self\n"
    "keyless: safe\n"
    "providers:\n"
    "  lab:\n"
    "    base_url: http://127.0.0.1:8000/v1\n"
    "    models: [qwen3-8b]\n"
    "  hosted:\n"
    "    base_url: https://api.example.com/v1\n"
    "    keys: [{key: env:EXAMPLE_API_KEY, account: work}]\n"
    "    models: [{id: gpt-oss-120b, upstream: openai/gpt-oss-120b, context: 131072, vision: no}]\n"
    "    timeouts: {first_token: 60s}\n"
    "    limits:\n"
    "      - {requests: 60, per: minute, burst: 5}\n"
    "      - {tokens: 1000000, per: day, zone: America/Los_Angeles, scope: model}\n"
    "models:\n"
    "  aliases:\n"
    "    gpt-4o-mini: [gpt-oss-120b, auto]\n"
    "    backup: {first: lab/qwen3-8b, then: auto}\n"
    "    \"claude-*\": gpt-oss-120b\n"
    "queue: {max_wait: 25s}\n"
    "```\n"
    "\n"
    "## Values\n"
    "\n"
    "| kind | how it is written |\n"
    "| --- | --- |\n"
    "| yes or no | `yes`, `no`, `true`, `false`, `on`, `off` |\n"
    "| duration | whole numbers with `ms`, `s`, `m`, `h`, `d`: `500ms`, `25s`, `1h30m`. A number "
    "without a unit is taken as "
    "seconds, with a warning. |\n"
    "| size | `512KiB`, `32MiB`, `1GiB` (1024), `32MB` (1000), or bytes |\n"
    "| key | `env:NAME` (an environment variable), `file:PATH` (one line, relative to the "
    "configuration file), or the key "
    "itself, with a warning |\n"
    "| URL | `http://` or `https://`; no user, query or fragment. Used as it stands; without a "
    "path, `/v1` is added. |\n"
    "| proxy | `http://`, `socks5://` (names are resolved here) or `socks5h://` (by the proxy), "
    "with host and port, maybe `user:password@`; `none` for no proxy. Without a scheme it is an "
    "HTTP proxy. |\n"
    "| database | `sqlite:`, `sqlite:/absolute/path` or `off` |\n"
    "| name of a model | up to 128 bytes without spaces |\n"
    "\n"
    "YAML anchors, aliases (`&x`, `*x`), tags (`!x`) and a second document are refused; put a "
    "value that begins with such a\n"
    "character in quotes. A name set twice, an unknown setting and a value out of range are "
    "errors.\n"
    "\n"
    "Settings with a variable can be set in the environment, which wins over the file; an empty "
    "variable counts as not set.\n"
    "Providers and lists stand in files only.\n"
    "\n"
    "## Keys without a configuration\n"
    "\n"
    "A key of a provider in the catalog is found in the environment by the name that the "
    "provider's own documents use\n"
    "(`GROQ_API_KEY`), or in a `.env` in the working directory: lines `NAME=value`, `export` "
    "before the name, quotes,\n"
    "comments. Nothing else is taken from that file, no setting either. Commas divide several "
    "keys; they share one account\n"
    "unless `keys` names accounts. An empty value counts as not set, one that is plainly a "
    "placeholder (`your-key-here`) is\n"
    "left out with a warning. The environment wins over `.env`, and `keys` in the configuration "
    "over both; `env:NAME` there\n"
    "means the environment only. See [keys and terms](../guides/keys-and-terms.md).\n"
    "\n"
    "## Limits\n"
    "\n"
    "A row has one amount and the window it is counted in. `rolling` (the default): no interval "
    "of that length holds more.\n"
    "`refill`: a bucket of the amount that fills up evenly. `calendar`: from midnight, or the "
    "first of a month, in a zone.\n"
    "`aligned`: windows that begin at multiples of their length, UTC. A month that rolls or "
    "refills has 31 days.\n"
    "See [limits and waiting](../guides/limits-and-waiting.md).\n"
    "\n"
    "## Names\n"
    "\n"
    "Aliases: a name for clients and what to try in order. A target is an alias, `auto` "
    "(every model, the best first) or a\n"
    "variant such as `auto:smart`, a model, `provider/model`, or what a provider calls the model. "
    "An alias may name itself\n"
    "where a model has its name: then the model is meant. A name with one `*` is a pattern, tried "
    "after all other names, the\n"
    "longest first. See [models](../guides/models.md).\n"
    "\n"
    "A loopback address in `base_url` is allowed because the file names it; another private "
    "address needs\n"
    "`private_network`. Who may use the instance from where: see [access](../guides/access.md).\n";

static void range_text(const struct setting *setting, char *text, size_t size) {
    bool number = setting->type == SETTING_U32 || setting->type == SETTING_U64;
    text[0] = '\0';
    if (number && setting->max > 0)
        (void)snprintf(text, size, ", %llu to %llu", (unsigned long long)setting->min,
                       (unsigned long long)setting->max);
}

/* "a|-b|c": those obeyed, in code. */
static int write_choices(struct dynbuf *out, const char *choices) {
    struct span rest = span_text(choices), choice;
    bool first = true;
    int err = 0;
    while (err == 0 && span_split(&rest, '|', &choice)) {
        if (choice.ptr[0] == '-')
            continue;
        err = dynbuf_append_format(out, "%s`%.*s`", first ? "" : ", ", SPAN_ARG(choice));
        first = false;
    }
    return err;
}

static int write_row(struct dynbuf *out, const struct setting *setting) {
    char variable[VARIABLE_MAX_BYTES], range[VARIABLE_MAX_BYTES];
    range_text(setting, range, sizeof range);
    int err = dynbuf_append_format(out, "| `%s` | ", setting->path);
    if (err == 0 && setting->choices != NULL)
        err = write_choices(out, setting->choices);
    else if (err == 0)
        err = dynbuf_append_format(out, "%s%s", config__type_name(setting->type), range);
    if (err < 0)
        return err;
    bool required = (setting->flags & SETTING_REQUIRED) != 0;
    const char *initial = (setting->flags & SETTING_CATALOG) != 0
                              ? (required ? "the catalog's, else required" : "the catalog's")
                          : required ? "required"
                                     : "";
    err = setting->initial != NULL ? dynbuf_append_format(out, " | `%s` | ", setting->initial)
                                   : dynbuf_append_format(out, " | %s | ", initial);
    if (err == 0 && config__variable(setting, variable, sizeof variable))
        err = dynbuf_append_format(out, "`%s`", variable);
    return err < 0 ? err : dynbuf_append_format(out, " | %s |\n", setting->help);
}

static int write_obeyed(struct dynbuf *out) {
    int err = dynbuf_append_text(
        out, "\n## Settings\n\n"
             "`*` stands for a name of your choice, `[]` for an entry of a list.\n\n"
             "| setting | value | default | variable | |\n"
             "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; err == 0 && i < config__setting_count; i++)
        if (config__settings[i].type != SETTING_LATER)
            err = write_row(out, &config__settings[i]);
    return err;
}

static int write_later(struct dynbuf *out) {
    int err = dynbuf_append_text(
        out, "\n## Not supported by this version yet\n\n"
             "Known names; using one is an error, so that nobody relies on what is not there.\n\n"
             "| setting | |\n| --- | --- |\n");
    for (size_t i = 0; err == 0 && i < config__setting_count; i++)
        if (config__settings[i].type == SETTING_LATER)
            err = dynbuf_append_format(out, "| `%s` | %s |\n", config__settings[i].path,
                                       config__settings[i].help);
    return err;
}

int config_reference_write(struct dynbuf *out) {
    int err = dynbuf_append_text(out, intro);
    if (err == 0)
        err = write_obeyed(out);
    return err < 0 ? err : write_later(out);
}
