// SPDX-License-Identifier: Apache-2.0
/*
 * What the loader refuses inside providers, models, keys and aliases, and what it warns of.
 *
 * A key or a password is never part of a message.
 */
#include "config_fixture.h"

static const struct example providers[] = {
    {"providers: [a]\n",
     "t:1:12: error: 'providers' must be a mapping of names to providers, not a list\n"},
    {"providers: x\n",
     "t:1:12: error: 'providers' must be a mapping of names to providers, not a single value\n"},
    {"providers: {p: }\n", "t:1:16: error: 'providers.p' must be a mapping of settings, such as "
                           "{base_url: ..., models: [...]}\n"},
    {"providers: {p: [x]}\n", "t:1:16: error: 'providers.p' must be a mapping of settings, such as "
                              "{base_url: ..., models: [...]}\n"},
    {"providers: {P!: {base_url: http://127.0.0.1:1, models: [m]}}\n",
     "t:1:13: error: the name of a provider ('P!') must be of small letters, digits, '-', '_' and "
     "'.'\n"},
    {"providers: {p: {models: [m]}}\n",
     "t:1:13: error: 'providers.p.base_url' is missing; give the address of its API, such as "
     "https://api.example.com/v1\n"},
    {"providers: {p: {base_url: http://127.0.0.1:1}}\n",
     "t:1:13: error: 'providers.p.models' is missing; list the models it serves, such as models: "
     "[qwen3-8b]\n"},
    {"providers:\n  p: {base_url: http://127.0.0.1:1, models: [m]}\n  p: {base_url: "
     "http://127.0.0.1:2, models: [m]}\n",
     "t:3:3: error: 'p' is set twice; the first one is at 2:3\n"},
    {PROVIDER "    type: anthropic\n",
     "t:5:11: error: 'providers.p.type: anthropic' is not supported by this version yet\n"},
    {PROVIDER "    type: foo\n", "t:5:11: error: 'providers.p.type: foo' must be openai\n"},
    {PROVIDER "    concurrency: 0\n",
     "t:5:18: error: 'providers.p.concurrency: 0' must lie between 1 and 10000\n"},
    {PROVIDER "    timeout: {gap: 1s}\n",
     "t:5:5: error: unknown setting 'providers.p.timeout'; did you mean 'providers.p.timeouts'?\n"},
    {PROVIDER "    timeouts: {gap: 0s}\n",
     "t:5:21: error: 'providers.p.timeouts.gap: 0s' must lie between 1ms and 24h\n"},
    {PROVIDER "    timeouts: {connection: 1s}\n",
     "t:5:16: error: unknown setting 'providers.p.timeouts.connection'; did you mean "
     "'providers.p.timeouts.connect'?\n"},
    {PROVIDER "    timeouts: 5s\n",
     "t:5:15: error: 'providers.p.timeouts' must be a mapping, not a single value\n"},
    {PROVIDER "    quirks: {max_tokens: yes}\n",
     "t:5:14: error: unknown setting 'providers.p.quirks.max_tokens'; did you mean "
     "'providers.p.quirks.max_tokens_legacy'?\n"},
    {PROVIDER "    quirks: {keep_extras: maybe}\n",
     "t:5:27: error: 'providers.p.quirks.keep_extras: maybe' must be yes or no\n"},
    {PROVIDER "    tier: pro\n", "t:5:11: error: 'providers.p.tier: pro' must be free or paid\n"},
    {PROVIDER "    billing: no\n",
     "t:5:14: error: 'providers.p.billing: no' must be free, paid or unknown\n"},
    {PROVIDER "    tier: paid\n    billing: free\n",
     "t:5:11: error: 'providers.p' is told tier: paid and billing: free; one of them is wrong\n"},
    {PROVIDER "    enabled: maybe\n",
     "t:5:14: error: 'providers.p.enabled: maybe' must be yes or no\n"},
    {PROVIDER "    plan: 'a b'\n",
     "t:5:11: error: 'providers.p.plan: a b' must not hold spaces or control characters\n"},
    {PROVIDER "    user_agent: \"caf\\u00e9\"\n",
     "t:5:17: error: 'providers.p.user_agent: caf\303\251' must be of printable ASCII "
     "characters\n"},
    {PROVIDER "    user_agent: ' x'\n",
     "t:5:17: error: 'providers.p.user_agent:  x' must not begin or end with a space\n"},
    {PROVIDER "    user_agent: " NAME_254 "xxx\n",
     "t:5:17: error: 'providers.p.user_agent: " TEN(
         "aaaaaaaaaa") "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "' must not be longer than 256 bytes\n"},
    {PROVIDER "    budget: {usd: 5}\n",
     "t:5:5: error: 'providers.p.budget' is not supported by this version yet\n"},
    {PROVIDER "    data_use: any\n", "t:5:15: error: 'providers.p.data_use: any' must be trains, "
                                     "no-training or unknown\n"},
    {PROVIDER "    private_network: 10.1.2.0/33\n",
     "t:5:22: error: 'providers.p.private_network: 10.1.2.0/33' must be a network such as "
     "10.1.2.0/24 or fd00:1::/32\n"},
    {PROVIDER "    private_network: 10.1.2.3/24\n",
     "t:5:22: error: 'providers.p.private_network: 10.1.2.3/24' has bits set behind its length; "
     "write the network's first address, such as 10.1.2.0/24\n"},
    {PROVIDER "    private_network: lan\n",
     "t:5:22: error: 'providers.p.private_network: lan' must be a network such as 10.1.2.0/24 or "
     "fd00:1::/32\n"},
    {PROVIDER "    ca_file: nowhere.pem\n", "t:5:14: error: 'providers.p.ca_file': cannot read "
                                            "/nowhere/nowhere.pem: No such file or directory\n"},
    {PROVIDER "    ca_file: /nowhere/x.pem\n", "t:5:14: error: 'providers.p.ca_file': cannot read "
                                               "/nowhere/x.pem: No such file or directory\n"},
    {URL("ftp://x/v1"),
     "t:3:15: error: 'providers.p.base_url' must start with http:// or https://\n"},
    {URL("127.0.0.1:8000/v1"),
     "t:3:15: error: 'providers.p.base_url' must start with http:// or https://\n"},
    {URL("http://"), "t:3:15: error: 'providers.p.base_url' has no host\n"},
    {URL("http://user:pw@x/v1"), "t:3:15: error: 'providers.p.base_url' must not hold a user name "
                                 "or password; put the key under 'keys'\n"},
    {URL("http://x/v1?a=b"), "t:3:15: error: 'providers.p.base_url' must not have a query ('?')\n"},
    {URL("'http://x/v1#f'"),
     "t:3:15: error: 'providers.p.base_url' must not have a fragment ('#')\n"},
    {URL("http://x:0/v1"),
     "t:3:15: error: 'providers.p.base_url' has a port that is not a number from 1 to 65535\n"},
    {URL("http://x:99999/v1"),
     "t:3:15: error: 'providers.p.base_url' has a port that is not a number from 1 to 65535\n"},
    {URL("http://x:/v1"),
     "t:3:15: error: 'providers.p.base_url' has a port that is not a number from 1 to 65535\n"},
    {URL("http://x:a/v1"),
     "t:3:15: error: 'providers.p.base_url' has a port that is not a number from 1 to 65535\n"},
    {URL("http://[::1/v1"), "t:3:15: error: 'providers.p.base_url' has '[' without ']'\n"},
    {URL("http://[zz]/v1"), "t:3:15: error: 'providers.p.base_url' has brackets around something "
                            "that is not an IPv6 address\n"},
    {URL("http://[::1]x/v1"),
     "t:3:15: error: 'providers.p.base_url' has something else than a port after ']'\n"},
    {URL("http://::1/v1"), "t:3:15: error: 'providers.p.base_url' has more than one ':'; an IPv6 "
                           "address needs brackets, as in [::1]:8000\n"},
    {URL("http://x/a%2/v1"), "t:3:15: error: 'providers.p.base_url' has a '%' in its path that two "
                             "hexadecimal digits do not follow\n"},
    {URL("http://x/a%zz"), "t:3:15: error: 'providers.p.base_url' has a '%' in its path that two "
                           "hexadecimal digits do not follow\n"},
    {URL("http://x/../v1"), "t:3:15: error: 'providers.p.base_url' has '.' or '..' in its path\n"},
    {URL("'http://x/a b'"), "t:3:15: error: 'providers.p.base_url' has a character in its path "
                            "that must be percent-encoded\n"},
    {URL("http://x_y!/v1"), "t:3:15: error: 'providers.p.base_url' has a character in its host "
                            "name that does not belong there\n"},
    {URL("http://a..b/v1"),
     "t:3:15: error: 'providers.p.base_url' has an empty part in its host name\n"},
    {URL("http://b./v1"),
     "t:3:15: error: 'providers.p.base_url' has a dot at the end of its host name\n"},
    {URL("http://127.1/v1"), "t:3:15: error: 'providers.p.base_url' has a numeric host that is not "
                             "four numbers from 0 to 255\n"},
    {URL("http://0x7f000001/v1"), "t:3:15: error: 'providers.p.base_url' has a numeric host that "
                                  "is not four numbers from 0 to 255\n"},
    {URL("http://1.2.3.256/v1"), "t:3:15: error: 'providers.p.base_url' has a numeric host that is "
                                 "not four numbers from 0 to 255\n"},
    {URL("http://m\303\274ller.example/v1"), "t:3:15: error: 'providers.p.base_url' has a host "
                                             "name outside ASCII; write it in its xn-- form\n"},
    {URL("http://10.1.2.3:8000/v1"), "t:3:15: error: 'providers.p.base_url' is a private address; "
                                     "allow it by private_network: 10.1.2.3/32\n"},
    {"providers:\n  p:\n    base_url: http://10.1.2.3:8000/v1\n    models: [m]\n    "
     "private_network: 10.1.3.0/24\n",
     "t:3:15: error: 'providers.p.base_url' is a private address; allow it by private_network: "
     "10.1.2.3/32\n"},
    {URL("http://169.254.169.254/v1"),
     "t:3:15: error: 'providers.p.base_url' is an address that can never be a provider's\n"},
    {URL("http://0.0.0.0:80"),
     "t:3:15: error: 'providers.p.base_url' is an address that can never be a provider's\n"},
    {URL("'http://[fd00::1]/v1'"), "t:3:15: error: 'providers.p.base_url' is a private address; "
                                   "allow it by private_network: fd00::1/128\n"},
    {URL("'http://[::ffff:10.0.0.1]/v1'"),
     "t:3:15: error: 'providers.p.base_url' is a private address; allow it by private_network: "
     "::ffff:10.0.0.1/128\n"},
    {URL("http://" NAME_254 "/v1"),
     "t:3:15: error: 'providers.p.base_url' has a host name longer than 253 bytes\n"},
};

static const struct example models[] = {
    {MODELS("[]"), "t:4:13: error: 'providers.p.models' must be a list with at least one model, "
                   "such as [qwen3-8b]\n"},
    {MODELS("m"), "t:4:13: error: 'providers.p.models' must be a list with at least one model, "
                  "such as [qwen3-8b]\n"},
    {MODELS("{m: x}"), "t:4:13: error: 'providers.p.models' must be a list with at least one "
                       "model, such as [qwen3-8b]\n"},
    {MODELS("[m, m]"), "t:4:17: error: model 'm' is listed twice in 'providers.p.models'\n"},
    {MODELS("[auto]"),
     "t:4:14: error: 'auto' cannot be the name of a model: 'auto' means any model\n"},
    {MODELS("['auto:fast']"),
     "t:4:14: error: 'auto:fast' cannot be the name of a model: 'auto' means any model\n"},
    {MODELS("['gpt-*']"),
     "t:4:14: error: 'gpt-*' cannot be the name of a model: patterns are for aliases\n"},
    {MODELS("[[m]]"),
     "t:4:14: error: a model must be a name or a mapping such as {id: NAME, context: 8192}\n"},
    {MODELS("[{}]"),
     "t:4:14: error: 'providers.p.models.id' is missing; give the name clients use\n"},
    {MODELS("[{upstream: x}]"),
     "t:4:14: error: 'providers.p.models.id' is missing; give the name clients use\n"},
    {MODELS("[{id: m, context: many}]"),
     "t:4:31: error: 'providers.p.models.context: many' must be a whole number\n"},
    {MODELS("[{id: m, kind: image}]"),
     "t:4:28: error: 'providers.p.models.kind: image' must be chat or embed\n"},
    {MODELS("[{id: m, contex: 5}]"), "t:4:22: error: unknown setting 'providers.p.models.contex'; "
                                     "did you mean 'providers.p.models.context'?\n"},
    {MODELS("[{id: m, vision: 1}]"),
     "t:4:30: error: 'providers.p.models.vision: 1' must be yes or no\n"},
    {MODELS("['a b']"),
     "t:4:14: error: 'providers.p.models.id: a b' must not hold spaces or control characters\n"},
    {MODELS("['" NAME_129 "']"),
     "t:4:14: error: 'providers.p.models.id: " NAME_129 "' must not be longer than 128 bytes\n"},
    {MODELS("['']"), "t:4:14: error: 'providers.p.models.id' has no value\n"},
    {MODELS("[{id: m, tools: [x]}]"),
     "t:4:29: error: 'providers.p.models.tools' must be a single value, not a list\n"},
    {MODELS("[{id: m, id: n}]"), "t:4:22: error: 'id' is set twice; the first one is at 4:15\n"},
};

static const struct example keys[] = {
    {PROVIDER "    keys: [env:NOT_SET]\n",
     "t:5:12: error: environment variable NOT_SET, named as a key, is not set\n"},
    {PROVIDER "    keys: [{key: env:EMPTY}]\n",
     "t:5:18: error: environment variable EMPTY, named as a key, is not set\n"},
    {PROVIDER "    keys: [env:SPACED]\n",
     "t:5:12: error: the key in environment variable SPACED holds spaces, line ends or other "
     "characters that no key has\n"},
    {PROVIDER "    keys: [env:]\n",
     "t:5:15: error: not valid YAML: found unexpected ':' while scanning a plain scalar\n"},
    {PROVIDER "    keys: [file:]\n",
     "t:5:16: error: not valid YAML: found unexpected ':' while scanning a plain scalar\n"},
    {PROVIDER "    keys: [file:nowhere.key]\n",
     "t:5:12: error: cannot read key file /nowhere/nowhere.key: No such file or directory\n"},
    {PROVIDER "    keys: [env:COMMAS]\n",
     "t:5:12: error: environment variable COMMAS holds several keys; name a variable for each "
     "here, "
     "or leave 'keys' out where the catalog knows the provider\n"},
    {PROVIDER "    keys: [env:BLANK]\n",
     "t:5:12: error: the key in environment variable BLANK is empty\n"},
    {PROVIDER "    keys: [{key: env:GOOD, billing: cheap}]\n",
     "t:5:37: error: 'providers.p.keys.billing: cheap' must be free, paid or unknown\n"},
    {PROVIDER "    keys: [{key: env:GOOD, billing: free}, {key: env:GOOD, billing: paid}]\n",
     "t:5:11: error: keys of account 'default' in 'providers.p.keys' differ in billing or plan; "
     "keys of one account share both\n"},
    {PROVIDER "    keys: [{key: env:GOOD, plan: big}, env:GOOD]\n",
     "t:5:11: error: keys of account 'default' in 'providers.p.keys' differ in billing or plan; "
     "keys of one account share both\n"},
    {PROVIDER "    keys: ['sk secret']\n",
     "t:5:12: error: the key holds spaces, line ends or other characters that no key has\n"},
    {PROVIDER "    keys: {sk-secret: x}\n",
     "t:5:11: error: 'providers.p.keys' must be a list, such as [env:NAME] or [{key: env:NAME}]\n"},
    {PROVIDER "    keys: [{sk-secret: x}]\n",
     "t:5:12: error: 'providers.p.keys.key' is missing; write env:NAME or file:PATH\n"
     "t:5:13: error: unknown setting in 'providers.p.keys'; known are key, account, billing and "
     "plan\n"},
    {PROVIDER "    keys: [{account: a}]\n",
     "t:5:12: error: 'providers.p.keys.key' is missing; write env:NAME or file:PATH\n"},
    {PROVIDER "    keys: [{key: env:GOOD, acount: a}]\n",
     "t:5:28: error: unknown setting in 'providers.p.keys'; known are key, account, billing and "
     "plan\n"},
    {PROVIDER "    keys: [[x]]\n", "t:5:12: error: a key must be env:NAME or file:PATH\n"},
    {PROVIDER "    keys:\n",
     "t:5:10: error: 'providers.p.keys' must be a list, such as [env:NAME] or [{key: env:NAME}]\n"},
    {PROVIDER "    keys: [{key: {a: b}}]\n",
     "t:5:18: error: a key must be env:NAME or file:PATH\n"},
    {PROVIDER "    keys: [{key: env:GOOD, account: 'a b'}]\n",
     "t:5:37: error: 'providers.p.keys.account: a b' must not hold spaces or control characters\n"},
    {PROVIDER "    keys: [\"sk-\\u00e9\"]\n",
     "t:5:12: error: the key holds spaces, line ends or other characters that no key has\n"},
};

static const struct example aliases[] = {
    {"models: {aliases: [a]}\n",
     "t:1:19: error: 'models.aliases' must be a mapping of at most 1024 names to models\n"},
    {"models: {aliases: {a: []}}\n", "t:1:23: error: alias 'a' has no target\n"},
    {"models: {aliases: {a: }}\n",
     "t:1:23: error: a target of alias 'a' must be the name of a model\n"},
    {"models: {aliases: {a: [[x]]}}\n",
     "t:1:24: error: a target of alias 'a' must be the name of a model\n"},
    {"models: {aliases: {a: {then: auto}}}\n", "t:1:23: error: alias 'a' has no 'first'\n"},
    {"models: {aliases: {a: {first: auto, last: auto}}}\n",
     "t:1:37: error: unknown setting 'last' in an alias; known are first and then\n"},
    {"models: {aliases: {'a*b*': auto}}\n",
     "t:1:20: error: the name of an alias ('a*b*') must not hold more than one '*'\n"},
    {"models: {aliases: {'a b': auto}}\n",
     "t:1:20: error: the name of an alias ('a b') must not hold spaces or control characters\n"},
    {"models: {aliases: {'': auto}}\n",
     "t:1:20: error: the name of an alias ('') must not be empty\n"},
    {"models: {alias: {a: auto}}\n",
     "t:1:10: error: unknown setting 'models.alias'; did you mean 'models.aliases'?\n"},
    {"models: {aliases: {a: [auto, 'x y']}}\n",
     "t:1:30: error: a target of alias 'a' must not hold spaces or control characters\n"},
};

static const struct example warnings[] = {
    {"queue: {max_wait: 25}\n",
     "t:1:19: warning: 'queue.max_wait' has no unit and is taken as seconds; write 25s\n"},
    {PROVIDER "    keys: [sk-literal]\n",
     "t:5:12: warning: a key is written out in the file; write env:NAME or file:PATH instead\n"},
    {PROVIDER "    keys: [' sk-literal ']\n",
     "t:5:12: warning: the key has spaces or line ends around it, which are dropped\n"
     "t:5:12: warning: a key is written out in the file; write env:NAME or file:PATH instead\n"},
    {PROVIDER "    keys: [env:AROUND]\n",
     "t:5:12: warning: the key in environment variable AROUND has spaces or line ends around it, "
     "which are dropped\n"},
    {PROVIDER "models: {aliases: {m: auto}}\n",
     "t:5:20: warning: alias 'm' hides the model of that name\n"},
    {"providers:\n  p:\n    base_url: http://api.example.com/v1\n    models: [m]\n    keys: "
     "[env:GOOD]\n",
     "t:3:15: warning: 'providers.p.base_url' is plain http: anyone on the way can read the key\n"},
};

static void refuses_providers(void **state) {
    (void)state;
    RUN(providers);
}

static void refuses_models(void **state) {
    (void)state;
    RUN(models);
}

static void refuses_keys(void **state) {
    (void)state;
    RUN(keys);
}

static void refuses_aliases(void **state) {
    (void)state;
    RUN(aliases);
}

static void warns(void **state) {
    (void)state;
    RUN(warnings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_providers),
        cmocka_unit_test(refuses_models),
        cmocka_unit_test(refuses_keys),
        cmocka_unit_test(refuses_aliases),
        cmocka_unit_test(warns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
