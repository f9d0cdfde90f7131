/*
 * libpq finds its settings in the URL, in a service file, in the environment, and in itself, in
 * this order. We have to know four of them (hosts, their addresses and ports, and the options),
 * since names are resolved by us; all others stay its own business: it gets the URL again with each
 * connection, and ours behind it, where they win.
 */
#include <stdlib.h>
#include <string.h>

#include "io/pg_connection.h"

enum { URL_BYTES_MAX = 8 * 1024 };

/* What libpq says before it looks at our settings. */
struct sources {
    PQconninfoOption *url;
    PQconninfoOption *defaults; /* of service file, environment and libpq */
};

static const PQconninfoOption *find(const PQconninfoOption *options, const char *keyword)
{
    while (options->keyword && strcmp(options->keyword, keyword) != 0)
        options++;
    return options->keyword && options->val && *options->val ? options : NULL;
}

static const char *value_of(const struct sources *sources, const char *keyword)
{
    const PQconninfoOption *option = find(sources->url, keyword);
    if (!option)
        option = find(sources->defaults, keyword);
    return option ? option->val : "";
}

/* Did anybody but libpq itself set it? */
static bool is_set(const struct sources *sources, const char *keyword)
{
    const PQconninfoOption *option = find(sources->defaults, keyword);
    return find(sources->url, keyword) ||
           (option && (!option->compiled || strcmp(option->compiled, option->val) != 0));
}

/* libpq tells what a service says only for the one that the environment names. */
static PQconninfoOption *defaults_of(const PQconninfoOption *service)
{
    if (!service)
        return PQconndefaults();
    const char *before = getenv("PGSERVICE");
    char *kept = before ? strdup(before) : NULL;
    setenv("PGSERVICE", service->val, 1);
    PQconninfoOption *defaults = PQconndefaults();
    if (kept)
        setenv("PGSERVICE", kept, 1);
    else
        unsetenv("PGSERVICE");
    free(kept);
    return defaults;
}

/* --- hosts ------------------------------------------------------------------------------------ */

static size_t count_elements(const char *list)
{
    size_t count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* The element of a list that has commas in between; "" past its end. */
static const char *element(struct arena *arena, const char *list, size_t index)
{
    for (; index > 0 && *list; index--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    return arena_strndup(arena, list, strcspn(list, ","));
}

static bool is_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    const long port = digits < 6 ? strtol(text, NULL, 10) : 0;
    return digits == strlen(text) && port >= 1 && port <= 65535;
}

static enum err read_hosts(struct pg_target *target, const struct sources *sources,
                           struct error *error)
{
    const char *names = value_of(sources, "host");
    const char *addresses = value_of(sources, "hostaddr");
    const char *ports = value_of(sources, "port");
    target->host_count = count_elements(*addresses ? addresses : names);
    if (target->host_count > PG_HOSTS_MAX)
        return error_set(error, ERR_RANGE, "it has more than %d hosts", PG_HOSTS_MAX);
    if (*names && count_elements(names) != target->host_count)
        return error_set(error, ERR_RANGE, "it has not as many hosts as addresses of hosts");
    const size_t port_count = count_elements(ports);
    if (port_count > 1 && port_count != target->host_count)
        return error_set(error, ERR_RANGE, "it has not as many ports as hosts");
    for (size_t i = 0; i < target->host_count; i++) {
        struct pg_host *host = &target->hosts[i];
        host->name = element(&target->arena, names, i);
        host->address = element(&target->arena, addresses, i);
        host->port = element(&target->arena, ports, port_count > 1 ? i : 0);
        if (!*host->port)
            host->port = "5432";
        if (!is_port(host->port))
            return error_set(error, ERR_RANGE,
                             "its port is not a number from 1 to 65535; where the password has one "
                             "of / @ : in it, they are written as %%2F %%40 %%3A");
    }
    return OK;
}

bool pg_host_needs_lookup(const struct pg_host *host)
{
    return !*host->address && *host->name && *host->name != '/' && *host->name != '@';
}

/* --- settings --------------------------------------------------------------------------------- */

static void put(struct pg_target *target, const char *keyword, const char *value)
{
    target->keywords[target->word_count] = keyword;
    target->values[target->word_count] = value;
    target->word_count++;
}

static void read_words(struct pg_target *target, const struct sources *sources,
                       const struct pg_pool_settings *settings)
{
    /* A peer that is gone without a word is noticed within half a minute. Kerberos would look names
     * up as libpq connects, so its encryption is not tried unasked. */
    static const struct {
        const char *keyword, *value;
    } ours_unless_set[] = {
        {"fallback_application_name", "personad"},
        {"gssencmode", "disable"},
        {"keepalives_idle", "15"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "30000"},
    };
    struct arena *arena = &target->arena;
    put(target, "dbname", arena_strdup(arena, settings->url));
    for (size_t i = 0; i < sizeof(ours_unless_set) / sizeof(ours_unless_set[0]); i++) {
        if (!is_set(sources, ours_unless_set[i].keyword))
            put(target, ours_unless_set[i].keyword, ours_unless_set[i].value);
    }
    /* The default is the system's name for who we are, which libpq would look up each time. */
    put(target, "user", arena_strdup(arena, value_of(sources, "user")));
    put(target, "client_encoding", "UTF8");
    const unsigned long long statement_ms = settings->statement_ms;
    put(target, "options",
        arena_printf(arena,
                     "-c statement_timeout=%llu -c lock_timeout=%llu "
                     "-c idle_in_transaction_session_timeout=%llu %s",
                     statement_ms, statement_ms / 2, statement_ms, value_of(sources, "options")));
    target->prefers_standby =
        strcmp(value_of(sources, "target_session_attrs"), "prefer-standby") == 0;
}

static enum err read_all(struct pg_target *target, const struct pg_pool_settings *settings,
                         struct sources *sources, struct error *error)
{
    static const char general[] =
        "it is neither like postgresql://user:password@host/database nor like key=value words";
    if (strlen(settings->url) > URL_BYTES_MAX)
        return error_set(error, ERR_RANGE, "it is too long");
    sources->url =
        PQconninfoParse(settings->url, NULL); /* whose complaint might quote a password */
    if (!sources->url)
        return error_set(error, ERR_RANGE, "%s", general);
    sources->defaults = defaults_of(find(sources->url, "service"));
    if (!sources->defaults)
        return error_set(error, ERR_INTERNAL, "out of memory");
    const enum err err = read_hosts(target, sources, error);
    if (err == OK)
        read_words(target, sources, settings);
    return err;
}

enum err pg_target_new(const struct pg_pool_settings *settings, struct pg_target **out,
                       struct error *error)
{
    struct pg_target *target = calloc(1, sizeof(*target));
    if (!target)
        abort();
    arena_init(&target->arena);
    struct sources sources = {0};
    const enum err err = read_all(target, settings, &sources, error);
    PQconninfoFree(sources.url);
    PQconninfoFree(sources.defaults);
    if (err == OK)
        *out = target;
    else
        pg_target_free(target);
    return err;
}

enum err pg_url_check(const char *url, struct error *error)
{
    struct pg_target *target = NULL;
    const enum err err = pg_target_new(&(struct pg_pool_settings){.url = url}, &target, error);
    pg_target_free(target);
    return err;
}

void pg_target_free(struct pg_target *target)
{
    if (!target)
        return;
    arena_clear(&target->arena);
    free(target);
}

PGconn *pg_target_connect(const struct pg_target *target, const struct pg_host *host,
                          const char *address, bool any)
{
    const char *keywords[PG_WORDS_MAX + 1], *values[PG_WORDS_MAX + 1];
    size_t count = target->word_count;
    memcpy(keywords, target->keywords, sizeof(keywords));
    memcpy(values, target->values, sizeof(values));
    keywords[count] = "host";
    values[count++] = host->name;
    keywords[count] = "hostaddr";
    values[count++] = address;
    keywords[count] = "port";
    values[count++] = host->port;
    if (target->prefers_standby) {
        keywords[count] = "target_session_attrs";
        values[count++] = any ? "any" : "standby";
    }
    keywords[count] = NULL;
    return PQconnectStartParams(keywords, values, true);
}
