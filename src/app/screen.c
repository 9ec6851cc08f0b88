// SPDX-License-Identifier: Apache-2.0
/*
 * The start screen.
 *
 * Why: the first thing a newcomer sees must answer without a manual: where is it, whom does it ask and with which key, who may
 * train on my prompts, what do I set to get more. Why capped: what scrolls away is not read, so lists end in "and 3 more", and
 * the rows of providers get the lines that the rest leaves.
 * Promises: at most SCREEN_LINES_MAX lines; no key is shown; control characters of names and paths are not obeyed by the
 * terminal; the line "listening on" is the last. Leaves to others: colours (none: scripts read it too), what is in the rows.
 */
#include "app/screen.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

#define SCREEN_MAX_BYTES ((size_t)64 * 1024)
#define LINE_MAX_BYTES   4352 /* a path may be long; what is longer is cut */
#define LABEL_COLUMNS    14
#define UNUSED_LINES_MAX 2
#define HINT_LINES_MAX   3
#define NOTE_LINES_MAX   2
#define NAMES_SHOWN_MAX  24
#define MORE_COLUMNS     13 /* of " and 123 more" */

/* A line being put together. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
    size_t room; /* columns that lists may fill */
};

struct page {
    const struct screen *screen;
    struct dynbuf *out;
    uint32_t lines;
    int err;
};

static void add(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(line->text + line->used, sizeof line->text - line->used, format, arguments);
    va_end(arguments);
    line->used += length > 0 ? (size_t)length : 0;
    if (line->used >= sizeof line->text)
        line->used = sizeof line->text - 1;
}

/* "" as label: the line goes on with the one above. */
static void begin(struct line *line, const char *label) {
    line->used = 0;
    line->room = SCREEN_COLUMNS_MAX;
    add(line, "  %-*s", LABEL_COLUMNS - 2, label);
}

static void end(struct page *page, struct line *line) {
    while (line->used > 0 && line->text[line->used - 1] == ' ')
        line->used--;
    for (size_t i = 0; i < line->used; i++)
        if ((unsigned char)line->text[i] < ' ' || line->text[i] == 0x7f)
            line->text[i] = '?';
    if (page->err == 0)
        page->err = dynbuf_append(page->out, line->text, line->used);
    if (page->err == 0)
        page->err = dynbuf_append_char(page->out, '\n');
    page->lines++;
}

static void blank(struct page *page) {
    struct line line = {.used = 0};
    end(page, &line);
}

/* "a, b and 3 more", as many as the line has room for. */
struct names {
    struct span items[NAMES_SHOWN_MAX];
    uint32_t count; /* more than the array holds: the first ones */
};

static void add_name(struct names *names, struct span name) {
    if (names->count < NAMES_SHOWN_MAX)
        names->items[names->count] = name;
    names->count++;
}

/* Columns of all from `first` on, with their commas. */
static size_t columns_of(const struct names *names, uint32_t first) {
    size_t columns = 0;
    for (uint32_t i = first; i < names->count && i < NAMES_SHOWN_MAX; i++)
        columns += names->items[i].len + 2;
    return names->count > NAMES_SHOWN_MAX ? SIZE_MAX / 2 : columns;
}

static void add_names(struct line *line, const struct names *names) {
    uint32_t shown = 0;
    for (; shown < names->count && shown < NAMES_SHOWN_MAX; shown++) {
        size_t least = names->items[shown].len + 2 + MORE_COLUMNS;
        if (line->used + columns_of(names, shown) > line->room && line->used + least > line->room)
            break;
        add(line, "%s%.*s", shown > 0 ? ", " : "", SPAN_ARG(names->items[shown]));
    }
    if (shown < names->count)
        add(line, "%s%u more", shown > 0 ? " and " : "", names->count - shown);
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* --- whom it asks --- */

static void add_keys(struct line *line, const struct screen_provider *provider) {
    char text[48];
    if (provider->keys == 0)
        (void)snprintf(text, sizeof text, "no key");
    else if (provider->accounts > 1 && provider->accounts == provider->keys)
        (void)snprintf(text, sizeof text, "%u accounts", provider->accounts);
    else if (provider->keys > 1)
        (void)snprintf(text, sizeof text, "%u keys, %u account%s", provider->keys,
                       provider->accounts, plural(provider->accounts));
    else
        (void)snprintf(text, sizeof text, "1 key");
    add(line, "%-19s", text);
}

static void add_column(struct line *line, struct span text, int columns) {
    if (text.len > (size_t)columns)
        add(line, "%.*s... ", columns - 3, text.ptr);
    else
        add(line, "%-*.*s ", columns, SPAN_ARG(text));
}

static void write_provider(struct page *page, const struct screen_provider *provider) {
    struct line line;
    struct span source = span_absent(provider->source) ? provider->address : provider->source;
    begin(&line, "");
    line.used = 4;
    add_column(&line, provider->name, 17);
    add_column(&line, source, 26);
    add_keys(&line, provider);
    add(&line, "%5u model%s%s", provider->models, plural(provider->models),
        provider->paid ? "  paid" : "");
    end(page, &line);
}

static void write_heading(struct page *page) {
    const struct screen *screen = page->screen;
    uint32_t with_key = 0;
    struct line line;
    for (uint32_t i = 0; i < screen->provider_count; i++)
        with_key += screen->providers[i].keys > 0;
    uint32_t without = screen->provider_count - with_key + screen->keyless_count;
    begin(&line, "Providers");
    if (screen->provider_count + screen->keyless_count + screen->server_count == 0 &&
        screen->demo_count > 0)
        add(&line, "none but the demo: %u models, \"auto\"; give it a key: papi provider add",
            screen->models);
    else if (screen->provider_count + screen->keyless_count + screen->server_count == 0)
        add(&line, "none yet: give it a key (papi provider add), or start a local server such as "
                   "Ollama, then this");
    else
        add(&line,
            "%u with a key, %u without, %u local server%s: %u model%s, %u alias%s, and \"auto\"",
            with_key, without, screen->server_count, plural(screen->server_count), screen->models,
            plural(screen->models), screen->aliases, screen->aliases == 1 ? "" : "es");
    end(page, &line);
}

/* At most `most` lines; the last one names those for whom there is none. */
static void write_providers(struct page *page, uint32_t most) {
    const struct screen *screen = page->screen;
    uint32_t shown = screen->provider_count <= most ? screen->provider_count : most - 1;
    struct line line;
    for (uint32_t i = 0; i < shown; i++)
        write_provider(page, &screen->providers[i]);
    if (shown == screen->provider_count)
        return;
    struct names names = {.count = 0};
    begin(&line, "");
    line.used = 4;
    add(&line, "and ");
    for (uint32_t i = shown; i < screen->provider_count; i++)
        add_name(&names, screen->providers[i].name);
    add_names(&line, &names);
    end(page, &line);
}

static void write_keyless(struct page *page) {
    const struct screen *screen = page->screen;
    struct line line;
    struct names used = {.count = 0}, more = {.count = 0};
    if (screen->keyless_count + screen->keyless_more_count == 0 && !screen->keyless_off)
        return;
    begin(&line, "Keyless");
    line.room = SCREEN_COLUMNS_MAX - 40;
    if (screen->keyless_off)
        add(&line, "off");
    else if (screen->keyless_count == 0)
        add(&line, "none");
    for (uint32_t i = 0; i < screen->keyless_count; i++)
        add_name(&used, screen->keyless[i].name);
    add_names(&line, &used);
    line.room = SCREEN_COLUMNS_MAX;
    if (screen->keyless_more_count > 0)
        add(&line, "; keyless: all adds ");
    for (uint32_t i = 0; i < screen->keyless_more_count; i++)
        add_name(&more, screen->keyless_more[i]);
    add_names(&line, &more);
    end(page, &line);
}

static void write_servers(struct page *page) {
    const struct screen *screen = page->screen;
    char texts[NAMES_SHOWN_MAX][96];
    struct names names = {.count = 0};
    struct line line;
    for (uint32_t i = 0; i < screen->server_count && i < NAMES_SHOWN_MAX; i++) {
        const struct screen_server *server = &screen->servers[i];
        if (server->loading)
            (void)snprintf(texts[i], sizeof texts[i], "%.*s :%u (loading)", SPAN_ARG(server->name),
                           server->port);
        else
            (void)snprintf(texts[i], sizeof texts[i], "%.*s :%u (%u model%s)",
                           SPAN_ARG(server->name), server->port, server->models,
                           plural(server->models));
        add_name(&names, span_text(texts[i]));
    }
    if (names.count == 0)
        return;
    begin(&line, "Local");
    add_names(&line, &names);
    end(page, &line);
}

static void write_demo(struct page *page) {
    const struct screen *screen = page->screen;
    struct names names = {.count = 0};
    struct line line;
    if (screen->demo_count == 0)
        return;
    begin(&line, "Demo");
    add(&line, "simulated on :%u, answers are made up: ", screen->demo_port);
    for (uint32_t i = 0; i < screen->demo_count; i++)
        add_name(&names, screen->demo[i]);
    add_names(&line, &names);
    end(page, &line);
}

static void write_unused(struct page *page) {
    const struct screen *screen = page->screen;
    for (uint32_t i = 0; i < screen->unused_count && i < UNUSED_LINES_MAX; i++) {
        const struct screen_unused *unused = &screen->unused[i];
        struct line line;
        begin(&line, i == 0 ? "Not used" : "");
        add(&line, "%.*s (%.*s) %.*s", SPAN_ARG(unused->name), SPAN_ARG(unused->source),
            SPAN_ARG(unused->why));
        if (i + 1 == UNUSED_LINES_MAX && screen->unused_count > UNUSED_LINES_MAX)
            add(&line, "; and %u more", screen->unused_count - UNUSED_LINES_MAX);
        end(page, &line);
    }
}

/* --- who may see prompts --- */

static void take_names(const struct screen *screen, enum fact_tri trains, struct names *names) {
    for (uint32_t i = 0; i < screen->provider_count; i++)
        if (screen->providers[i].trains == trains && !screen->providers[i].local)
            add_name(names, screen->providers[i].name);
    for (uint32_t i = 0; i < screen->keyless_count; i++)
        if (screen->keyless[i].trains == trains)
            add_name(names, screen->keyless[i].name);
}

static void write_prompts(struct page *page) {
    static const char leave_out[] = "; routing: {data_use: no-training} drops them";
    static const struct {
        enum fact_tri trains;
        const char *text;
    } rows[] = {{FACT_YES, "may be trained on by "},
                {FACT_UNKNOWN, "nothing known of "},
                {FACT_NO, "not trained on by "}};
    const struct screen *screen = page->screen;
    struct line line;
    uint32_t written = 0;
    for (size_t i = 0; i < array_length(rows); i++) {
        bool cure = rows[i].trains == FACT_YES && !screen->no_training;
        struct names names = {.count = 0};
        take_names(screen, rows[i].trains, &names);
        if (names.count == 0)
            continue;
        begin(&line, written++ == 0 ? "Prompts" : "");
        line.room -= cure ? strlen(leave_out) : 0;
        add(&line, "%s", rows[i].text);
        add_names(&line, &names);
        add(&line, "%s", cure ? leave_out : "");
        end(page, &line);
    }
    if (written == 0 && screen->provider_count + screen->server_count + screen->demo_count > 0) {
        begin(&line, "Prompts");
        add(&line, "stay on this machine: every provider is on it");
        end(page, &line);
    }
}

/* --- what next --- */

static void write_hints(struct page *page) {
    const struct screen *screen = page->screen;
    for (uint32_t i = 0; i < screen->hint_count && i < HINT_LINES_MAX; i++) {
        struct line line;
        begin(&line, i == 0 ? "Get more" : "");
        add(&line, "set %-22.*s %.*s", SPAN_ARG(screen->hints[i].variable),
            SPAN_ARG(screen->hints[i].url));
        end(page, &line);
    }
}

static void write_notes(struct page *page) {
    const struct screen *screen = page->screen;
    struct line line;
    if (screen->ignored_config) {
        begin(&line, "Note");
        add(&line, "papi.yaml in this folder is not read by itself; use --config papi.yaml");
        end(page, &line);
    }
    for (uint32_t i = 0; i < screen->note_count && i < NOTE_LINES_MAX; i++) {
        begin(&line, "Note");
        add(&line, "%.*s", SPAN_ARG(screen->notes[i]));
        if (i + 1 == NOTE_LINES_MAX && screen->note_count > NOTE_LINES_MAX)
            add(&line, "; and %u more", screen->note_count - NOTE_LINES_MAX);
        end(page, &line);
    }
}

static const char *access_words(const struct screen *screen) {
    if (!screen->keys)
        return "any API key; open to programs on this machine only";
    if (!screen->network)
        return "with a client key";
    return screen->unencrypted ? "with a client key, which plain HTTP lets others read on the way"
                               : "with a client key, through the proxies in trusted_proxies only";
}

static void write_use(struct page *page) {
    const struct screen *screen = page->screen;
    struct span program = span_absent(screen->program) ? SPAN_LITERAL("papi") : screen->program;
    struct line line;
    begin(&line, "Base URL");
    add(&line, "%.*s/v1, %s", SPAN_ARG(screen->url), access_words(screen));
    end(page, &line);
    begin(&line, "Try it");
    add(&line, "%.*s chat %s%.*s%s\"Hello!\"", SPAN_ARG(program), screen->usual_url ? "" : "--url ",
        screen->usual_url ? 0 : (int)screen->url.len, screen->url.ptr,
        screen->usual_url ? "" : " ");
    end(page, &line);
}

static void write_files(struct page *page) {
    const struct screen *screen = page->screen;
    struct line line;
    begin(&line, "Config");
    if (span_absent(screen->config_path))
        add(&line, "none, defaults");
    else
        add(&line, "%.*s", SPAN_ARG(screen->config_path));
    end(page, &line);
    begin(&line, "Data");
    add(&line, "%.*s", SPAN_ARG(screen->data_dir));
    end(page, &line);
}

static void write_title(struct page *page) {
    struct line line = {.used = 0};
    add(&line, "PAPI %s: one OpenAI-compatible address in front of many LLM providers",
        PAPI_VERSION);
    end(page, &line);
    blank(page);
}

static void write_last(struct page *page) {
    const struct screen *screen = page->screen;
    struct line line = {.used = 0};
    blank(page);
    add(&line, "  listening on %.*s (%u loop%s)", SPAN_ARG(screen->url), screen->loops,
        plural(screen->loops));
    end(page, &line);
}

static void write_below(struct page *page) {
    write_keyless(page);
    write_servers(page);
    write_demo(page);
    write_unused(page);
    write_prompts(page);
    write_hints(page);
    write_notes(page);
    write_files(page);
    write_use(page);
    write_last(page);
}

/* The lines of a part, by writing it nowhere. */
static uint32_t lines_of(const struct screen *screen, void (*write)(struct page *page)) {
    struct dynbuf nowhere;
    struct page page = {.screen = screen, .out = &nowhere, .err = ERR_CANCELLED};
    dynbuf_init(&nowhere, 1);
    write(&page);
    dynbuf_done(&nowhere);
    return page.lines;
}

int screen_write(const struct screen *screen, struct dynbuf *out) {
    struct page page = {.screen = screen, .out = out};
    uint32_t below = lines_of(screen, write_below);
    write_title(&page);
    write_heading(&page);
    check(page.lines + below < SCREEN_LINES_MAX);
    write_providers(&page, SCREEN_LINES_MAX - page.lines - below);
    write_below(&page);
    return page.err;
}

void screen_print(const struct screen *screen) {
    struct dynbuf out;
    dynbuf_init(&out, SCREEN_MAX_BYTES);
    if (screen_write(screen, &out) == 0)
        (void)fwrite(dynbuf_span(&out).ptr, 1, out.len, stdout);
    (void)fflush(stdout);
    dynbuf_done(&out);
}
