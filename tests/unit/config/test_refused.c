// SPDX-License-Identifier: Apache-2.0
/*
 * What the loader refuses and where it points: texts that are not YAML, unknown names, values out of form or range.
 *
 * Messages are compared word for word: they are what a user has to work with.
 */
#include "config_fixture.h"

#define NEEDS_KEYS                                                                               \
    " is not a loopback address: whoever reaches it could spend your quota. Set auth: keys, so " \
    "that every client needs a key, or listen on 127.0.0.1:7274\n"

static const struct example yaml[] = {
    {"listen: [\n", "t:2:1: error: not valid YAML: did not find expected node content while "
                    "parsing a flow node\n"},
    {"a: b: c\n", "t:1:5: error: not valid YAML: mapping values are not allowed in this context\n"},
    {"\tlisten: x\n", "t:1:1: error: a tab cannot indent YAML; use spaces\n"},
    {"listen: 127.0.0.1:1\n\tauth: open\n", "t:2:1: error: a tab cannot indent YAML; use spaces\n"},
    {"listen: \"abc\n", "t:2:1: error: not valid YAML: found unexpected end of stream while "
                        "scanning a quoted scalar\n"},
    {"listen: &x 127.0.0.1:1\n",
     "t:1:9: error: '&' starts a YAML anchor, which is not supported; put the value in quotes\n"},
    {"listen: *x\n",
     "t:1:9: error: '*' starts a YAML alias, which is not supported; put the value in quotes\n"},
    {"listen: !!str 127.0.0.1:1\n",
     "t:1:9: error: '!' starts a YAML tag, which is not supported; put the value in quotes\n"},
    {"listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n",
     "t:2:1: error: a second YAML document; only one is read\n"},
    {"listen: 127.0.0.1:1\nauth: open\nlisten: 127.0.0.1:2\n",
     "t:3:1: error: 'listen' is set twice; the first one is at 1:1\n"},
    {"- listen\n", "t:1:1: error: the file must be a mapping of settings, not a list\n"},
    {"hello\n", "t:1:1: error: the file must be a mapping of settings, not a single value\n"},
    {"? [a]\n: b\n", "t:1:3: error: a name must be a single value, not a list\n"},
    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "t:1:17: error: nested more than 16 levels deep\n"},
    {"listen: \"\\x00\"\n", "t:1:9: error: 'listen' holds control characters\n"},
    {"listen: \"a\\nb\"\n", "t:1:9: error: 'listen' holds control characters\n"},
    {"hosts: {a: b}\n", "t:1:8: error: 'hosts' must be a list, not a mapping\n"},
    {"auth: 'open\n", "t:2:1: error: not valid YAML: found unexpected end of stream while scanning "
                      "a quoted scalar\n"},
    {"queue: {max_wait: 5s\n", "t:2:1: error: not valid YAML: did not find expected ',' or '}' "
                               "while parsing a flow mapping\n"},
    {"%FOO\nlisten\n",
     "t:1:5: error: not valid YAML: found unknown directive name while scanning a directive\n"},
    {"listen: @x\n", "t:1:9: error: not valid YAML: found character that cannot start any token "
                     "while scanning for the next token\n"},
    {"}\n", "t:1:1: error: not valid YAML: did not find expected node content while parsing a "
            "block node\n"},
};

static const struct example names[] = {
    {"lisen: 127.0.0.1:1\n", "t:1:1: error: unknown setting 'lisen'; did you mean 'listen'?\n"},
    {"foo: 1\n", "t:1:1: error: unknown setting 'foo'; the nearest known one is 'log'\n"},
    {"max_wait: 25s\n",
     "t:1:1: error: unknown setting 'max_wait'; did you mean 'queue.max_wait'?\n"},
    {"queue: {maxwait: 25s}\n",
     "t:1:9: error: unknown setting 'queue.maxwait'; did you mean 'queue.max_wait'?\n"},
    {"queue: {max_waitin: 3}\n",
     "t:1:9: error: unknown setting 'queue.max_waitin'; did you mean 'queue.max_waiting'?\n"},
    {"queue.max_wait: 25s\n",
     "t:1:1: error: unknown setting 'queue.max_wait'; write it nested: queue: {max_wait: ...}\n"},
    {"Listen: x\n", "t:1:1: error: unknown setting 'Listen'; did you mean 'listen'?\n"},
    {"\"\": x\n", "t:1:1: error: unknown setting ''; the nearest known one is 'log'\n"},
    {"base_url: http://x\n",
     "t:1:1: error: unknown setting 'base_url'; did you mean 'providers.*.base_url'?\n"},
    {"log: {levels: info}\n",
     "t:1:7: error: unknown setting 'log.levels'; did you mean 'log.level'?\n"},
    {"queue: 25s\n", "t:1:8: error: 'queue' must be a mapping, not a single value\n"},
    {"queue: [1]\n", "t:1:8: error: 'queue' must be a mapping, not a list\n"},
    {"models: [a]\n", "t:1:9: error: 'models' must be a mapping, not a list\n"},
    {"\"providers.*\": 1\n",
     "t:1:1: error: unknown setting 'providers.*'; did you mean 'providers'?\n"},
    {"\"esc\\eape\": 1\n",
     "t:1:1: error: unknown setting 'esc?ape'; the nearest known one is 'store'\n"},
    {"auth: keys\ninsecure_http: maybe\n",
     "t:2:16: error: 'insecure_http: maybe' must be yes or no\n"},
    {"auth: keys\ntrusted_proxies: [x, 10.0.0.1/8, 0.0.0.0/0, '::/0', {a: b}]\n",
     "t:2:19: error: 'trusted_proxies: x' must be a network such as 10.1.2.0/24 or fd00:1::/32\n"
     "t:2:22: error: 'trusted_proxies: 10.0.0.1/8' has bits set behind its length; write the "
     "network's first address, such as 10.1.2.0/24\n"
     "t:2:34: error: 'trusted_proxies: 0.0.0.0/0' would believe whoever connects; name the "
     "proxies' own addresses\n"
     "t:2:45: error: 'trusted_proxies: ::/0' would believe whoever connects; name the proxies' own "
     "addresses\n"
     "t:2:53: error: 'trusted_proxies' must be a single value, not a mapping\n"},
    {"cors: ['*']\n", "t:1:8: error: 'cors: *' would let every page of the web in; list the "
                      "origins that may call\n"},
    {"cors: ['https://a.example:443', 'http://a.example:443', 'http://[::1]:80', "
     "'https://a.example:80']\n",
     "t:1:8: error: 'cors: https://a.example:443' has the usual port, which browsers leave out of "
     "an "
     "origin; leave it out too\n"
     "t:1:57: error: 'cors: http://[::1]:80' has the usual port, which browsers leave out of an "
     "origin; leave it out too\n"},
    {"cors: ['null']\n", "t:1:8: error: 'cors: null' must be an origin such as "
                         "https://app.example, without a path\n"},
    {"auth: keys\nlisten: 0.0.0.0:1\n",
     "t:2:9: error: 'listen: 0.0.0.0:1' is not a loopback address, and keys would travel there "
     "unencrypted. Name the proxy that speaks TLS in front in trusted_proxies, or set "
     "insecure_http: true\n"},
    {"insecure_http: yes\nlisten: 0.0.0.0:1\n", "t:2:9: error: 'listen: 0.0.0.0:1'" NEEDS_KEYS},
    {"store: x\n", "t:1:8: error: 'store' must be a mapping, not a single value\n"},
    {"store: {url: x}\n",
     "t:1:14: error: 'store.url: x' must be sqlite:, sqlite:/absolute/path or off\n"},
    {"store: {url: 'sqlite:papi.db'}\n",
     "t:1:14: error: 'store.url: sqlite:papi.db' must be sqlite:, sqlite:/absolute/path or off\n"},
    {"store: {url: 'postgres://db/papi'}\n",
     "t:1:14: error: 'store.url: postgres://db/papi' must be sqlite:, sqlite:/absolute/path or "
     "off\n"},
    {"store: {keep: 30d}\n", "t:1:15: error: 'store.keep' must be a mapping, not a single value\n"},
    {"store: {keep: {requests: never}}\n",
     "t:1:26: error: 'store.keep.requests: never' must be a duration such as 500ms, 25s, 2m, "
     "1h30m\n"},
    {"store: {keep: {weeks: 3d}}\n",
     "t:1:16: error: unknown setting 'store.keep.weeks'; the nearest known one is "
     "'store.keep.hours'\n"},
    {"cluster: {url: ''}\n", "t:1:1: error: 'cluster' is not supported by this version yet\n"},
    {"routing: {stream_upstream: on}\n",
     "t:1:11: error: 'routing.stream_upstream' is not supported by this version yet\n"},
};

static const struct example values[] = {
    {"listen:\n", "t:1:8: error: 'listen' has no value\n"},
    {"listen: ''\n", "t:1:9: error: 'listen' has no value\n"},
    {"listen: [127.0.0.1:1]\n", "t:1:9: error: 'listen' must be a single value, not a list\n"},
    {"listen: 0.0.0.0:7274\n", "t:1:9: error: 'listen: 0.0.0.0:7274'" NEEDS_KEYS},
    {"listen: :7274\n", "t:1:9: error: 'listen: :7274' must name its address: 127.0.0.1 for this "
                        "machine, 0.0.0.0 or [::] for all\n"},
    {"listen: 7274\n",
     "t:1:9: error: 'listen: 7274' must be ADDRESS:PORT, such as 127.0.0.1:7274\n"},
    {"listen: 127.0.0.1\n",
     "t:1:9: error: 'listen: 127.0.0.1' must be ADDRESS:PORT, such as 127.0.0.1:7274\n"},
    {"listen: 127.0.0.1:70000\n",
     "t:1:9: error: 'listen: 127.0.0.1:70000' has a port that is not a number from 0 to 65535\n"},
    {"listen: example.com:80\n", "t:1:9: error: 'listen: example.com:80' must name an address, not "
                                 "a host name (but localhost)\n"},
    {"listen: \"[::]:80\"\n", "t:1:9: error: 'listen: [::]:80'" NEEDS_KEYS},
    {"listen: ::1:80\n", "t:1:9: error: 'listen: ::1:80' has more than one ':'; an IPv6 address "
                         "needs brackets, as in [::1]:8000\n"},
    {"listen: \"[::1:80\"\n", "t:1:9: error: 'listen: [::1:80' has '[' without ']'\n"},
    {"listen: \"[127.0.0.1]:80\"\n", "t:1:9: error: 'listen: [127.0.0.1]:80' has brackets around "
                                     "something that is not an IPv6 address\n"},
    {"listen: 127.1:80\n", "t:1:9: error: 'listen: 127.1:80' has a numeric host that is not four "
                           "numbers from 0 to 255\n"},
    {"listen: 192.168.1.5:80\n", "t:1:9: error: 'listen: 192.168.1.5:80'" NEEDS_KEYS},
    {"auth: none\n", "t:1:7: error: 'auth: none' must be open or keys\n"},
    {"loops: x\n", "t:1:8: error: 'loops: x' must be a whole number\n"},
    {"loops: 65\n", "t:1:8: error: 'loops: 65' must lie between 0 and 64\n"},
    {"loops: -1\n", "t:1:8: error: 'loops: -1' must be a whole number\n"},
    {"loops: 1.5\n", "t:1:8: error: 'loops: 1.5' must be a whole number\n"},
    {"loops: 99999999999999999999999\n",
     "t:1:8: error: 'loops: 99999999999999999999999' must be a whole number\n"},
    {"queue: {max_wait: 25x}\n",
     "t:1:19: error: 'queue.max_wait: 25x' must be a duration such as 500ms, 25s, 2m, 1h30m\n"},
    {"queue: {max_wait: 1.5s}\n", "t:1:19: error: 'queue.max_wait: 1.5s' must be in whole numbers, "
                                  "such as 1500ms for one and a half seconds\n"},
    {"queue: {max_wait: 2h}\n", "t:1:19: error: 'queue.max_wait: 2h' must lie between 0 and 1h\n"},
    {"queue: {max_wait: 1s1m}\n",
     "t:1:19: error: 'queue.max_wait: 1s1m' must be a duration such as 500ms, 25s, 2m, 1h30m\n"},
    {"queue: {max_wait: s}\n",
     "t:1:19: error: 'queue.max_wait: s' must be a duration such as 500ms, 25s, 2m, 1h30m\n"},
    {"queue: {max_wait: -1s}\n",
     "t:1:19: error: 'queue.max_wait: -1s' must be a duration such as 500ms, 25s, 2m, 1h30m\n"},
    {"queue: {max_wait: 99999999999999999999s}\n",
     "t:1:19: error: 'queue.max_wait: 99999999999999999999s' must be a duration such as 500ms, "
     "25s, 2m, 1h30m\n"},
    {"queue: {max_wait: 9999999999999999999d}\n",
     "t:1:19: error: 'queue.max_wait: 9999999999999999999d' is too large\n"},
    {"queue: {max_waiting: 2000000}\n",
     "t:1:22: error: 'queue.max_waiting: 2000000' must lie between 0 and 1000000\n"},
    {"routing: {attempts: 0}\n",
     "t:1:21: error: 'routing.attempts: 0' must lie between 1 and 16\n"},
    {"limits: {body: 32M}\n",
     "t:1:16: error: 'limits.body: 32M' has an unknown unit; use KiB, MiB, GiB, kB, MB, GB or B\n"},
    {"limits: {body: 1.5MiB}\n", "t:1:16: error: 'limits.body: 1.5MiB' must be a size in whole "
                                 "numbers, such as 512KiB or 32MiB\n"},
    {"limits: {body: 10}\n", "t:1:16: error: 'limits.body: 10' must lie between 1KiB and 1GiB\n"},
    {"limits: {body: 2GiB}\n",
     "t:1:16: error: 'limits.body: 2GiB' must lie between 1KiB and 1GiB\n"},
    {"limits: {body: x}\n",
     "t:1:16: error: 'limits.body: x' must be a size such as 512KiB, 32MiB or a number of bytes\n"},
    {"limits: {body: 32 Mi B}\n", "t:1:16: error: 'limits.body: 32 Mi B' has an unknown unit; use "
                                  "KiB, MiB, GiB, kB, MB, GB or B\n"},
    {"limits: {bodies: 1KB}\n",
     "t:1:18: error: 'limits.bodies: 1KB' must lie between 1KiB and 1024GiB\n"},
    {"limits: {body: 99999999999GiB}\n",
     "t:1:16: error: 'limits.body: 99999999999GiB' is too large\n"},
    {"limits: {connections: 0}\n",
     "t:1:23: error: 'limits.connections: 0' must lie between 1 and 1000000\n"},
    {"limits: {header_timeout: 0s}\n",
     "t:1:26: error: 'limits.header_timeout: 0s' must lie between 1ms and 24h\n"},
    {"log: {level: trace}\n",
     "t:1:14: error: 'log.level: trace' must be debug, info, warn or error\n"},
    {"log: {format: xml}\n", "t:1:15: error: 'log.format: xml' must be text or json\n"},
    {"hosts: [papi.example, 'a:1']\n",
     "t:1:23: error: 'hosts: a:1' has a character in its host name that does not belong there\n"},
    {"hosts: [[x]]\n", "t:1:9: error: 'hosts' must be a single value, not a list\n"},
    {"cors: [https://a.example/x]\n", "t:1:8: error: 'cors: https://a.example/x' must be an origin "
                                      "such as https://app.example, without a path\n"},
    {"audience: us\n", "t:1:11: error: 'audience: us' must be self, group or public\n"},
    {"keyless: yes\n", "t:1:10: error: 'keyless: yes' must be safe, all or off\n"},
    {"local_servers: on\n", "t:1:16: error: 'local_servers: on' must be auto or off\n"},
    {"dotenv: maybe\n", "t:1:9: error: 'dotenv: maybe' must be yes or no\n"},
    {"routing: {strategy: cheap}\n", "t:1:21: error: 'routing.strategy: cheap' must be value\n"},
    {"routing: {data_use: train}\n",
     "t:1:21: error: 'routing.data_use: train' must be any or no-training\n"},
    {"proxy: https://x:1\n",
     "t:1:8: error: 'proxy' must start with http://, socks5:// or socks5h://\n"},
    {"proxy: http://\n", "t:1:8: error: 'proxy' has no host\n"},
    {"proxy: http://x:0\n",
     "t:1:8: error: 'proxy' has a port that is not a number from 1 to 65535\n"},
    {"proxy: http://x:1/path\n", "t:1:8: error: 'proxy' must not have a path\n"},
    {"proxy: http://user:p w@x:1\n",
     "t:1:8: error: 'proxy' has a user or password in a form that no URL has; write special "
     "characters percent-encoded\n"},
    {"proxy: http://user:p%4@x:1\n",
     "t:1:8: error: 'proxy' has a user or password in a form that no URL has; write special "
     "characters percent-encoded\n"},
    {"proxy: http://@x:1\n",
     "t:1:8: error: 'proxy' has a user or password in a form that no URL has; write special "
     "characters percent-encoded\n"},
    {"proxy: socks5://secret:secret@a..b\n",
     "t:1:8: error: 'proxy' has an empty part in its host name\n"},
    {"drain_timeout: {a: b}\n",
     "t:1:16: error: 'drain_timeout' must be a single value, not a mapping\n"},
};

static void refuses_what_is_not_yaml(void **state) {
    (void)state;
    RUN(yaml);
}

static void names_the_nearest_setting(void **state) {
    (void)state;
    RUN(names);
}

static void refuses_values(void **state) {
    (void)state;
    RUN(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_yaml),
        cmocka_unit_test(names_the_nearest_setting),
        cmocka_unit_test(refuses_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
