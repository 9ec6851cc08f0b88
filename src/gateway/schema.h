// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The shape of JSON that goes in and out, as tables: one source for /openapi.json, for the reference pages and for the check of what
 * clients send (admin/take.h). A table of members ends with a row without a name.
 */
#include <stdbool.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_TEXT,   /* least and most: its bytes */
    SCHEMA_WORD,   /* one of `words`, "day|hour|minute" */
    SCHEMA_TIME,   /* RFC 3339 */
    SCHEMA_WHOLE,  /* a whole number; least and most */
    SCHEMA_NUMBER, /* any number */
    SCHEMA_FLAG,   /* true or false */
    SCHEMA_OBJECT, /* of `of` */
    SCHEMA_ANY     /* whatever it is */
};

enum schema_flag {
    SCHEMA_OPTIONAL = 1, /* may be missing */
    SCHEMA_NULLABLE = 2, /* may be null */
    SCHEMA_LIST = 4,     /* a list of that type */
    SCHEMA_SECRET = 8    /* never shown again, never logged */
};

struct schema;

struct schema_member {
    const char *name;
    enum schema_type type;
    unsigned flags;          /* enum schema_flag bits */
    uint64_t least;          /* of numbers and of the bytes of texts */
    uint64_t most;           /* 0 = no bound */
    const char *words;       /* of SCHEMA_WORD */
    const struct schema *of; /* of SCHEMA_OBJECT */
    const char *about;
};

struct schema {
    const char *name; /* "Client" */
    const char *about;
    const struct schema_member *members;
    bool open; /* others may stand beside them */
};

/* Rows of members: name, flags, what it is. */
#define M_TEXT(member, bits, text) \
    { .name = member, .type = SCHEMA_TEXT, .flags = bits, .about = text }
#define M_TIME(member, bits, text) \
    { .name = member, .type = SCHEMA_TIME, .flags = bits, .about = text }
#define M_WHOLE(member, bits, text) \
    { .name = member, .type = SCHEMA_WHOLE, .flags = bits, .about = text }
#define M_NUMBER(member, bits, text) \
    { .name = member, .type = SCHEMA_NUMBER, .flags = bits, .about = text }
#define M_FLAG(member, bits, text) \
    { .name = member, .type = SCHEMA_FLAG, .flags = bits, .about = text }
#define M_ANY(member, bits, text) \
    { .name = member, .type = SCHEMA_ANY, .flags = bits, .about = text }
#define M_BOUNDED(member, kind, bits, from, to, text) \
    { .name = member, .type = kind, .flags = bits, .least = from, .most = to, .about = text }
#define M_WORD(member, bits, list, text) \
    { .name = member, .type = SCHEMA_WORD, .flags = bits, .words = list, .about = text }
#define M_OBJECT(member, bits, schema, text) \
    { .name = member, .type = SCHEMA_OBJECT, .flags = bits, .of = schema, .about = text }
#define M_END \
    { .name = NULL }

/* What the description says of an endpoint beside its path, its method and its purpose. */
struct endpoint_doc {
    const char *operation;             /* "listClients": unique */
    const char *rest;                  /* what stands for '*': "id" */
    const struct schema_member *query; /* NULL = it takes none */
    const struct schema *takes;        /* JSON body; NULL = none */
    bool takes_optional;               /* the body may be missing */
    const struct schema *gives;        /* NULL = text of `gives_type` */
    bool gives_list;        /* {"object":"list","data":[...],"has_more","next_cursor"} of it */
    const char *gives_type; /* NULL = application/json */
    bool streams;           /* or text/event-stream, when asked for */
    int status;             /* when all is well; 0 = 200 */
};
