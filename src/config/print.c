// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of a loader: collected with their places, written as lines that editors and people can follow: file:line:column, severity, text.
 *
 * Messages without a place in the file (the environment, a file that cannot be read) name their source in the text.
 */
#include "base/check.h"
#include "config/report.h"

/* A file may hold anything; a terminal must not obey it. */
static void disarm(char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void config_report_add(struct config_report *report, struct arena *arena,
                       enum config_severity severity, struct config_place place, const char *text) {
    report->errors += severity == CONFIG_ERROR;
    if (report->count == array_length(report->items))
        return;
    char *copy = arena_format(arena, "%s", text);
    if (copy != NULL)
        disarm(copy);
    report->items[report->count++] =
        (struct config_message){.warning = severity == CONFIG_WARNING,
                                .line = place.line,
                                .column = place.column,
                                .text = copy != NULL ? copy : "too many messages"};
}

int config_report_write(const struct config_report *report, const char *name, struct dynbuf *out) {
    uint32_t shown_errors = 0;
    for (uint32_t i = 0; i < report->count; i++) {
        const struct config_message *item = &report->items[i];
        const char *severity = item->warning ? "warning" : "error";
        int err = item->line > 0 ? dynbuf_append_format(out, "%s:%u:%u: %s: %s\n",
                                                        name != NULL ? name : "config", item->line,
                                                        item->column, severity, item->text)
                                 : dynbuf_append_format(out, "%s: %s\n", severity, item->text);
        if (err < 0)
            return err;
        shown_errors += !item->warning;
    }
    if (report->errors > shown_errors)
        return dynbuf_append_format(out, "and %u more errors\n", report->errors - shown_errors);
    return 0;
}
