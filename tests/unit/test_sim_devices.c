/*
 * test_sim_devices.c - the simulated devices without their sockets: descriptions, agents, Modbus
 * devices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/agent.h"
#include "tests/sim/ber.h"
#include "tests/sim/describe.h"
#include "tests/sim/objects.h"
#include "tests/sim/slave.h"

static const char SITE[] =
    "templates:\n"
    "  ups:\n"
    "    protocol: snmp\n"
    "    community: secret\n"
    "    objects:\n"
    "      1.3.6.1.2.1.1.10.0: {type: integer, value: -5, name: ten}\n"
    "      1.3.6.1.2.1.1.9.0: {type: gauge, value: 12.5, name: nine, scale: 0.1}\n"
    "      1.3.6.1.2.1.1.1.0: {type: string, value: a text, name: text}\n"
    "      1.3.6.1.2.1.1.11.0: {type: counter64, value: 18446744073709551615, name: big}\n"
    "      1.3.6.1.2.1.1.12.0: {type: timeticks, value: 0, rate: 100, name: uptime}\n"
    "      1.3.6.1.2.1.1.13.0: {type: hex, value: 00ff7f}\n"
    "    wave: {name: ten, min: 0, max: 10, period: 4s}\n"
    "  small: {protocol: snmp, max_bytes: 484, objects: {1.3.6.1.4.1.1.0: {type: string, value: "
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aa"
    "}}}\n"
    "  gen:\n"
    "    protocol: modbus\n"
    "    registers:\n"
    "      - {fc: 3, range: [0, 99], value: 7}\n"
    "      - {fc: 3, address: 10, type: u32, value: 305419896, name: long}\n"
    "      - {fc: 3, address: 12, type: u32, order: cdab, value: 305419896, name: low}\n"
    "      - {fc: 3, address: 14, type: f32, order: dcba, value: -1.5, name: float}\n"
    "      - {fc: 3, address: 16, type: s16, scale: 0.1, value: -12.3, name: scaled}\n"
    "      - {fc: 3, address: 17, type: bcd16, value: 1234, name: bcd}\n"
    "      - {fc: 3, address: 18, type: bit, bit: 3, value: 1, name: flag}\n"
    "      - {fc: 3, address: 18, type: bit, bit: 0, value: 0, name: other}\n"
    "      - {fc: 3, address: 20, type: string, words: 4, value: abcde, name: text}\n"
    "      - {fc: 3, address: 30, type: f64, value: 2.25, name: double}\n"
    "      - {fc: 3, address: 65535, type: u16, value: 9, name: last}\n"
    "      - {fc: 1, address: 0, value: 1, name: coil}\n"
    "      - {fc: 2, range: [0, 8], value: 1}\n"
    "      - {fc: 4, address: 5, type: u16, value: 55, name: input}\n"
    "    holes: [[50, 52], [2, 4, 4]]\n"
    "devices:\n"
    "  - {id: ups-a, template: ups, address: 127.1.0.1, set: {text: mine}}\n"
    "  - {id: \"ups-{n}\", repeat: 3, template: ups, address: 127.1.0.2, community: other}\n"
    "  - {id: tiny, template: small, address: 127.1.0.9}\n"
    "  - {id: gen-1, template: gen, address: 127.2.0.1, unit: 3}\n"
    "  - {id: gen-2, template: gen, address: 127.2.0.2, behaviour: late 5}\n";

static char path[64];

static enum err_code
load(const char *text, struct model **out_model, struct err *err)
{
    FILE *out = fopen(path, "w");
    struct model *model = model_new();

    assert_non_null(out);
    assert_non_null(model);
    fputs(text, out);
    fclose(out);
    enum err_code code = describe_load(model, path, err);
    if (code == ERR_OK)
        *out_model = model;
    else
        model_free(model);
    return code;
}

static struct model *
good(const char *text)
{
    struct model *model = NULL;
    struct err err = {0};

    if (load(text, &model, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return model;
}

static int
make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/test-sim-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int
remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static const char *
value(const struct model *model, const char *device, const char *name)
{
    static char text[200];
    const struct sim_device *found = model_device(model, device);

    assert_non_null(found);
    uint32_t item = model_find_item(found->template, name);
    assert_int_not_equal(item, UINT32_MAX);
    model_get(found, item, 0, text, sizeof text);
    return text;
}

static void
set(const struct model *model, const char *device, const char *name, const char *text)
{
    struct sim_device *found = model_device(model, device);
    struct err err;

    assert_int_equal(model_set(found, model_find_item(found->template, name), text, &err), ERR_OK);
}

/* descriptions */

static void
a_description_makes_its_devices(void **state)
{
    struct model *model = good(SITE);

    (void)state;
    assert_int_equal(model->device_count, 7);
    assert_string_equal(model->devices[2]->id, "ups-2");
    assert_int_equal(ntohl(model->devices[2]->address.s_addr), 0x7f010003);
    assert_string_equal(value(model, "ups-a", "text"), "mine");
    assert_string_equal(value(model, "ups-1", "text"), "a text");
    assert_string_equal(value(model, "ups-1", "nine"), "12.5");
    assert_int_equal(model_device(model, "gen-1")->unit, 3);
    assert_int_equal(model_device(model, "gen-2")->unit, -1);
    assert_int_equal(model_device(model, "gen-2")->behaviour.kind, BEHAVE_LATE);
    assert_int_equal(model_device(model, "gen-2")->behaviour.arg, 5);
    model_free(model);
}

static void
faulty_descriptions_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text, *expected;
    } CASES[] = {
        {"", "cannot be read"},
        {"a: [", ":"},
        {"- 1", "must be a map"},
        {"ports: 1", "did you mean \"port\"?"},
        {"port: 65536\ntemplates: {}", ":1:7: port must be"},
        {"port: 0x10\ntemplates: {}", "port must be"},
        {"templates: []", "templates must be a map"},
        {"templates: {t: {protocol: snmpp}}", "protocol must be"},
        {"templates: {t: {protocol: snmp, objects: {1.3: {type: int, value: 1}}}}", "no type"},
        {"templates: {t: {protocol: snmp, objects: {1.x: {type: integer, value: 1}}}}",
         "no object"},
        {"templates: {t: {protocol: snmp, objects: {1.3.1: {type: integer, value: x}}}}",
         "no value"},
        {"templates: {t: {protocol: snmp, objects: {1.3.1: {type: ipaddress, value: 1.2.3}}}}",
         "no value"},
        {"templates: {t: {protocol: snmp, objects: {1.3.1: {type: hex, value: abc}}}}", "no value"},
        {"templates: {t: {protocol: snmp, objects: {1.3.1: {type: gauge, value: 1, name: a}, "
         "1.3.2: {type: gauge, value: 1, name: a}}}}",
         "twice"},
        {"templates: {t: {protocol: snmp, snmprec: nowhere}}", "nowhere"},
        {"templates: {t: {protocol: snmp, wave: {name: a}}}", "no item has the name"},
        {"templates: {t: {protocol: modbus, registers: [{fc: 5, address: 1}]}}", "fc must be"},
        {"templates: {t: {protocol: modbus, registers: [{fc: 3}]}}", "needs an address"},
        {"templates: {t: {protocol: modbus, registers: [{fc: 2, address: 1, type: u16}]}}",
         "bits only"},
        {"templates: {t: {protocol: modbus, registers: [{address: 1, type: string}]}}",
         "needs words"},
        {"templates: {t: {protocol: modbus, registers: [{address: 1, type: u16, value: 65536}]}}",
         "does not fit"},
        {"templates: {t: {protocol: modbus, registers: [{address: 65535, type: u32}]}}", "beyond"},
        {"templates: {t: {protocol: modbus, registers: [{range: [5, 4]}]}}", "must be [first"},
        {"templates: {t: {protocol: modbus, holes: [[1]]}}", "must be [first"},
        {"templates: {t: {protocol: modbus}}\ndevices: []", "no devices"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, template: u}]", "no template"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, template: t}]", "no IPv4"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, template: t, address: 10.0.0.1}]",
         "127.x.y.z"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: A b, template: t, address: "
         "127.0.0.1}]",
         "no id"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, repeat: 2, template: t, address: "
         "127.0.0.1}]",
         "twice"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, template: t, address: 127.0.0.1, "
         "behaviour: slient}]",
         "did you mean \"silent\"?"},
        {"templates: {t: {protocol: modbus}}\ndevices: [{id: a, template: t, address: 127.0.0.1, "
         "set: {b: 1}}]",
         "has no \"b\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct model *model;
        struct err err = {0};

        assert_int_not_equal(load(CASES[i].text, &model, &err), ERR_OK);
        if (strstr(err.text, CASES[i].expected) == NULL)
            fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.text, CASES[i].expected);
    }
}

static void
behaviours_are_read_with_their_numbers(void **state)
{
    static const char *const BAD[] = {"",          "late x",  "late 0",       "silent 1",
                                      "flood 1 2", "late -1", "exception 256"};
    struct behaviour behaviour;
    struct err err;

    (void)state;
    assert_int_equal(behave_parse("late 20", &behaviour, &err), ERR_OK);
    assert_int_equal(behaviour.kind, BEHAVE_LATE);
    assert_int_equal(behaviour.arg, 20);
    assert_int_equal(behave_parse("flood", &behaviour, &err), ERR_OK);
    assert_int_equal(behaviour.arg, 100);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        assert_int_not_equal(behave_parse(BAD[i], &behaviour, &err), ERR_OK);
}

/* agents */

static uint8_t request[4096];

/* Builds a request for one name, repeated; returns its first byte. */
static const uint8_t *
ask(int version, const char *community, uint8_t command, int64_t a, int64_t b, const char *oid,
    unsigned times, size_t *out_length)
{
    struct ber_writer writer;
    uint32_t subs[BER_SUBS_MAX];
    size_t count;

    assert_true(ber_parse_oid(oid, subs, &count));
    ber_writer_init(&writer, request, sizeof request);
    const uint8_t *end = writer.at;
    for (unsigned i = 0; i < times; i++) {
        const uint8_t *bind_end = writer.at;

        ber_put(&writer, BER_NULL, "", 0);
        ber_put_oid(&writer, subs, count);
        ber_wrap(&writer, BER_SEQUENCE, bind_end);
    }
    ber_wrap(&writer, BER_SEQUENCE, end);
    ber_put_int(&writer, BER_INTEGER, b);
    ber_put_int(&writer, BER_INTEGER, a);
    ber_put_int(&writer, BER_INTEGER, 4711);
    ber_wrap(&writer, command, end);
    ber_put(&writer, BER_OCTETS, community, strlen(community));
    ber_put_int(&writer, BER_INTEGER, version);
    ber_wrap(&writer, BER_SEQUENCE, end);
    assert_false(writer.full);
    *out_length = (size_t)(end - writer.at);
    return writer.at;
}

struct answer {
    int64_t id, status, index;
    unsigned count;
    struct ber_item name, value; /* of the first varbind */
};

static bool
read_answer(const uint8_t *bytes, size_t length, struct answer *out)
{
    struct ber_reader reader = {bytes, bytes + length};
    struct ber_item item;
    int64_t version;

    memset(out, 0, sizeof *out);
    if (bytes == NULL || !ber_take_tag(&reader, BER_SEQUENCE, &item) || reader.at != reader.end)
        return false;
    reader = ber_inside(&item);
    if (!ber_take_tag(&reader, BER_INTEGER, &item) || !ber_int(&item, &version) ||
        !ber_take_tag(&reader, BER_OCTETS, &item) || !ber_take_tag(&reader, BER_RESPONSE, &item))
        return false;
    reader = ber_inside(&item);
    if (!ber_take(&reader, &item) || !ber_int(&item, &out->id) || !ber_take(&reader, &item) ||
        !ber_int(&item, &out->status) || !ber_take(&reader, &item) ||
        !ber_int(&item, &out->index) || !ber_take_tag(&reader, BER_SEQUENCE, &item))
        return false;
    reader = ber_inside(&item);
    while (ber_take_tag(&reader, BER_SEQUENCE, &item)) {
        struct ber_reader inside = ber_inside(&item);
        struct ber_item name, content;

        if (!ber_take_tag(&inside, BER_OID, &name) || !ber_take(&inside, &content))
            return false;
        if (out->count++ == 0) {
            out->name = name;
            out->value = content;
        }
    }
    return reader.at == reader.end;
}

struct fixture {
    struct model *model;
    struct agent *agent;
};

static struct answer
say(struct fixture *f, const char *device, int version, uint8_t command, int64_t a, int64_t b,
    const char *oid, unsigned times, double now_s)
{
    struct answer answer;
    struct sim_device *found = model_device(f->model, device);
    size_t length, answer_length = 0;
    const uint8_t *bytes = ask(version, found->community, command, a, b, oid, times, &length);
    const uint8_t *reply = agent_answer(f->agent, found, bytes, length, now_s, &answer_length);

    if (!read_answer(reply, answer_length, &answer))
        fail_msg("%s: no answer, or a broken one", oid);
    assert_int_equal(answer.id, 4711);
    return answer;
}

static int64_t
number_of(const struct answer *answer)
{
    int64_t number = 0;

    assert_true(ber_int(&answer->value, &number));
    return number;
}

static void
open_fixture(struct fixture *f)
{
    f->model = good(SITE);
    f->agent = agent_new();
    assert_non_null(f->agent);
}

static void
close_fixture(struct fixture *f)
{
    agent_free(f->agent);
    model_free(f->model);
}

static void
agents_answer_what_exists_and_say_what_does_not(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    struct answer answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.9.0", 1, 0);
    assert_int_equal(answer.value.tag, BER_GAUGE);
    assert_int_equal(number_of(&answer), 125);
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.1.0", 3, 0);
    assert_int_equal(answer.count, 3);
    assert_memory_equal(answer.value.data, "mine", 4);
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.13.0", 1, 0);
    assert_int_equal(answer.value.length, 3);
    assert_memory_equal(answer.value.data, "\x00\xff\x7f", 3);
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.99.0", 1, 0);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.value.tag, BER_NO_SUCH_INSTANCE);
    answer = say(&f, "ups-a", 0, BER_GET, 0, 0, "1.3.6.1.2.1.1.99.0", 2, 0); /* v1 */
    assert_int_equal(answer.status, 2);
    assert_int_equal(answer.index, 1);
    assert_int_equal(answer.count, 2);
    close_fixture(&f);
}

static void
names_are_walked_as_numbers_and_v1_sees_no_64_bit_counter(void **state)
{
    static const struct {
        const char *from;
        int version;
        uint8_t tag;
    } STEPS[] = {
        {"0.0", 1, BER_OCTETS},
        {"1.3.6.1.2.1.1.1.0", 1, BER_GAUGE}, /* .9 before .10 */
        {"1.3.6.1.2.1.1.9.0", 1, BER_INTEGER},
        {"1.3.6.1.2.1.1.10.0", 1, BER_COUNTER64},
        {"1.3.6.1.2.1.1.10.0", 0, BER_TIMETICKS},
        {"1.3.6.1.2.1.1.13.0", 1, BER_END_OF_MIB},
        {"2.5", 1, BER_END_OF_MIB},
    };
    struct fixture f;

    (void)state;
    open_fixture(&f);
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        struct answer answer =
            say(&f, "ups-1", STEPS[i].version, BER_GET_NEXT, 0, 0, STEPS[i].from, 1, 0);
        assert_int_equal(answer.value.tag, STEPS[i].tag);
    }
    assert_int_equal(say(&f, "ups-1", 0, BER_GET_NEXT, 0, 0, "1.3.6.1.2.1.1.13.0", 1, 0).status, 2);
    assert_int_equal(say(&f, "ups-1", 0, BER_GET, 0, 0, "1.3.6.1.2.1.1.11.0", 1, 0).status, 2);
    close_fixture(&f);
}

static void
bulk_requests_end_with_the_objects_and_fit_the_message(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, 0, 3, "1.3", 1, 0).count, 3);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, 0, 100, "1.3", 1, 0).count, 7);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, 1, 2, "1.3", 2, 0).count, 3);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, 5, 5, "1.3", 2, 0).count, 2);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, -1, -1, "1.3", 2, 0).count, 0);
    assert_int_equal(say(&f, "ups-1", 1, BER_GET_BULK, 0, INT32_MAX, "1.3", 100, 0).status, 0);
    struct answer answer = say(&f, "tiny", 1, BER_GET_BULK, 0, 1, "1.3", 20, 0);
    assert_in_range(answer.count, 1, 4); /* 484 bytes hold no more */
    answer = say(&f, "tiny", 1, BER_GET, 0, 0, "1.3.6.1.4.1.1.0", 20, 0);
    assert_int_equal(answer.status, 1);
    assert_int_equal(answer.count, 0);
    close_fixture(&f);
}

static void
writing_is_refused_and_counted(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    assert_int_equal(say(&f, "ups-1", 1, BER_SET, 0, 0, "1.3.6.1.2.1.1.9.0", 1, 0).status, 17);
    assert_int_equal(say(&f, "ups-1", 0, BER_SET, 0, 0, "1.3.6.1.2.1.1.9.0", 1, 0).status, 4);
    assert_int_equal(model_device(f.model, "ups-1")->counters.writes, 2);
    assert_string_equal(value(f.model, "ups-1", "nine"), "12.5");
    close_fixture(&f);
}

static void
wrong_communities_and_broken_requests_are_met_with_silence(void **state)
{
    struct fixture f;
    size_t length, out;
    uint8_t broken[512];
    uint32_t random = 99;

    (void)state;
    open_fixture(&f);
    struct sim_device *device = model_device(f.model, "ups-a");
    const uint8_t *bytes = ask(1, "public", BER_GET, 0, 0, "1.3.6.1.2.1.1.9.0", 1, &length);
    assert_null(agent_answer(f.agent, device, bytes, length, 0, &out));
    bytes = ask(3, "secret", BER_GET, 0, 0, "1.3.6.1.2.1.1.9.0", 1, &length);
    assert_null(agent_answer(f.agent, device, bytes, length, 0, &out));
    bytes = ask(1, "secret", BER_RESPONSE, 0, 0, "1.3.6.1.2.1.1.9.0", 1, &length);
    assert_null(agent_answer(f.agent, device, bytes, length, 0, &out));

    bytes = ask(1, "secret", BER_GET, 0, 0, "1.3.6.1.2.1.1.9.0", 3, &length);
    assert_true(length < sizeof broken);
    for (size_t cut = 0; cut < length; cut++)
        assert_null(agent_answer(f.agent, device, bytes, cut, 0, &out));
    for (int round = 0; round < 20000; round++) { /* answered or not: never out of bounds */
        memcpy(broken, bytes, length);
        for (int k = 0; k < 3; k++) {
            random = random * 1664525 + 1013904223;
            broken[(random >> 8) % length] = (uint8_t)(random >> 24);
        }
        struct answer answer;
        const uint8_t *reply = agent_answer(f.agent, device, broken, length, 0, &out);
        assert_true(reply == NULL || out > 0);
        if (reply != NULL)
            (void)read_answer(reply, out, &answer);
    }
    close_fixture(&f);
}

static void
moving_values_move_and_stop_when_set(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    struct answer answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.10.0", 1, 0);
    assert_int_equal(number_of(&answer), 0); /* device 0 begins at the lower end */
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.10.0", 1, 2);
    assert_int_equal(number_of(&answer), 10);
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.12.0", 1, 2.5);
    assert_int_equal(number_of(&answer), 250);
    set(f.model, "ups-a", "ten", "42");
    answer = say(&f, "ups-a", 1, BER_GET, 0, 0, "1.3.6.1.2.1.1.10.0", 1, 2);
    assert_int_equal(number_of(&answer), 42);
    close_fixture(&f);
}

static void
a_changed_value_is_this_device_s_alone(void **state)
{
    struct model *model = good(SITE);

    (void)state;
    set(model, "ups-1", "nine", "99.9");
    set(model, "ups-1", "nine", "1");
    set(model, "ups-1", "1.3.6.1.2.1.1.1.0", "longer than before");
    set(model, "ups-1", "text", "x");
    assert_string_equal(value(model, "ups-1", "nine"), "1");
    assert_string_equal(value(model, "ups-1", "text"), "x");
    assert_string_equal(value(model, "ups-2", "nine"), "12.5");
    assert_string_equal(value(model, "ups-2", "text"), "a text");
    set(model, "gen-1", "input", "1");
    assert_string_equal(value(model, "gen-1", "input"), "1");
    assert_string_equal(value(model, "gen-2", "input"), "55");
    model_free(model);
}

static void
lies_change_what_they_say_and_keep_the_rest(void **state)
{
    struct fixture f;
    struct answer answer;
    size_t length, out;
    uint8_t lie[512];

    (void)state;
    open_fixture(&f);
    struct sim_device *device = model_device(f.model, "ups-a");
    const uint8_t *bytes = ask(1, "secret", BER_GET, 0, 0, "1.3.6.1.2.1.1.9.0", 2, &length);
    const uint8_t *reply = agent_answer(f.agent, device, bytes, length, 0, &out);
    memcpy(lie, reply, out);
    agent_lie_id(lie, out);
    assert_true(read_answer(lie, out, &answer));
    assert_int_not_equal(answer.id, 4711);
    assert_int_equal(number_of(&answer), 125);
    memcpy(lie, reply, out);
    agent_lie_oids(lie, out);
    assert_true(read_answer(lie, out, &answer));
    assert_int_equal(answer.id, 4711);
    assert_int_equal(answer.name.data[answer.name.length - 1], 1);
    for (size_t cut = 0; cut < out; cut++) { /* bytes that are no answer do no harm */
        agent_lie_id(lie, cut);
        agent_lie_oids(lie, cut);
    }
    close_fixture(&f);
}

static void
recordings_are_sorted_and_of_repeated_names_the_first_wins(void **state)
{
    static const char RECORDING[] = "1.3.6.1.4.1.9.10|2|10\n"
                                    "# a comment\n"
                                    "1.3.6.1.4.1.9.2|4x|0a7f\r\n"
                                    "1.3.6.1.4.1.9.10|2|11\n"
                                    "\n"
                                    "1.3.6.1.4.1.9.3|64x|0a000001\n"
                                    "1.3.6.1.4.1.9.4|64|10.0.0.2\n"
                                    "1.3.6.1.4.1.9.5|6|1.3.6.1\n"
                                    "1.3.6.1.4.1.9.6|2:numeric|rate=1\n"
                                    "1.3.6.1.4.1.9.7|4|a|b\n"
                                    "1.3.6.1.4.1.9.8|5|\n";
    static const char *const BAD[] = {"1.3|2",        "1.3.1|99|x", "1.3.1|2|x",   "1.x|2|1",
                                      "1.3.1|4x|abc", "1.3.1||1",   "1.3.1|64x|0a"};
    struct model *model = model_new();
    struct err err;
    FILE *out = fopen(path, "w");

    (void)state;
    fputs(RECORDING, out);
    fclose(out);
    struct sim_template *template = model_add_template(model, "t", SIM_SNMP);
    assert_int_equal(snmprec_load(model, template, path, &err), ERR_OK);
    assert_int_equal(model_freeze(model, template, &err), ERR_OK);
    assert_int_equal(template->item_count, 7);
    struct sim_device *device;
    assert_int_equal(model_add_device(model, "d", template, &device, &err), ERR_OK);
    assert_string_equal(value(model, "d", "1.3.6.1.4.1.9.10"), "10");
    assert_string_equal(value(model, "d", "1.3.6.1.4.1.9.7"), "a|b");
    assert_int_equal(objects_find_text(template, "1.3.6.1.4.1.9.2"), 0);
    assert_int_equal(objects_find_text(template, "1.3.6.1.4.1.9.10"), 6);
    assert_int_equal(objects_find_text(template, "1.3.6.1.4.1.9.6"), UINT32_MAX);
    model_free(model);

    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        out = fopen(path, "w");
        fprintf(out, "%s\n", BAD[i]);
        fclose(out);
        model = model_new();
        template = model_add_template(model, "t", SIM_SNMP);
        assert_int_not_equal(snmprec_load(model, template, path, &err), ERR_OK);
        assert_non_null(strstr(err.text, ":1: "));
        model_free(model);
    }
}

/* Modbus devices */

static size_t
modbus(struct model *model, const char *device, const void *pdu, size_t length, uint8_t *answer)
{
    return slave_answer(model_device(model, device), pdu, length, 0, answer);
}

static size_t
read_words(struct model *model, uint8_t function, uint16_t first, uint16_t count, uint8_t *answer)
{
    uint8_t pdu[5] = {function, (uint8_t)(first >> 8), (uint8_t)first, (uint8_t)(count >> 8),
                      (uint8_t)count};

    return modbus(model, "gen-1", pdu, sizeof pdu, answer);
}

static void
registers_are_laid_out_as_described(void **state)
{
    static const struct {
        uint16_t address, count;
        const char *bytes;
    } CASES[] = {
        {0, 1, "\x00\x07"},          {10, 2, "\x12\x34\x56\x78"},
        {12, 2, "\x56\x78\x12\x34"}, {14, 2, "\x00\x00\xc0\xbf"}, /* -1.5 = bfc00000, backwards */
        {16, 1, "\xff\x85"},                                      /* -123 */
        {17, 1, "\x12\x34"},         {18, 1, "\x00\x0e"}, /* 7 with bit 3 set and bit 0 cleared */
        {20, 4, "abcde\0\0\0"},      {30, 4, "\x40\x02\0\0\0\0\0\0"},
        {65535, 1, "\x00\x09"},
    };
    struct model *model = good(SITE);
    uint8_t answer[SLAVE_PDU_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        size_t bytes = 2 * (size_t)CASES[i].count;

        assert_int_equal(read_words(model, 3, CASES[i].address, CASES[i].count, answer), 2 + bytes);
        assert_int_equal(answer[0], 3);
        assert_int_equal(answer[1], bytes);
        assert_memory_equal(answer + 2, CASES[i].bytes, bytes);
    }
    assert_string_equal(value(model, "gen-1", "long"), "305419896");
    assert_string_equal(value(model, "gen-1", "low"), "305419896");
    assert_string_equal(value(model, "gen-1", "float"), "-1.5");
    assert_string_equal(value(model, "gen-1", "scaled"), "-12.3");
    assert_string_equal(value(model, "gen-1", "bcd"), "1234");
    assert_string_equal(value(model, "gen-1", "flag"), "1");
    assert_string_equal(value(model, "gen-1", "other"), "0");
    assert_string_equal(value(model, "gen-1", "text"), "abcde");
    assert_string_equal(value(model, "gen-1", "double"), "2.25");
    model_free(model);
}

static void
values_set_are_read_back_in_every_type(void **state)
{
    static const struct {
        const char *name, *text;
    } CASES[] = {{"long", "4294967295"}, {"low", "65536"},     {"float", "1024.5"},
                 {"scaled", "-3276.8"},  {"bcd", "9999"},      {"flag", "0"},
                 {"other", "1"},         {"text", "12345678"}, {"double", "-0.125"},
                 {"last", "1"},          {"coil", "0"},        {"input", "65535"}};
    struct model *model = good(SITE);
    struct sim_device *device = model_device(model, "gen-1");
    struct err err;
    uint8_t answer[SLAVE_PDU_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        set(model, "gen-1", CASES[i].name, CASES[i].text);
        assert_string_equal(value(model, "gen-1", CASES[i].name), CASES[i].text);
    }
    assert_int_equal(read_words(model, 3, 18, 1, answer), 4);
    assert_int_equal(answer[3], 0x07); /* bit 3 off, bit 0 on, the others as they were */
    assert_int_equal(read_words(model, 3, 65535, 1, answer), 4);
    assert_int_equal(answer[3], 1);
    uint32_t item = model_find_item(device->template, "input");
    assert_int_not_equal(model_set(device, item, "65536", &err), ERR_OK);
    assert_int_not_equal(model_set(device, item, "x", &err), ERR_OK);
    assert_int_equal(model_set_number(device, item, 1e9), ERR_OK); /* clipped */
    assert_string_equal(value(model, "gen-1", "input"), "65535");
    assert_int_equal(model_find_item(device->template, "4:5"), item);
    assert_int_equal(model_find_item(device->template, "4:6"), UINT32_MAX);
    model_free(model);
}

static void
requests_that_cannot_be_served_get_their_exception(void **state)
{
    static const struct {
        uint8_t pdu[8];
        size_t length;
        uint8_t exception;
    } CASES[] = {
        {{3, 0, 100, 0, 1}, 5, 2},     /* behind the range */
        {{3, 0, 99, 0, 2}, 5, 2},      /* over its end */
        {{3, 0, 49, 0, 3}, 5, 2},      /* into a hole */
        {{3, 0xff, 0xff, 0, 2}, 5, 2}, /* over the last register */
        {{4, 0, 0, 0, 1}, 5, 2},       /* not defined in this table */
        {{2, 0, 4, 0, 1}, 5, 2},       /* a hole among the inputs */
        {{3, 0, 0, 0, 0}, 5, 3},       /* nothing */
        {{3, 0, 0, 0, 126}, 5, 3},     /* too much */
        {{1, 0, 0, 0x07, 0xd1}, 5, 3}, /* 2001 bits */
        {{3, 0, 0, 0}, 4, 3},          /* too short */
        {{3, 0, 0, 0, 1, 0}, 6, 3},    /* too long */
        {{6, 0, 0, 0, 1}, 5, 1},       /* writing */
        {{16, 0, 0, 0, 1, 2, 0, 1}, 8, 1},
        {{5, 0, 0, 0xff, 0}, 5, 1},
        {{0}, 1, 1},
        {{0x80}, 1, 1},
    };
    struct model *model = good(SITE);
    uint8_t answer[SLAVE_PDU_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_int_equal(modbus(model, "gen-1", CASES[i].pdu, CASES[i].length, answer), 2);
        assert_int_equal(answer[0], CASES[i].pdu[0] | 0x80);
        assert_int_equal(answer[1], CASES[i].exception);
    }
    assert_int_equal(model_device(model, "gen-1")->counters.writes, 3);
    model_free(model);
}

static void
bits_are_packed_from_the_lowest(void **state)
{
    struct model *model = good(SITE);
    uint8_t answer[SLAVE_PDU_MAX];

    (void)state;
    assert_int_equal(read_words(model, 2, 5, 4, answer), 3);
    assert_int_equal(answer[2], 0x0f);
    assert_int_equal(read_words(model, 2, 0, 4, answer), 3);
    assert_int_equal(answer[2], 0x0f);
    assert_int_equal(read_words(model, 1, 0, 1, answer), 3);
    assert_int_equal(answer[2], 1);
    set(model, "gen-1", "coil", "false");
    assert_int_equal(read_words(model, 1, 0, 1, answer), 3);
    assert_int_equal(answer[2], 0);
    model_free(model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_makes_its_devices),
        cmocka_unit_test(faulty_descriptions_are_refused_with_their_place),
        cmocka_unit_test(behaviours_are_read_with_their_numbers),
        cmocka_unit_test(agents_answer_what_exists_and_say_what_does_not),
        cmocka_unit_test(names_are_walked_as_numbers_and_v1_sees_no_64_bit_counter),
        cmocka_unit_test(bulk_requests_end_with_the_objects_and_fit_the_message),
        cmocka_unit_test(writing_is_refused_and_counted),
        cmocka_unit_test(wrong_communities_and_broken_requests_are_met_with_silence),
        cmocka_unit_test(moving_values_move_and_stop_when_set),
        cmocka_unit_test(a_changed_value_is_this_device_s_alone),
        cmocka_unit_test(lies_change_what_they_say_and_keep_the_rest),
        cmocka_unit_test(recordings_are_sorted_and_of_repeated_names_the_first_wins),
        cmocka_unit_test(registers_are_laid_out_as_described),
        cmocka_unit_test(values_set_are_read_back_in_every_type),
        cmocka_unit_test(requests_that_cannot_be_served_get_their_exception),
        cmocka_unit_test(bits_are_packed_from_the_lowest),
    };

    return cmocka_run_group_tests(tests, make_path, remove_path);
}
