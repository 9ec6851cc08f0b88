// SPDX-License-Identifier: Apache-2.0
/*
 * Keys found in the environment and in .env.
 *
 * Why two passes: the environment wins over .env for a whole provider, not for each name, or a key meant for one process could be
 * joined by one that lies in the directory. Why placeholders are told apart: templates (.env.example) are copied, and a
 * provider asked with "your-key-here" answers 401, hours later and far from the cause.
 * Promises: keys are secrets from the first moment: values are not copied before, the text of .env is wiped, and read again for
 * the lines that count; messages name variables and lines, never values.
 * A .env that is not there is no error; one that is no regular file, or too large, is said and left alone.
 * Leaves to others: which names there are (catalog), the form of a .env (dotenv.c), whether a provider may be used (catalog).
 */
#include "config/credentials.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/dotenv.h"
#include "config/parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define CREDENTIALS_ARENA_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define PLAIN_MAX_BYTES             128
#define NAME_MAX_BYTES              128
#define ODD_LINES_TOLD              3

struct search {
    const struct config_credentials_query *query;
    struct config_credentials *credentials;
    struct config_report *report;
    struct span text;       /* of .env */
    struct dotenv *dotenv;  /* owned: decodes one line */
    unsigned *dotenv_lines; /* owned: by variable, the line that sets it; 0 = none */
    uint32_t room;          /* for credentials */
    uint32_t odd_lines;     /* no assignments */
};

/* A value and where it stands. */
struct found {
    struct span value; /* absent = not set */
    unsigned line;     /* of .env; 0 = environment */
};

static void say(const struct search *search, enum config_severity severity, unsigned line,
                const char *format, ...) PRINTF_LIKE(4, 5);

static void say(const struct search *search, enum config_severity severity, unsigned line,
                const char *format, ...) {
    struct config_place place = {line, line > 0};
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_report_add(search->report, search->credentials->arena, severity, place, text);
}

static void say_at(const struct search *search, const struct dotenv_entry *entry,
                   const char *format, ...) PRINTF_LIKE(3, 4);

static void say_at(const struct search *search, const struct dotenv_entry *entry,
                   const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_report_add(search->report, search->credentials->arena, CONFIG_WARNING,
                      (struct config_place){entry->line, entry->column}, text);
}

/* --- what a value is --- */

static bool is_filler(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\0' || strchr("xX*.", text.ptr[i]) == NULL)
            return false;
    return text.len >= 3;
}

static struct span last_part(struct span text) {
    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '-' || text.ptr[i - 1] == '_')
            return span_of(text.ptr + i, text.len - i);
    return text;
}

bool config_key_is_placeholder(struct span text) {
    static const char *const whole[] = {"changeme",  "todo",        "none",   "null",
                                        "undefined", "placeholder", "key",    "token",
                                        "apikey",    "api-key",     "api_key"};
    static const char *const parts[] = {"your-",    "your_",    "change-me", "change_me",
                                        "replace-", "replace_", "-here",     "_here",
                                        "insert-",  "insert_",  "...",       "\xE2\x80\xA6"};
    for (size_t i = 0; i < array_length(whole); i++)
        if (span_is_nocase(text, whole[i]))
            return true;
    for (size_t i = 0; i < array_length(parts); i++)
        if (span_contains_nocase(text, parts[i]))
            return true;
    if (text.len >= 2 && strchr("<{[", text.ptr[0]) != NULL && text.ptr[0] != '\0')
        return strchr(">}]", text.ptr[text.len - 1]) != NULL && text.ptr[text.len - 1] != '\0';
    return is_filler(last_part(text));
}

/* env files of containers keep the quotes that a shell would take away. */
static struct span without_quotes(struct span text) {
    char first = text.len >= 2 ? text.ptr[0] : '\0';
    if ((first == '"' || first == '\'') && text.ptr[text.len - 1] == first)
        return span_of(text.ptr + 1, text.len - 2);
    return text;
}

static const char *check_plain(struct span text) {
    if (text.len > PLAIN_MAX_BYTES)
        return "is longer than 128 bytes";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("-_.", c) == NULL))
            return "may hold letters, digits, '-', '_' and '.' only";
    }
    return NULL;
}

/* --- taking what was found --- */

static struct config_credential *add(struct search *search, uint32_t variable,
                                     const struct found *found) {
    struct config_credentials *credentials = search->credentials;
    const struct config_variable *from = &search->query->variables[variable];
    if (credentials->count == search->room) {
        uint32_t room = search->room * 2 + 8;
        struct config_credential *items = arena_alloc(credentials->arena, room * sizeof *items);
        if (credentials->count > 0)
            memcpy(items, credentials->items, credentials->count * sizeof *items);
        credentials->items = items;
        search->room = room;
    }
    struct config_credential *item = &credentials->items[credentials->count++];
    const char *source =
        found->line > 0 ? arena_format(credentials->arena, ".env:%u", found->line) : from->name;
    *item = (struct config_credential){.provider = from->provider,
                                       .variable = from->name,
                                       .account = SPAN_LITERAL("default"),
                                       .source = span_text(source)};
    return item;
}

static bool is_known(const struct search *search, uint32_t first, struct span key) {
    for (uint32_t i = first; i < search->credentials->count; i++)
        if (secret_equal(search->credentials->items[i].key, key))
            return true;
    return false;
}

static void take_key(struct search *search, uint32_t variable, const struct found *found,
                     struct span key) {
    const char *name = search->query->variables[variable].name;
    const char *why = config_key_problem(key);
    struct secret *secret;
    if (config_key_is_placeholder(key))
        say(search, CONFIG_WARNING, found->line, "%s looks like a placeholder and is not used",
            name);
    else if (why != NULL)
        say(search, CONFIG_ERROR, found->line, "the key in %s %s", name, why);
    else if (secret_new(key, &secret) < 0)
        say(search, CONFIG_ERROR, found->line, "no memory for the key in %s", name);
    else
        add(search, variable, found)->key = secret;
}

/* "a, b": spaces around the commas are usual, around all of it or line ends are rather a slip. */
static bool take_keys(struct search *search, uint32_t variable, const struct found *found) {
    const char *name = search->query->variables[variable].name;
    struct span rest = config_key_trim(found->value), part;
    uint32_t first = search->credentials->count, taken = 0;
    if (rest.len > 0 && rest.len != found->value.len)
        say(search, CONFIG_WARNING, found->line,
            "%s has spaces or line ends around its key, which are dropped", name);
    while (span_split(&rest, ',', &part)) {
        struct span trimmed = config_key_trim(part), key = without_quotes(trimmed);
        if (key.len == 0 || is_known(search, first, key))
            continue;
        if (taken++ == CONFIG_KEYS_PER_VARIABLE_MAX) {
            say(search, CONFIG_WARNING, found->line, "%s holds more than %d keys; the rest is left",
                name, CONFIG_KEYS_PER_VARIABLE_MAX);
            break;
        }
        if (key.len != trimmed.len)
            say(search, CONFIG_WARNING, found->line,
                "%s has quotes around its key, which are dropped", name);
        take_key(search, variable, found, key);
    }
    return search->credentials->count > first;
}

static bool take_plain(struct search *search, uint32_t variable, const struct found *found) {
    struct span value = without_quotes(config_key_trim(found->value));
    const char *name = search->query->variables[variable].name;
    const char *why = check_plain(value);
    struct span copy;
    if (value.len == 0)
        return false;
    if (config_key_is_placeholder(value)) {
        say(search, CONFIG_WARNING, found->line, "%s looks like a placeholder and is not used",
            name);
        return false;
    }
    if (why != NULL || arena_copy(search->credentials->arena, value, &copy) < 0) {
        say(search, CONFIG_ERROR, found->line, "%s %s", name, why != NULL ? why : "is too long");
        return false;
    }
    add(search, variable, found)->value = copy;
    return true;
}

static struct found in_environment(struct search *search, uint32_t variable) {
    const struct config_environment *environment = search->query->environment;
    const char *name = search->query->variables[variable].name;
    const char *value = environment != NULL && environment->get != NULL
                            ? environment->get(environment->context, name)
                            : NULL;
    return (struct found){.value = span_text(value)};
}

/* The value lives until the next one is looked at. */
static struct found in_dotenv(struct search *search, uint32_t variable) {
    unsigned line = search->dotenv_lines[variable];
    struct dotenv_entry entry = {.line = 0};
    dotenv_end(search->dotenv);
    dotenv_begin(search->dotenv, search->text);
    while (line > 0 && entry.line < line && dotenv_next(search->dotenv, &entry))
        continue;
    return line > 0 && entry.line == line ? (struct found){entry.value, line}
                                          : (struct found){.line = 0};
}

/* The first variable of a provider that holds a key; tells whether there was one. */
static bool take_first(struct search *search, uint32_t provider,
                       struct found (*look)(struct search *search, uint32_t variable)) {
    for (uint32_t i = 0; i < search->query->variable_count; i++) {
        const struct config_variable *variable = &search->query->variables[i];
        if (variable->provider != provider || variable->plain)
            continue;
        const struct found found = look(search, i);
        if (take_keys(search, i, &found))
            return true;
    }
    return false;
}

static bool seen_before(const struct config_credentials_query *query, uint32_t variable) {
    for (uint32_t i = 0; i < variable; i++)
        if (!query->variables[i].plain &&
            query->variables[i].provider == query->variables[variable].provider)
            return true;
    return false;
}

static void take_all(struct search *search) {
    for (uint32_t i = 0; i < search->query->variable_count; i++) {
        const struct config_variable *variable = &search->query->variables[i];
        if (variable->plain) {
            const struct found first = in_environment(search, i), second = in_dotenv(search, i);
            if (!take_plain(search, i, &first))
                (void)take_plain(search, i, &second);
        } else if (!seen_before(search->query, i) &&
                   !take_first(search, variable->provider, in_environment)) {
            (void)take_first(search, variable->provider, in_dotenv);
        }
    }
}

/* --- .env: which line sets what --- */

/* Nothing of it is shown: it may be a key without its name. */
static void note_odd_line(struct search *search, const struct dotenv_entry *entry) {
    if (search->odd_lines++ < ODD_LINES_TOLD)
        say_at(search, entry,
               "this line is no assignment and is passed over; write NAME=value, or # before a "
               "comment");
}

/* A letter too many, too few or wrong; the first one is rarely, and names of other providers often differ in it. */
static const char *nearest_variable(const struct search *search, struct span name) {
    const char *nearest = NULL;
    size_t least = name.len < 12 ? 2 : 3;
    for (uint32_t i = 0; i < search->query->variable_count; i++) {
        const char *known = search->query->variables[i].name;
        size_t distance = known[0] == name.ptr[0] ? span_distance(name, span_text(known)) : least;
        if (distance < least) {
            least = distance;
            nearest = known;
        }
    }
    return nearest;
}

static void note_unknown(struct search *search, const struct dotenv_entry *entry) {
    if (span_starts_with(entry->name, "PAPI_")) {
        say_at(search, entry,
               "%.*s is a setting, and .env is read for keys of providers only; set it in the "
               "environment or in papi.yaml",
               SPAN_ARG(entry->name));
        return;
    }
    const char *nearest = nearest_variable(search, entry->name);
    if (nearest != NULL)
        say_at(search, entry, "no provider is known by %.*s; did you mean %s?",
               SPAN_ARG(entry->name), nearest);
    else if (!entry->assigns)
        note_odd_line(search, entry);
}

static void note_entry(struct search *search, const struct dotenv_entry *entry) {
    bool said = false;
    if (entry->name.len == 0) {
        note_odd_line(search, entry);
        return;
    }
    for (uint32_t i = 0; i < search->query->variable_count; i++) {
        const char *name = search->query->variables[i].name;
        unsigned *line = &search->dotenv_lines[i];
        if (!span_is(entry->name, name))
            continue;
        if (!said && entry->why != NULL)
            say(search, CONFIG_ERROR, entry->line, "%s %s", name, entry->why);
        else if (!said && *line > 0)
            say(search, CONFIG_WARNING, entry->line,
                "%s is set twice; this line counts, not line %u", name, *line);
        said = true;
        if (entry->why == NULL)
            *line = entry->line;
    }
    if (!said && entry->name.len < NAME_MAX_BYTES)
        note_unknown(search, entry);
    if (entry->last_line > entry->line) /* maybe a forgotten quote: what lies there is lost */
        say(search, CONFIG_WARNING, entry->line,
            "a value over several lines is not supported; lines %u to %u are passed over",
            entry->line, entry->last_line);
}

static void note_entries(struct search *search) {
    struct dotenv_entry entry;
    dotenv_begin(search->dotenv, search->text);
    while (dotenv_next(search->dotenv, &entry))
        note_entry(search, &entry);
    if (search->odd_lines > ODD_LINES_TOLD)
        say(search, CONFIG_WARNING, 0, "%s has %u more lines that are no assignments",
            search->query->dotenv_path != NULL ? search->query->dotenv_path : ".env",
            search->odd_lines - ODD_LINES_TOLD);
}

/* Only where a key was taken from it: what else lies there is its owner's business. */
static void note_mode(struct search *search) {
    const char *path = search->query->dotenv_path;
    struct stat status;
    bool holds_key = false;
    for (uint32_t i = 0; i < search->credentials->count; i++)
        holds_key = holds_key || (search->credentials->items[i].key != NULL &&
                                  span_starts_with(search->credentials->items[i].source, ".env:"));
    if (!holds_key || path == NULL || stat(path, &status) < 0 || (status.st_mode & 044) == 0)
        return;
    say(search, CONFIG_WARNING, 0,
        "%s holds keys and can be read by others on this machine (mode %04o); run: chmod 600 %s",
        path, (unsigned)status.st_mode & 07777, path);
}

static void read_file(struct search *search, struct dynbuf *text) {
    const char *path = search->query->dotenv_path;
    int err = config__read_file(path, true, CONFIG_DOTENV_MAX_BYTES, text);
    if (err == ERR_TYPE)
        say(search, CONFIG_WARNING, 0, "%s is not a regular file and is not read", path);
    else if (err == ERR_SYSTEM && errno != ENOENT && errno != ENOTDIR)
        say(search, CONFIG_WARNING, 0, "%s cannot be read: %s", path, strerror(errno));
    else if (err == 0 && text->len > CONFIG_DOTENV_MAX_BYTES)
        say(search, CONFIG_WARNING, 0, "%s is larger than 64 KiB and is not read", path);
    else if (err == 0)
        search->text = dynbuf_span(text);
}

int config_credentials_read(const struct config_credentials_query *query,
                            struct config_credentials **ret_credentials,
                            struct config_report *ret_report) {
    struct config_credentials *credentials = mem_zalloc(sizeof *credentials);
    struct search search = {.query = query,
                            .credentials = credentials,
                            .report = ret_report,
                            .text = query->dotenv_text,
                            .dotenv = mem_zalloc(sizeof *search.dotenv),
                            .dotenv_lines =
                                mem_zalloc((query->variable_count + 1) * sizeof(unsigned))};
    struct dynbuf text;
    memset(ret_report, 0, sizeof *ret_report);
    credentials->arena = mem_zalloc(sizeof *credentials->arena);
    arena_init(credentials->arena, NULL, 0, CREDENTIALS_ARENA_MAX_BYTES);
    dynbuf_init(&text, 2 * CONFIG_DOTENV_MAX_BYTES);
    if (span_absent(search.text) && query->dotenv_path != NULL)
        read_file(&search, &text);
    note_entries(&search);
    take_all(&search);
    if (!span_absent(search.text) && span_absent(query->dotenv_text))
        note_mode(&search);
    dotenv_end(search.dotenv);
    if (text.data != NULL)
        secret_wipe(text.data, text.capacity);
    dynbuf_done(&text);
    mem_free(search.dotenv);
    mem_free(search.dotenv_lines);
    *ret_credentials = credentials;
    return ret_report->errors == 0 ? 0 : ERR_INVALID;
}

void config_credentials_free(struct config_credentials *credentials) {
    if (credentials == NULL)
        return;
    for (uint32_t i = 0; i < credentials->count; i++)
        secret_unref(credentials->items[i].key);
    arena_reset(credentials->arena);
    mem_free(credentials->arena);
    mem_free(credentials);
}
