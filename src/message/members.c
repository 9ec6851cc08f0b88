// SPDX-License-Identifier: Apache-2.0
/*
 * One pass over an object for a known set of names.
 *
 * Why: looking members up one by one walks the object once for each; on the path of every streamed chunk and of every
 * message of a long history that adds up. Names differ in length nearly always, so comparing lengths first rejects almost
 * all candidates at the cost of an integer comparison. Promises: no allocation. Leaves to others: members of other names.
 */
#include "message/members.h"

#include "base/check.h"

#define MEMBERS_MAX 32 /* bits of `seen` */

/* The place of a member's name among the names, or `count`. */
static size_t find_name(const struct json_node *node, struct json_value key,
                        const struct span *names, size_t count) {
    const char *text = key.doc->text.ptr + node->start + 1;
    size_t length = node->end - node->start - 2;
    size_t i = 0;
    if (node->escaped) {
        while (i < count && !json_string_is(key, names[i].ptr))
            i++;
        return i;
    }
    while (i < count && (names[i].len != length || memcmp(text, names[i].ptr, length) != 0))
        i++;
    return i;
}

struct json_value members_read(struct json_value object, const struct span *names, size_t count,
                               struct json_value *ret_values) {
    struct json_value duplicate = {NULL, 0};
    uint32_t seen = 0;
    check(count <= MEMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        ret_values[i] = duplicate;
    if (!json_is(object, JSON_OBJECT))
        return duplicate;
    const struct json_node *nodes = object.doc->nodes;
    uint32_t end = nodes[object.index].next;
    for (uint32_t at = object.index + 1; at < end; at = nodes[at + 1].next) {
        struct json_value key = {object.doc, at};
        size_t i = find_name(&nodes[at], key, names, count);
        if (i == count)
            continue;
        struct json_value value = {object.doc, at + 1};
        if ((seen >> i & 1) != 0)
            duplicate = value;
        else if (nodes[at + 1].type != JSON_NULL)
            ret_values[i] = value;
        seen |= (uint32_t)1 << i;
    }
    return duplicate;
}
