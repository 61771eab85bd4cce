/*
 * test_site.c - numbers over reloads, fingerprints of workers, overrides, repeats, shards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/site.h"

#define PROFILES SOURCE_DIR "/config/profiles"
#define HEAD "site: {id: t1, collectors: 2}\nbroker: {host: 127.0.0.1}\ndevices:\n"
#define DEVICE(id, address) "  - {id: " id ", profile: ups/rfc1628, address: " address "}\n"

static struct site *
load(const char *text, const struct site *previous)
{
    struct site_options options = {.profile_dir = PROFILES,
                                   .previous = previous,
                                   .generation = previous == NULL ? 1 : previous->generation + 1};
    struct diag diag;
    struct site *site = NULL;

    diag_init(&diag);
    enum err_code code = site_load_text("t.yaml", text, strlen(text), &options, &diag, &site);
    if (code != ERR_OK)
        diag_print(&diag, stderr);
    diag_done(&diag);
    assert_int_equal(code, ERR_OK);
    return site;
}

static uint32_t
point(const struct site *site, const char *name)
{
    uint32_t number = UINT32_MAX;

    assert_true(directory_find_point(&site->directory, name, &number));
    return number;
}

static uint32_t
alarm_number(const struct site *site, const char *id)
{
    for (uint32_t i = 0; i < site->alarm_limit; i++)
        if (site->alarms[i].type != NULL && strcmp(site->alarms[i].id, id) == 0)
            return i;
    return UINT32_MAX;
}

static void
site_numbers_survive_a_reload_and_are_never_reused(void **state)
{
    struct site *first = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), NULL);
    struct site *second = load(HEAD DEVICE("b", "10.0.0.2") DEVICE("c", "10.0.0.3"), first);
    struct site *third = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), second);
    uint32_t a, b, gone;

    (void)state;
    assert_int_equal(point(first, "b/battery.charge"), point(second, "b/battery.charge"));
    assert_false(directory_find_device(&second->directory, "a", &gone));
    assert_true(directory_find_device(&first->directory, "a", &a));
    assert_null(directory_device(&second->directory, a));
    assert_true(point(second, "c/battery.charge") >= first->directory.point_limit);
    /* What comes back gets its old number, not somebody else's. */
    assert_int_equal(point(third, "a/battery.charge"), point(first, "a/battery.charge"));
    assert_true(directory_find_device(&third->directory, "a", &b));
    assert_int_equal(a, b);
    assert_int_equal(alarm_number(first, "power/b/on-battery"),
                     alarm_number(third, "power/b/on-battery"));
    assert_int_equal(alarm_number(first, "power/a/on-battery"),
                     alarm_number(third, "power/a/on-battery"));
    assert_int_equal(alarm_number(second, "power/a/on-battery"), UINT32_MAX);
    site_free(first);
    site_free(second);
    site_free(third);
}

static void
site_same_file_restarts_nobody(void **state)
{
    struct site *first = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), NULL);
    struct site *second = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), first);

    (void)state;
    assert_string_equal(first->digest, second->digest);
    assert_memory_equal(first->digests.collectors, second->digests.collectors,
                        sizeof first->digests.collectors);
    assert_int_equal(first->digests.alarms, second->digests.alarms);
    assert_int_equal(first->digests.store, second->digests.store);
    assert_int_equal(first->digests.courier, second->digests.courier);
    site_free(first);
    site_free(second);
}

static void
site_new_device_touches_only_its_own_shard(void **state)
{
    struct site *first = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), NULL);
    struct site *second =
        load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2") DEVICE("c", "10.0.0.9"), first);
    unsigned changed = 0;

    (void)state;
    for (unsigned shard = 0; shard < 2; shard++)
        changed += first->digests.collectors[shard] != second->digests.collectors[shard];
    assert_int_equal(changed, 1);
    assert_true(first->digests.store != second->digests.store);
    assert_true(first->digests.alarms != second->digests.alarms);
    assert_int_equal(first->digests.web, second->digests.web);
    site_free(first);
    site_free(second);
}

static void
site_changed_alarm_touches_no_collector(void **state)
{
    struct site *first = load(HEAD DEVICE("a", "10.0.0.1"), NULL);
    struct site *second = load(HEAD "  - {id: a, profile: ups/rfc1628, address: 10.0.0.1, "
                                    "alarms: {on-battery: {priority: 1}}}\n",
                               first);

    (void)state;
    assert_memory_equal(first->digests.collectors, second->digests.collectors,
                        sizeof first->digests.collectors);
    assert_int_equal(first->digests.store, second->digests.store);
    assert_true(first->digests.alarms != second->digests.alarms);
    site_free(first);
    site_free(second);
}

static void
site_override_changes_one_device_only(void **state)
{
    struct site *site = load(
        HEAD DEVICE(
            "a", "10.0.0.1") "  - {id: b, profile: ups/rfc1628, address: 10.0.0.2, alarms: "
                             "{on-battery: {priority: 1, on_delay: 1m}, battery-low: {disabled: "
                             "true}, battery-runtime: {limit: 600}, comm-lost: {priority: 2}}}\n",
        NULL);
    const struct alarm_def *a = &site->alarms[alarm_number(site, "power/a/on-battery")];
    const struct alarm_def *b = &site->alarms[alarm_number(site, "power/b/on-battery")];

    (void)state;
    assert_int_equal(a->type->priority, 2);
    assert_int_equal(b->type->priority, 1);
    assert_int_equal(b->type->on_delay_ms, 60000);
    assert_string_equal(a->type->text, b->type->text);
    assert_true(a->type->digest != b->type->digest);
    assert_int_equal(alarm_number(site, "power/b/battery-low"), UINT32_MAX);
    assert_true(alarm_number(site, "power/a/battery-low") != UINT32_MAX);
    assert_true(site->alarms[alarm_number(site, "power/b/battery-runtime")].type->limit == 600);
    assert_int_equal(site->alarms[alarm_number(site, "gateway/b/comm-lost")].type->priority, 2);
    assert_int_equal(site->alarms[alarm_number(site, "gateway/a/comm-lost")].type->priority, 3);
    site_free(site);
}

static void
site_repeat_makes_one_point_each(void **state)
{
    struct site *site = load(
        "site: {id: t1}\ndevices:\n  - id: p\n    protocol: modbus-tcp\n    address: 10.0.0.1\n"
        "    groups: {fast: 1s}\n    points:\n"
        "      - {id: 'contact.{n}', repeat: {n: 3..5}, address_step: 2, register: {fc: 3, "
        "address: 100, type: u16}, bit: 2}\n",
        NULL);
    const struct source_set *set = site->devices[0].set;

    (void)state;
    assert_int_equal(set->source_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof id, "contact.%u", i + 3);
        assert_string_equal(set->sources[i].def->id, id);
        assert_int_equal(set->sources[i].modbus.address, 100 + 2 * i);
        assert_int_equal(set->sources[i].shift, 2);
        assert_int_equal(set->sources[i].mask, 1);
    }
    site_free(site);
}

static void
site_units_of_one_address_share_a_link(void **state)
{
#define UNIT(id, unit, port)                                                                       \
    "  - {id: " id ", profile: generator/dse-gencomm, address: '10.0.0.1:" port                    \
    "', modbus: {unit: " unit "}}\n"
    struct site *site =
        load(HEAD UNIT("a", "1", "502") UNIT("b", "2", "502") UNIT("c", "1", "503"), NULL);

    (void)state;
    assert_int_equal(site->devices[0].link, site->devices[1].link);
    assert_true(site->devices[0].link != site->devices[2].link);
    assert_int_equal(collect_shard_of(&site->devices[0], 2),
                     collect_shard_of(&site->devices[1], 2));
    site_free(site);
}

static void
site_five_thousand_devices_are_small(void **state)
{
    size_t room = 5000 * 80 + 200, used;
    char *text = malloc(room);
    struct site_cost cost;

    (void)state;
    assert_non_null(text);
    used = (size_t)snprintf(text, room, "%s", HEAD);
    for (unsigned i = 0; i < 5000; i++)
        used += (size_t)snprintf(text + used, room - used,
                                 "  - {id: d%u, profile: ups/rfc1628, address: 10.1.%u.%u}\n", i,
                                 i / 250, i % 250 + 1);
    struct site *site = load(text, NULL);
    site_cost(site, &cost);
    assert_int_equal(cost.devices, 5000);
    assert_true(cost.memory_bytes < (uint64_t)64 << 20);
    site_free(site);
    free(text);
}

/* Every fault is counted, the first are told, and the time is that of reading the file once. */
static void
site_faulty_in_every_line_is_refused_in_time(void **state)
{
    enum { LINES = 50000 };
    size_t room = LINES * 100 + 200, used;
    char *text = malloc(room);
    struct site_options options = {.profile_dir = PROFILES, .generation = 1};
    struct diag diag;
    struct site *site = NULL;

    (void)state;
    assert_non_null(text);
    used = (size_t)snprintf(text, room, "%s", HEAD);
    for (unsigned i = 0; i < LINES; i++)
        used += (size_t)snprintf(
            text + used, room - used,
            "  - {id: d%u, profil: ups/rfc1628, address: 10.0.0.1, x: 1, fed_by: [e%u]}\n", i, i);
    diag_init(&diag);
    assert_int_equal(site_load_text("t.yaml", text, used, &options, &diag, &site), ERR_CONFIG);
    assert_null(site);
    assert_int_equal(diag.count, DIAG_MAX);
    assert_int_equal(diag.errors, 3 * LINES);
    diag_done(&diag);
    free(text);
}

static void
site_priority_changed_keeps_what_the_alarm_says_of_itself(void **state)
{
#define ALARM(name, rest)                                                                          \
    "      - {name: " name ", type: power.x, class: power, point: battery.charge, low: 5, "        \
    "audiences: [facilities], text: t, consequence: c, action: a, respond_within: 1h, " rest "}\n"
    char folder[] = "/tmp/watchroom-test-XXXXXX", path[80], file[100];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ups", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(file, sizeof file, "%s/t.yaml", path);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs("profile: ups/t\ntitle: t\nsource: s\nprotocol: snmp\ngroups: {fast: 1s}\npoints:\n"
          "  - {id: battery.charge, oid: 1.3.6.1.2.1.33.1.2.4.0}\nalarms:\n" ALARM(
              "open", "priority: 1") ALARM("shut", "priority: 3, shelvable: false, realarm: 1h"),
          out);
    assert_int_equal(fclose(out), 0);
    const char *text = "site: {id: t}\ndevices:\n  - {id: a, profile: ups/t, address: 10.0.0.1, "
                       "alarms: {open: {priority: 2}, shut: {priority: 2}}}\n";
    struct site_options options = {.profile_dir = folder, .generation = 1};
    struct diag diag;
    struct site *site = NULL;
    diag_init(&diag);
    assert_int_equal(site_load_text("t.yaml", text, strlen(text), &options, &diag, &site), ERR_OK);
    const struct alarm_type *open = site->alarms[alarm_number(site, "power/a/open")].type;
    const struct alarm_type *shut = site->alarms[alarm_number(site, "power/a/shut")].type;
    /* Only P1 kept it from being shelved, and its time to be told again was P1's. */
    assert_true(open->shelvable);
    assert_int_equal(open->realarm_ms, 30 * 60000);
    assert_false(shut->shelvable);
    assert_int_equal(shut->realarm_ms, 60 * 60000);
    site_free(site);
    diag_done(&diag);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Workers read secrets when they start: a new one restarts who uses it, and nobody else. */
static void
site_new_secret_touches_only_its_reader(void **state)
{
    char folder[] = "/tmp/watchroom-test-XXXXXX", community[80], password[80], text[600];
    const char *const files[] = {community, password};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(community, sizeof community, "%s/community", folder);
    snprintf(password, sizeof password, "%s/password", folder);
    snprintf(text, sizeof text,
             "site: {id: t1}\nbroker: {host: 127.0.0.1, user: u, password_file: %s}\ndevices:\n"
             "  - {id: a, profile: ups/rfc1628, address: 10.0.0.1, snmp: {community_file: %s}}\n",
             password, community);
    struct site *sites[3] = {NULL};
    (void)umask(077);
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < 2; i++) {
            if (turn > 0 && i != turn - 1)
                continue;
            FILE *out = fopen(files[i], "w");
            assert_non_null(out);
            fprintf(out, "%.*s\n", (int)turn + 1, "secret");
            assert_int_equal(fclose(out), 0);
        }
        sites[turn] = load(text, turn == 0 ? NULL : sites[turn - 1]);
    }
    assert_true(sites[0]->digests.collectors[0] != sites[1]->digests.collectors[0]);
    assert_int_equal(sites[0]->digests.courier, sites[1]->digests.courier);
    assert_int_equal(sites[1]->digests.collectors[0], sites[2]->digests.collectors[0]);
    assert_true(sites[1]->digests.courier != sites[2]->digests.courier);
    assert_int_equal(sites[0]->digests.alarms, sites[2]->digests.alarms);
    assert_int_equal(sites[0]->digests.store, sites[2]->digests.store);
    for (unsigned turn = 0; turn < 3; turn++)
        site_free(sites[turn]);
    assert_int_equal(unlink(community), 0);
    assert_int_equal(unlink(password), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void
site_finds_the_root_of_an_alarm_by_its_id_or_beside_it(void **state)
{
    static const char TEXT[] =
        HEAD "  - {id: a, profile: ups/rfc1628, address: 10.0.0.1,\n"
             "     alarms: {on-battery: {suppressed_by: comm-lost, at_most: 10m}}}\n" DEVICE(
                 "b", "10.0.0.2") "alarms:\n"
                                  "  - {name: x, type: a.b, class: power, point: b/battery.charge, "
                                  "low: 9, priority: 2,\n"
                                  "     audiences: facilities, text: low, consequence: it ends, "
                                  "action: look,\n"
                                  "     respond_within: 1h, suppressed_by: power/a/on-battery, "
                                  "at_most: 5m}\n";
    struct site *first = load(HEAD DEVICE("c", "10.0.0.9"), NULL), *site = load(TEXT, first);
    uint32_t a = alarm_number(site, "power/a/on-battery"), x = alarm_number(site, "power/b/x");

    (void)state;
    assert_int_equal(site->alarms[a].root, alarm_number(site, "gateway/a/comm-lost"));
    assert_int_equal(site->alarms[a].type->suppressed_max_ms, 600000);
    assert_int_equal(site->alarms[x].root, a);
    assert_int_equal(site->alarms[x].type->suppressed_max_ms, 300000);
    for (uint32_t i = 0; i < site->alarm_limit; i++)
        assert_true(site->alarms[i].type == NULL || i == a || i == x ||
                    site->alarms[i].type->suppressed_by == NULL);
    site_free(first);
    site_free(site);
}

static int64_t
realarm_of(const struct site *site, const char *id)
{
    uint32_t number = alarm_number(site, id);

    assert_int_not_equal(number, UINT32_MAX);
    return site->alarms[number].type->realarm_ms;
}

static void
site_tells_alarms_as_the_philosophy_says_unless_it_says_otherwise(void **state)
{
    struct site *usual = load(HEAD DEVICE("a", "10.0.0.1"), NULL);
    struct site *own = load("annunciation:\n"
                            "  chatter: {raises: 2, within: 5s, quiet: 9s}\n"
                            "  flood: {begin: 20, end: 3, within: 1m}\n"
                            "  realarm: {p2: 7m, p4: 1d}\n"
                            "  first_out: 0s\n" HEAD DEVICE("a", "10.0.0.1"),
                            usual);
    const struct alarms_params *params = &usual->alarms_params;

    (void)state;
    assert_int_equal(params->chatter.raises, 3);
    assert_int_equal(params->chatter.within_ms, 60000);
    assert_int_equal(params->chatter.quiet_ms, 300000);
    assert_int_equal(params->flood.begin, 10);
    assert_int_equal(params->flood.end, 5);
    assert_int_equal(params->flood.within_ms, 600000);
    assert_int_equal(params->first_out_ms, 30000);
    assert_int_equal(realarm_of(usual, "gateway/gateway/journal-failed"), 600000);
    assert_int_equal(realarm_of(usual, "power/a/on-battery"), 1800000);
    assert_int_equal(realarm_of(usual, "gateway/a/comm-lost"), 14400000);
    params = &own->alarms_params;
    assert_int_equal(params->chatter.raises, 2);
    assert_int_equal(params->chatter.quiet_ms, 9000);
    assert_int_equal(params->flood.begin, 20);
    assert_int_equal(params->flood.end, 3);
    assert_int_equal(params->first_out_ms, 0);
    assert_int_equal(realarm_of(own, "gateway/gateway/journal-failed"), 600000);
    assert_int_equal(realarm_of(own, "power/a/on-battery"), 420000);
    assert_int_not_equal(usual->digests.alarms, own->digests.alarms);
    assert_memory_equal(usual->digests.collectors, own->digests.collectors,
                        sizeof own->digests.collectors);
    site_free(usual);
    site_free(own);
}

static void
alarms_own_time_goes_before_that_of_its_priority(void **state)
{
    struct site *site = load("annunciation: {realarm: {p1: 1m, p2: 2m}}\n" HEAD
                             "  - {id: a, profile: ups/rfc1628, address: 10.0.0.1,\n"
                             "     alarms: {on-battery: {realarm: 3m}}}\n"
                             "  - {id: b, profile: ups/rfc1628, address: 10.0.0.2,\n"
                             "     alarms: {on-battery: {priority: 1}}}\n" DEVICE("c", "10.0.0.3"),
                             NULL);
    uint32_t b = alarm_number(site, "power/b/on-battery"), c, d;

    (void)state;
    assert_int_equal(realarm_of(site, "power/a/on-battery"), 180000);
    assert_int_equal(realarm_of(site, "power/b/on-battery"), 60000);
    assert_int_equal(realarm_of(site, "power/c/on-battery"), 120000);
    assert_int_equal(site->alarms[b].type->priority, 1);
    for (uint32_t i = 0; i < site->alarm_limit; i++) /* nothing is left unsettled */
        assert_true(site->alarms[i].type == NULL || site->alarms[i].type->realarm_ms >= 0);
    site_free(site);
    site = load(HEAD DEVICE("a", "10.0.0.1") DEVICE("b", "10.0.0.2"), NULL);
    c = alarm_number(site, "power/a/on-battery");
    d = alarm_number(site, "power/b/on-battery");
    assert_ptr_equal(site->alarms[c].type, site->alarms[d].type); /* one for all such devices */
    site_free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(site_numbers_survive_a_reload_and_are_never_reused),
        cmocka_unit_test(site_finds_the_root_of_an_alarm_by_its_id_or_beside_it),
        cmocka_unit_test(site_tells_alarms_as_the_philosophy_says_unless_it_says_otherwise),
        cmocka_unit_test(alarms_own_time_goes_before_that_of_its_priority),
        cmocka_unit_test(site_same_file_restarts_nobody),
        cmocka_unit_test(site_new_device_touches_only_its_own_shard),
        cmocka_unit_test(site_changed_alarm_touches_no_collector),
        cmocka_unit_test(site_override_changes_one_device_only),
        cmocka_unit_test(site_repeat_makes_one_point_each),
        cmocka_unit_test(site_units_of_one_address_share_a_link),
        cmocka_unit_test(site_five_thousand_devices_are_small),
        cmocka_unit_test(site_new_secret_touches_only_its_reader),
        cmocka_unit_test(site_faulty_in_every_line_is_refused_in_time),
        cmocka_unit_test(site_priority_changed_keeps_what_the_alarm_says_of_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
