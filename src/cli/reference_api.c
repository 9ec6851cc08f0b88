// SPDX-License-Identifier: Apache-2.0
/*
 * docs/reference/api.md: every endpoint with what it takes and gives, and every object, from the tables that serve them.
 *
 * The same tables are written out as /openapi.json, for programs; this page is for people. Promises: each endpoint once, each object
 * once. Leaves to others: the tables (gateway/endpoint_docs.c, admin/).
 */
#include "cli/reference.h"

#include "admin/describe.h"

#include "base/check.h"

#include <stdio.h>

struct group {
    struct page *page;
    bool admin;
};

static const char *type_word(const struct schema_member *member) {
    static const char *const words[] = {
        [SCHEMA_TEXT] = "text",   [SCHEMA_WORD] = "word",     [SCHEMA_TIME] = "time",
        [SCHEMA_WHOLE] = "whole", [SCHEMA_NUMBER] = "number", [SCHEMA_FLAG] = "true or false",
        [SCHEMA_OBJECT] = NULL,   [SCHEMA_ANY] = "anything",
    };
    return words[member->type];
}

static void put_type(struct page *page, const struct schema_member *member) {
    const char *word = type_word(member);
    if ((member->flags & SCHEMA_LIST) != 0)
        page_add(page, "list of ");
    if (word == NULL) {
        page_add(page, "%s", member->of->name);
    } else if (member->words != NULL) {
        struct span rest = span_text(member->words), one;
        const char *comma = "";
        while (span_split(&rest, '|', &one)) {
            page_add(page, "%s`%.*s`", comma, SPAN_ARG(one));
            comma = ", ";
        }
    } else {
        page_add(page, "%s", word);
    }
    if (member->most > 0)
        page_add(page, ", %llu to %llu%s", (unsigned long long)member->least,
                 (unsigned long long)member->most, member->type == SCHEMA_TEXT ? " bytes" : "");
    if ((member->flags & SCHEMA_NULLABLE) != 0)
        page_add(page, ", or null");
}

static void put_members(struct page *page, const struct schema_member *members) {
    page_add(page, "\n| name | what | |\n| --- | --- | --- |\n");
    for (; members->name != NULL; members++) {
        page_add(page, "| `%s`%s | ", members->name,
                 (members->flags & SCHEMA_OPTIONAL) != 0 ? " (optional)" : "");
        put_type(page, members);
        page_add(page, " | %s |\n", members->about);
    }
}

static void put_gives(struct page *page, const struct endpoint_doc *doc) {
    if (doc->status > 0)
        page_add(page, " Status %d.", doc->status);
    if (doc->gives == NULL)
        page_add(page, " Gives %s.", doc->gives_type != NULL ? doc->gives_type : "JSON");
    else
        page_add(page, " Gives %s%s%s.", doc->gives_list ? "a page of " : "", doc->gives->name,
                 doc->streams ? ", or server-sent events" : "");
}

static void put_row(void *context, const struct endpoint *row) {
    const struct group *group = context;
    struct page *page = group->page;
    char path[160], method[8];
    if ((row->access == ACCESS_ADMIN) != group->admin)
        return;
    describe_path(row, path, sizeof path);
    (void)snprintf(method, sizeof method, "%s", describe_method(row));
    for (char *letter = method; *letter != '\0'; letter++)
        *letter = (char)(*letter & ~0x20);
    page_add(page, "\n### %s %s\n\n%c%s.", method, path, row->about[0] & ~0x20, row->about + 1);
    if (row->doc->takes != NULL)
        page_add(page, " Takes %s%s.", row->doc->takes->name,
                 row->doc->takes_optional ? ", which may be missing" : "");
    put_gives(page, row->doc);
    page_add(page, "\n");
    if (row->doc->query != NULL)
        put_members(page, row->doc->query);
}

void reference_api(struct page *page) {
    const struct schema *schemas[DESCRIBE_SCHEMAS_MAX];
    uint32_t count = describe_schemas(schemas);
    struct group api = {page, false}, admin = {page, true};
    page_add(page,
             "# The API and the admin API\n\n"
             "Written by `papi reference api` from the tables that serve; `/openapi.json` of a "
             "running gateway says the same to programs.\n"
             "What has GET has HEAD too. A refusal is an Error, whatever was asked.\n\n"
             "## For clients\n");
    describe_each(put_row, &api);
    page_add(page,
             "\n## For whoever runs the gateway\n\n"
             "By the socket `papi.sock` in the data directory, or over HTTP with an admin "
             "token. What is sent is checked against the\ntables below: a parameter or member "
             "that is not there is refused. A page of a list is\n"
             "`{\"object\":\"list\",\"data\":[...],\"has_more\":true,\"next_cursor\":\"...\"}`.\n");
    describe_each(put_row, &admin);
    page_add(page, "\n## Objects\n");
    for (uint32_t i = 0; i < count; i++) {
        page_add(page, "\n### %s\n\n%s.%s\n", schemas[i]->name, schemas[i]->about,
                 schemas[i]->open ? " Further members may stand beside these." : "");
        put_members(page, schemas[i]->members);
    }
}
