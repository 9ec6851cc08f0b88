// SPDX-License-Identifier: Apache-2.0
/*
 * Kept connections, by origin.
 *
 * Why last in, first out: the connection used last is the one least likely to have been closed by the other side, and the
 * others grow old and go. Everything that decides where a connection leads or who it trusts is part of the key: host,
 * port, TLS, authorities, the proxy between, and the address rules it was checked against.
 * Promises: a pool lives as long as somebody counts on it, links and calls. Leaves to others: closing (link.c), deadlines.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/secret.h"
#include "http/client_parts.h"

struct http_pool {
    struct list node;
    struct list idle; /* links, most recently used first */
    size_t idle_count;
    size_t users;
    uint64_t hash;
    struct origin key; /* spans point into `text` */
    char text[];
};

static uint64_t hash_of(const struct origin *origin) {
    return span_hash(origin->host) ^ (uint64_t)origin->port * UINT64_C(0x9e3779b97f4a7c15) ^
           (uint64_t)origin->tls;
}

static bool same_origin(const struct origin *a, const struct origin *b) {
    return a->port == b->port && a->tls == b->tls && a->allow_loopback == b->allow_loopback &&
           span_equal_nocase(a->host, b->host) && span_equal(a->ca_file, b->ca_file) &&
           span_equal(a->private_network, b->private_network) && span_equal(a->proxy, b->proxy) &&
           span_equal(a->unix_path, b->unix_path);
}

static struct span copy_text(char **place, struct span text) {
    if (span_absent(text))
        return text;
    char *copy = *place;
    memcpy(copy, text.ptr, text.len);
    *place += text.len;
    return span_of(copy, text.len);
}

static struct http_pool *pool_new(const struct origin *origin, uint64_t hash) {
    size_t text_bytes = origin->host.len + origin->private_network.len + origin->ca_file.len +
                        origin->proxy.len + origin->unix_path.len;
    struct http_pool *pool = mem_alloc(sizeof *pool + text_bytes);
    char *place = pool->text;
    *pool = (struct http_pool){.hash = hash, .key = *origin};
    pool->key.host = copy_text(&place, origin->host);
    pool->key.private_network = copy_text(&place, origin->private_network);
    pool->key.ca_file = copy_text(&place, origin->ca_file);
    pool->key.proxy = copy_text(&place, origin->proxy);
    pool->key.unix_path = copy_text(&place, origin->unix_path);
    list_init(&pool->node);
    list_init(&pool->idle);
    return pool;
}

struct http_pool *http__pool_get(struct http_client *client, const struct origin *origin) {
    uint64_t hash = hash_of(origin);
    struct list *bucket = &client->buckets[hash % HTTP_POOL_BUCKETS];
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct http_pool *pool = container_of(node, struct http_pool, node);
        if (pool->hash == hash && same_origin(&pool->key, origin))
            return http__pool_ref(pool);
    }
    struct http_pool *pool = pool_new(origin, hash);
    list_prepend(bucket, &pool->node);
    return http__pool_ref(pool);
}

struct http_pool *http__pool_ref(struct http_pool *pool) {
    pool->users++;
    return pool;
}

void http__pool_unref(struct http_pool *pool) {
    check(pool->users > 0);
    if (--pool->users > 0)
        return;
    check(list_empty(&pool->idle));
    list_remove(&pool->node);
    if (pool->key.proxy.len > 0) /* may hold a password */
        secret_wipe(pool->text, (size_t)(pool->key.proxy.ptr - pool->text) + pool->key.proxy.len);
    mem_free(pool);
}

struct http_link *http__pool_take(struct http_pool *pool, struct http_client *client) {
    struct list *node = list_pop(&pool->idle);
    if (node == NULL)
        return NULL;
    pool->idle_count--;
    client->idle_count--;
    list_append(&client->busy, node);
    return container_of(node, struct http_link, node);
}

bool http__pool_put(struct http_pool *pool, struct http_link *link) {
    struct http_client *client = link->client;
    if (pool->idle_count >= client->limits.idle_connections_max)
        return false;
    list_remove(&link->node);
    list_prepend(&pool->idle, &link->node);
    pool->idle_count++;
    client->idle_count++;
    return true;
}

void http__pool_drop(struct http_link *link) {
    struct http_client *client = link->client;
    list_remove(&link->node);
    link->pool->idle_count--;
    client->idle_count--;
    list_append(&client->busy, &link->node);
}

void http__pool_close_idle(struct http_client *client) {
    for (size_t i = 0; i < HTTP_POOL_BUCKETS; i++) {
        struct list *bucket = &client->buckets[i];
        for (struct list *node = bucket->next; node != bucket; node = node->next) {
            struct http_pool *pool = container_of(node, struct http_pool, node);
            while (!list_empty(&pool->idle))
                http__link_close(container_of(pool->idle.next, struct http_link, node));
        }
    }
}
