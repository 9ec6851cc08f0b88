// SPDX-License-Identifier: Apache-2.0
/*
 * Manual pages: papi(1), and one for each command of the first level.
 *
 * Written in mdoc (mdoc(7)), which mandoc and groff both read. Texts come from the tables, so they are wrapped here as mdoc wants
 * source: lines under 80 bytes, a new line after each sentence, nothing that could be taken for a macro at a line's start. Lines of
 * an `about` that begin with two spaces are a table of their own and stay as they are.
 * Leaves to others: where the files lie (docs/man; a test compares them with this).
 */
#include "cli/man.h"

#include "base/check.h"

#define MAN_DATE       "November 28, 2026" /* when a page was last changed in earnest */
#define LINE_COLUMNS   72
#define WORDS_USED_MAX 32
#define TITLE_BYTES    64

/* --- text --- */

/* groff makes typographic hyphens of "-"; what people copy from a page must be what they can type. */
static void write_escaped(struct page *page, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        page_add(page, c == '\\' ? "\\e" : c == '-' ? "\\-" : c == '`' ? "\\(ga" : "%c", c);
    }
}

static bool ends_sentence(struct span word) {
    return span_ends_with(word, ".") || span_ends_with(word, "?") || span_ends_with(word, "!");
}

static void write_line(struct page *page, struct span line) {
    struct span word;
    size_t column = 0;
    while (span_split(&line, ' ', &word)) {
        if (column > 0 && column + word.len >= LINE_COLUMNS) {
            page_add(page, "\n");
            column = 0;
        }
        if (column == 0 && (span_starts_with(word, ".") || span_starts_with(word, "'")))
            page_add(page, "\\&");
        page_add(page, "%s", column > 0 ? " " : "");
        write_escaped(page, word);
        column += word.len + 1;
        if (ends_sentence(word) && line.len > 0) {
            page_add(page, "\n");
            column = 0;
        }
    }
    page_add(page, "\n");
}

static void write_text(struct page *page, const char *text) {
    struct span rest = span_text(text), line;
    bool literal = false;
    while (rest.len > 0 && span_split(&rest, '\n', &line)) {
        bool table = span_starts_with(line, "  ");
        if (table != literal)
            page_add(page, table ? ".Bd -literal\n" : ".Ed\n.Pp\n");
        literal = table;
        if (table) {
            write_escaped(page, line);
            page_add(page, "\n");
        } else if (line.len > 0) {
            write_line(page, line);
        }
    }
    if (literal)
        page_add(page, ".Ed\n");
}

/* A paragraph of its own; lists and tables are one by themselves. */
static void write_about(struct page *page, const char *text) {
    if (text[0] != '\0' && text[0] != ' ')
        page_add(page, ".Pp\n");
    write_text(page, text);
}

/* --- parts --- */

static void write_options(struct page *page, const struct cli_command *command) {
    page_add(page, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        page_add(page, ".It Fl %s%s%s\n", option->name + 1, option->value != NULL ? " Ar " : "",
                 option->value != NULL ? option->value : "");
        write_text(page, option->help);
    }
    page_add(page, ".It Fl -help\nPrint what the command takes.\n.El\n");
}

static void write_usage(struct page *page, const struct cli_command *command) {
    struct span rest = span_text(command->operands);
    struct cli_operand operand;
    char name[CLI_NAME_SIZE];
    page_add(page, ".Nm papi %s\n", cli_command_name(command, name));
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        page_add(page, ".Op Fl %s%s%s\n", option->name + 1, option->value != NULL ? " Ar " : "",
                 option->value != NULL ? option->value : "");
    }
    while (cli_next_operand(&rest, &operand))
        page_add(page, operand.optional ? ".Op Ar %.*s%s\n" : ".Ar %.*s%s\n",
                 SPAN_ARG(operand.value), operand.repeats ? " ..." : "");
}

static void write_usages(struct page *page, const struct cli_command *command) {
    page_add(page, ".Sh SYNOPSIS\n");
    for (size_t i = 0; i < command->command_count; i++)
        write_usage(page, command->commands[i]);
    if (command->commands == NULL)
        write_usage(page, command);
}

/* --- the words that stand for values --- */

struct words_used {
    const struct cli_word *items[WORDS_USED_MAX];
    uint32_t count;
};

static void use_value(struct words_used *used, struct span value) {
    struct span choice;
    enum cli_kind kind;
    while (cli_next_choice(&value, &choice, &kind)) {
        const struct cli_word *word = cli_word(choice);
        bool known = word == NULL;
        for (uint32_t i = 0; i < used->count; i++)
            known = known || used->items[i] == word;
        if (!known && used->count < WORDS_USED_MAX)
            used->items[used->count++] = word;
    }
}

static void use_command(struct words_used *used, const struct cli_command *command) {
    struct span rest = span_text(command->operands);
    struct cli_operand operand;
    while (cli_next_operand(&rest, &operand))
        use_value(used, operand.value);
    for (size_t i = 0; i < command->option_count; i++)
        use_value(used, span_text(command->options[i].value));
    for (size_t i = 0; i < command->command_count; i++)
        use_command(used, command->commands[i]);
}

static void write_words(struct page *page, const struct cli_command *command) {
    struct words_used used = {.count = 0};
    use_command(&used, command);
    if (used.count == 0)
        return;
    page_add(page, ".Pp\nThe words in place of values:\n.Bl -tag -width Ds\n");
    for (uint32_t i = 0; i < used.count; i++) {
        page_add(page, ".It Ar %s\n", used.items[i]->word);
        write_text(page, used.items[i]->about);
    }
    page_add(page, ".El\n");
}

/* --- pages --- */

static void write_head(struct page *page, const char *name, const char *line) {
    char title[TITLE_BYTES];
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < sizeof title; i++)
        title[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    title[i] = '\0';
    page_add(page, ".\\\" SPDX-License-Identifier: Apache-2.0\n"
                   ".\\\" Written by `papi help --man`; the texts stand in src/cli.\n");
    page_add(page, ".Dd " MAN_DATE "\n.Dt %s 1\n.Os PAPI\n.Sh NAME\n.Nm %s\n.Nd %s\n", title, name,
             line);
}

static void write_exits(struct page *page) {
    page_add(page, ".Sh EXIT STATUS\n"
                   ".Bl -tag -width Ds\n"
                   ".It 0\nDone.\n"
                   ".It 1\nFailed; standard error says why.\n"
                   ".It 2\nUsed wrongly.\n.El\n");
}

static void write_command(struct page *page, const struct cli_command *command) {
    char name[TITLE_BYTES];
    (void)snprintf(name, sizeof name, "papi-%s", command->name);
    write_head(page, name, command->line);
    write_usages(page, command);
    page_add(page, ".Sh DESCRIPTION\n");
    for (size_t i = 0; i < command->command_count; i++) {
        const struct cli_command *sub = command->commands[i];
        page_add(page, ".Ss papi %s %s\n", command->name, sub->name);
        write_text(page, sub->line);
        write_about(page, sub->about);
        write_options(page, sub);
    }
    if (command->commands == NULL) {
        write_text(page, command->line);
        write_options(page, command);
    }
    write_about(page, command->about);
    write_words(page, command);
    write_exits(page);
    page_add(page, ".Sh SEE ALSO\n.Xr papi 1\n");
}

static const struct {
    const char *name, *about;
} variables[] = {
    {"NO_COLOR", "When it is set and not empty, nothing is coloured."},
    {"PAPI_API_KEY", "The key that commands send to an instance named by URL."},
    {"PAPI_CONFIG", "The configuration file."},
    {"PAPI_DATA", "The data directory."},
    {"PAPI_URL", "The running PAPI that commands talk to."},
};

static const struct {
    const char *path, *about;
} files[] = {
    {"$XDG_CONFIG_HOME/papi/papi.yaml",
     "The configuration of a user, else ~/.config/papi/papi.yaml."},
    {"/etc/papi/papi.yaml", "The configuration of the machine."},
    {"$XDG_DATA_HOME/papi", "The data directory of a user, else ~/.local/share/papi."},
    {"/var/lib/papi", "The data directory of the system service."},
    {"DATA/papi.sock", "The socket by which commands talk to the instance of a data directory."},
};

static void write_papi(struct page *page) {
    write_head(page, "papi", "one OpenAI-compatible address in front of many LLM providers");
    page_add(page, ".Sh SYNOPSIS\n.Nm papi\n.Ar command\n.Op Ar options\n.Sh DESCRIPTION\n"
                   "The commands, each with a page of its own:\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < cli_command_count; i++)
        if (!cli_commands[i]->hidden) {
            page_add(page, ".It Xr papi-%s 1\n", cli_commands[i]->name);
            write_text(page, cli_commands[i]->line);
        }
    page_add(page, ".El\n.Pp\n");
    write_text(
        page, "Commands that talk to a running PAPI look for it by its socket: in the directory of "
              "--data or $PAPI_DATA, else in your own data directory and then in that of the "
              "system service. --url and $PAPI_URL name one by address.");
    page_add(page, ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < array_length(variables); i++) {
        page_add(page, ".It Ev %s\n", variables[i].name);
        write_text(page, variables[i].about);
    }
    page_add(page, ".El\n.Sh FILES\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < array_length(files); i++) {
        page_add(page, ".It Pa %s\n", files[i].path);
        write_text(page, files[i].about);
    }
    page_add(page, ".El\n");
    write_exits(page);
}

void man_write(struct page *page, const struct cli_command *command) {
    if (command == NULL)
        write_papi(page);
    else
        write_command(page, command);
}
