// SPDX-License-Identifier: Apache-2.0
/*
 * Names to addresses.
 *
 * Why c-ares: getaddrinfo on libuv's small pool of threads blocks one of them, cannot be cancelled and tells no TTL. Each
 * host has one entry: who waits, the last good answer, until when that is fresh. An answer past its TTL is still handed out
 * at once for RESOLVER_GRACE_NS while a query renews it, and when queries fail it serves for RESOLVER_KEEP_NS (RFC 8767):
 * a name server that is down must neither take a provider down nor slow each request to it. A failed query is not
 * repeated for RESOLVER_RETRY_NS. The channel is made anew when resolv.conf has changed (a laptop that moved).
 * Promises: bounded memory, no callback from inside resolver_ask. Leaves to others: judging and trying the addresses.
 */
#include "net/resolver.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop_parts.h"

#include <ares.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RESOLVER_HOSTS_MAX  256
#define RESOLVER_TTL_MIN_NS (5 * NS_PER_S)
#define RESOLVER_TTL_MAX_NS (300 * NS_PER_S)
#define RESOLVER_GRACE_NS   (300 * NS_PER_S)
#define RESOLVER_KEEP_NS    (24 * 3600 * NS_PER_S)
#define RESOLVER_RETRY_NS   (1 * NS_PER_S)
#define RESOLVER_LOOK_NS    (1 * NS_PER_S)
#define RESOLVER_TRY_MS     2000
#define RESOLVER_TRIES      2
#define RESOLVER_CONFIG     "/etc/resolv.conf"

struct host {
    char *name; /* owned */
    struct resolver *resolver;
    struct list waiting; /* of struct resolver_query, borrowed */
    struct list node;    /* in resolver->hosts, most recently used last */
    struct address_list good;
    uint64_t fresh_until_ns;
    uint64_t good_ns; /* when good came; 0: never */
    int err;          /* of the last query */
    bool asking;
    bool fixed;
};

/* One socket of c-ares. */
struct watch {
    uv_poll_t poll;
    struct list node;
    struct resolver *resolver;
    ares_socket_t socket;
};

struct resolver {
    struct loop *loop;
    ares_channel channel; /* owned; NULL before the first query */
    struct timespec config_time;
    uint64_t looked_ns; /* at the time of resolv.conf */
    struct list hosts;  /* owned */
    size_t host_count;
    size_t asking;
    struct list watches; /* owned, freed in their close callback */
    struct loop_timer timer;
    struct loop_task tell;
    uint64_t skipped_ns;
    int try_ms;
    char server[64]; /* "": the system's */
};

static uint64_t now_of(const struct resolver *resolver) {
    return loop_now_ns(resolver->loop) + resolver->skipped_ns;
}

/* --- answers --- */

static bool usable(const struct host *host, uint64_t age_max_ns) {
    if (host->fixed)
        return true;
    return host->good_ns != 0 && now_of(host->resolver) - host->good_ns < age_max_ns;
}

static void tell_waiting(struct host *host) {
    struct list round;
    list_init(&round);
    list_move_all(&round, &host->waiting);
    const struct address_list copy = host->good;
    int err = usable(host, RESOLVER_KEEP_NS) ? 0 : host->err;
    for (struct list *node = list_pop(&round); node != NULL; node = list_pop(&round)) {
        struct resolver_query *query = container_of(node, struct resolver_query, node);
        query->on_answer(query, err, &copy);
    }
}

static bool can_tell(const struct host *host) {
    if (list_empty(&host->waiting))
        return false;
    return !host->asking || usable(host, RESOLVER_TTL_MAX_NS + RESOLVER_GRACE_NS);
}

/* A callback may ask again, also for a host of which no entry was there: the list is looked at anew each time. */
static void on_tell(struct loop_task *task) {
    struct resolver *resolver = container_of(task, struct resolver, tell);
    struct list *node = resolver->hosts.next;
    while (node != &resolver->hosts) {
        struct host *host = container_of(node, struct host, node);
        bool tell = can_tell(host);
        if (tell)
            tell_waiting(host);
        node = tell ? resolver->hosts.next : node->next;
    }
}

static const struct {
    int status;
    int err;
} statuses[] = {
    {ARES_ENOTFOUND, ERR_DNS_NOT_FOUND}, {ARES_ENODATA, ERR_DNS_NOT_FOUND},
    {ARES_EBADNAME, ERR_DNS_NOT_FOUND},  {ARES_ETIMEOUT, ERR_DNS_TIMEOUT},
    {ARES_ECANCELLED, ERR_DNS_TIMEOUT},
};

static int class_of(int status) {
    for (size_t i = 0; i < array_length(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].err;
    return ERR_DNS_FAILED;
}

static void keep_answer(struct host *host, const struct ares_addrinfo *answer) {
    uint64_t ttl_ns = RESOLVER_TTL_MAX_NS;
    struct address_list *good = &host->good;
    good->count = 0;
    for (const struct ares_addrinfo_node *node = answer->nodes;
         node != NULL && good->count < ADDRESS_LIST_MAX; node = node->ai_next) {
        struct sockaddr_storage *item = &good->items[good->count];
        if (node->ai_addrlen > sizeof *item)
            continue;
        memset(item, 0, sizeof *item);
        memcpy(item, node->ai_addr, node->ai_addrlen);
        good->count++;
        uint64_t node_ttl_ns = (uint64_t)(node->ai_ttl > 0 ? node->ai_ttl : 0) * NS_PER_S;
        if (node_ttl_ns < ttl_ns)
            ttl_ns = node_ttl_ns;
    }
    host->good_ns = now_of(host->resolver);
    host->fresh_until_ns =
        host->good_ns + (ttl_ns < RESOLVER_TTL_MIN_NS ? RESOLVER_TTL_MIN_NS : ttl_ns);
}

static void on_result(void *argument, int status, int timeouts, struct ares_addrinfo *answer) {
    struct host *host = argument;
    (void)timeouts;
    host->asking = false;
    host->resolver->asking--;
    bool good = status == ARES_SUCCESS && answer != NULL && answer->nodes != NULL;
    host->err = status == ARES_SUCCESS ? ERR_DNS_NOT_FOUND : class_of(status);
    if (good)
        keep_answer(host, answer);
    else
        host->fresh_until_ns = now_of(host->resolver) + RESOLVER_RETRY_NS;
    if (answer != NULL)
        ares_freeaddrinfo(answer);
    loop_defer(host->resolver->loop, &host->resolver->tell);
}

/* --- c-ares on the loop --- */

static void arm(struct resolver *resolver) {
    struct timeval most = {.tv_sec = 1}, left;
    if (resolver->asking == 0) {
        loop_timer_clear(resolver->loop, &resolver->timer);
        return;
    }
    const struct timeval *wait = ares_timeout(resolver->channel, &most, &left);
    uint64_t wait_ns = (uint64_t)wait->tv_sec * NS_PER_S + (uint64_t)wait->tv_usec * NS_PER_US;
    loop_timer_set(resolver->loop, &resolver->timer, loop_now_ns(resolver->loop) + wait_ns);
}

static void on_timer(struct loop_timer *timer) {
    struct resolver *resolver = container_of(timer, struct resolver, timer);
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(resolver);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct watch *watch = handle->data;
    struct resolver *resolver = watch->resolver;
    ares_socket_t socket = watch->socket;
    loop__wake(resolver->loop);
    bool readable = status < 0 || (events & UV_READABLE) != 0;
    bool writable = status < 0 || (events & UV_WRITABLE) != 0;
    ares_process_fd(resolver->channel, readable ? socket : ARES_SOCKET_BAD,
                    writable ? socket : ARES_SOCKET_BAD);
    arm(resolver);
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    loop__closed(handle->loop->data);
    mem_free(watch);
}

static struct watch *find_watch(const struct resolver *resolver, ares_socket_t socket) {
    list_for_each(node, next, &resolver->watches) {
        struct watch *watch = container_of(node, struct watch, node);
        if (watch->socket == socket)
            return watch;
    }
    return NULL;
}

static struct watch *watch_new(struct resolver *resolver, ares_socket_t socket) {
    struct watch *watch = mem_zalloc(sizeof *watch);
    *watch = (struct watch){.resolver = resolver, .socket = socket};
    list_init(&watch->node);
    list_append(&resolver->watches, &watch->node);
    check(uv_poll_init(&resolver->loop->uv, &watch->poll, socket) == 0);
    watch->poll.data = watch;
    loop__opened(resolver->loop);
    return watch;
}

static void on_socket_state(void *data, ares_socket_t socket, int readable, int writable) {
    struct resolver *resolver = data;
    struct watch *watch = find_watch(resolver, socket);
    int events = (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0);
    if (events == 0 && watch == NULL)
        return;
    if (events == 0) {
        /* c-ares closes the socket when this returns. */
        list_remove(&watch->node);
        uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        return;
    }
    if (watch == NULL)
        watch = watch_new(resolver, socket);
    check(uv_poll_start(&watch->poll, events, on_poll) == 0);
}

static void close_channel(struct resolver *resolver) {
    if (resolver->channel != NULL)
        ares_destroy(resolver->channel);
    resolver->channel = NULL;
    check(list_empty(&resolver->watches) && resolver->asking == 0);
}

static bool config_changed(struct resolver *resolver) {
    struct stat config;
    uint64_t now_ns = now_of(resolver);
    if (resolver->looked_ns != 0 && now_ns - resolver->looked_ns < RESOLVER_LOOK_NS)
        return false;
    resolver->looked_ns = now_ns;
    if (stat(RESOLVER_CONFIG, &config) != 0)
        return false;
    bool changed = config.st_mtim.tv_sec != resolver->config_time.tv_sec ||
                   config.st_mtim.tv_nsec != resolver->config_time.tv_nsec;
    resolver->config_time = config.st_mtim;
    return changed;
}

static int open_channel(struct resolver *resolver) {
    /* With queries under way a new channel has to wait for the next chance. */
    if (resolver->asking > 0 || (!config_changed(resolver) && resolver->channel != NULL))
        return 0;
    close_channel(resolver);
    struct ares_options options = {
        .timeout = resolver->try_ms,
        .tries = RESOLVER_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };
    int status = ares_init_options(&resolver->channel, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && resolver->server[0] != '\0')
        status = ares_set_servers_ports_csv(resolver->channel, resolver->server);
    return status == ARES_SUCCESS ? 0 : ERR_DNS_FAILED;
}

/* --- hosts --- */

static void host_free(struct host *host) {
    list_remove(&host->node);
    host->resolver->host_count--;
    mem_free(host->name);
    mem_free(host);
}

/* The one unused for longest, among those nobody waits for. */
static bool make_room(struct resolver *resolver) {
    if (resolver->host_count < RESOLVER_HOSTS_MAX)
        return true;
    list_for_each(node, next, &resolver->hosts) {
        struct host *host = container_of(node, struct host, node);
        if (host->asking || !list_empty(&host->waiting))
            continue;
        host_free(host);
        return true;
    }
    return false;
}

static struct host *host_new(struct resolver *resolver, struct span name) {
    if (!make_room(resolver))
        return NULL;
    struct host *host = mem_zalloc(sizeof *host);
    host->name = mem_strndup(name.ptr, name.len);
    host->resolver = resolver;
    list_init(&host->waiting);
    list_init(&host->node);
    resolver->host_count++;
    return host;
}

/* NULL when every place is busy. */
static struct host *find_host(struct resolver *resolver, struct span name) {
    struct host *found = NULL;
    list_for_each(node, next, &resolver->hosts) {
        struct host *host = container_of(node, struct host, node);
        if (span_equal_nocase(span_text(host->name), name))
            found = host;
    }
    if (found == NULL)
        found = host_new(resolver, name);
    if (found == NULL)
        return NULL;
    list_remove(&found->node);
    list_append(&resolver->hosts, &found->node);
    return found;
}

static void ask_network(struct resolver *resolver, struct host *host) {
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    host->err = open_channel(resolver);
    if (host->err < 0)
        return;
    host->asking = true;
    resolver->asking++;
    ares_getaddrinfo(resolver->channel, host->name, NULL, &hints, on_result, host);
    arm(resolver);
}

int resolver_ask(struct resolver *resolver, struct span name, struct resolver_query *query) {
    struct host *host = find_host(resolver, name);
    if (host == NULL)
        return ERR_BUSY;
    list_append(&host->waiting, &query->node);
    bool fresh = host->fixed || now_of(resolver) < host->fresh_until_ns;
    if (!fresh && !host->asking)
        ask_network(resolver, host);
    loop_defer(resolver->loop, &resolver->tell);
    return 0;
}

void resolver_forget(struct resolver_query *query) {
    list_remove(&query->node);
}

/* --- life --- */

static void clean_library(void) {
    ares_library_cleanup();
}

static void init_library(void) {
    check(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    check(atexit(clean_library) == 0);
}

struct resolver *resolver_new(struct loop *loop) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct resolver *resolver = mem_zalloc(sizeof *resolver);
    check(pthread_once(&once, init_library) == 0);
    resolver->loop = loop;
    resolver->try_ms = RESOLVER_TRY_MS;
    resolver->timer.fire = on_timer;
    list_init(&resolver->hosts);
    list_init(&resolver->watches);
    loop_task_init(&resolver->tell, on_tell);
    return resolver;
}

void resolver_free(struct resolver *resolver) {
    close_channel(resolver);
    loop_undefer(&resolver->tell);
    loop_timer_clear(resolver->loop, &resolver->timer);
    list_for_each(node, next, &resolver->hosts) {
        struct host *host = container_of(node, struct host, node);
        check(list_empty(&host->waiting));
        host_free(host);
    }
    mem_free(resolver);
}

/* --- for tests --- */

int resolver_use_server(struct resolver *resolver, const char *server, int try_ms) {
    if (strlen(server) >= sizeof resolver->server)
        return ERR_TOO_LARGE;
    memcpy(resolver->server, server, strlen(server) + 1);
    resolver->try_ms = try_ms;
    close_channel(resolver);
    return 0;
}

void resolver_skip_time(struct resolver *resolver, uint64_t skip_ns) {
    resolver->skipped_ns += skip_ns;
}

void resolver_override(struct resolver *resolver, struct span name,
                       const struct address_list *list) {
    struct host *host = find_host(resolver, name);
    check(host != NULL);
    host->good = *list;
    host->fixed = true;
}
