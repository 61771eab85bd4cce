/*
 * test_outbox.c - what is published when: order, window, cursor, the picture at a connect.
 *
 * The journal and the broker are fakes: rows made on the fly, messages noted in a list and
 * confirmed when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/alarm_def.h"
#include "alerts/outbox.h"

#define MESSAGES_MAX 4096
#define SEQ_MASK 0xffffffffffff /* the rest of a token tells connections apart */

struct fake_row {
    const char *alarm; /* NULL: a row of another kind */
    bool is_rest;
    unsigned audiences;
};

struct message {
    char topic[128];
    bool is_empty;
    uint64_t token;
    bool is_confirmed;
};

struct world {
    struct outbox *outbox;
    struct fake_row rows[1000]; /* [seq] */
    uint64_t head;
    const char *present[8]; /* alarms not at rest */
    struct message messages[MESSAGES_MAX];
    size_t message_count;
    bool is_busy; /* the broker takes nothing */
    size_t most_under_way;
};

static size_t
under_way(const struct world *world)
{
    size_t count = 0;

    for (size_t i = 0; i < world->message_count; i++)
        count += !world->messages[i].is_confirmed;
    return count;
}

static bool
publish(void *ctx, const char *topic, const void *payload, size_t bytes, bool retained,
        uint64_t token)
{
    struct world *world = ctx;

    (void)payload;
    if (world->is_busy)
        return false;
    assert_int_equal(retained, strncmp(topic, "root/site/alarm/", 16) == 0);
    assert_true(world->message_count < MESSAGES_MAX);
    struct message *message = &world->messages[world->message_count++];
    snprintf(message->topic, sizeof message->topic, "%s", topic);
    message->is_empty = bytes == 0;
    message->token = token;
    message->is_confirmed = false;
    if (under_way(world) > world->most_under_way)
        world->most_under_way = under_way(world);
    return true;
}

static enum err_code
read_rows(void *ctx, uint64_t after, unsigned limit,
          bool (*row)(void *ctx, const struct journal_row *row), void *row_ctx, uint64_t *out_last,
          struct err *err)
{
    struct world *world = ctx;

    (void)err;
    *out_last = after;
    for (uint64_t seq = after + 1; seq <= world->head && limit-- > 0; seq++) {
        const struct fake_row *fake = &world->rows[seq];
        struct journal_row out = {.seq = seq,
                                  .kind = fake->alarm != NULL ? "alarm" : "device",
                                  .alarm_id = fake->alarm,
                                  .body = "{\"a\":1}",
                                  .payload = fake->is_rest ? NULL : fake->alarm,
                                  .hash = "00",
                                  .audiences = fake->audiences};

        *out_last = seq;
        if (!row(row_ctx, &out))
            break;
    }
    return ERR_OK;
}

static enum err_code
read_alarms(void *ctx, unsigned after_priority, uint64_t after_seq, unsigned limit,
            bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq,
                          const char *payload),
            void *alarm_ctx, struct err *err)
{
    struct world *world = ctx;

    (void)err;
    (void)after_priority;
    for (uint64_t i = after_seq; i < 8 && world->present[i] != NULL && limit-- > 0; i++)
        if (!alarm(alarm_ctx, world->present[i], 1, i + 1, "{}"))
            break;
    return ERR_OK;
}

static struct world *
make_world(unsigned window)
{
    static const struct outbox_io IO = {publish, read_rows, read_alarms};
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->outbox = outbox_new("root/site", window, &IO, world);
    assert_non_null(world->outbox);
    return world;
}

static void
end_world(struct world *world)
{
    outbox_free(world->outbox);
    free(world);
}

static void
add_rows(struct world *world, const char *alarm, bool is_rest, unsigned audiences, size_t count)
{
    while (count-- > 0)
        world->rows[++world->head] = (struct fake_row){alarm, is_rest, audiences};
    outbox_committed(world->outbox, world->head);
}

static void
pump(struct world *world)
{
    struct err err;

    assert_int_equal(outbox_pump(world->outbox, &err), ERR_OK);
}

static void
confirm(struct world *world, size_t index)
{
    assert_false(world->messages[index].is_confirmed);
    world->messages[index].is_confirmed = true;
    outbox_delivered(world->outbox, world->messages[index].token);
}

/* Until nothing is left to say. */
static void
run(struct world *world)
{
    for (size_t done = 0;;) {
        pump(world);
        if (done == world->message_count)
            return;
        while (done < world->message_count)
            confirm(world, done++);
    }
}

static size_t
count_topic(const struct world *world, const char *topic)
{
    size_t count = 0;

    for (size_t i = 0; i < world->message_count; i++)
        count += strcmp(world->messages[i].topic, topic) == 0;
    return count;
}

static void
outbox_unconnected_says_nothing(void **state)
{
    struct world *world = make_world(10);

    (void)state;
    add_rows(world, "power/a/b", false, 1, 3);
    pump(world);
    assert_int_equal(world->message_count, 0);
    end_world(world);
}

static void
outbox_rows_go_in_order_to_each_audience_and_the_alarm_topic(void **state)
{
    static const char *const WANT[] = {"root/site/event/security", "root/site/event/facilities",
                                       "root/site/alarm/power/a/b"};
    struct world *world = make_world(10);

    (void)state;
    outbox_connected(world->outbox);
    pump(world);
    add_rows(world, "power/a/b", false,
             AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_FACILITIES), 1);
    add_rows(world, NULL, false, 0, 1);
    run(world);
    assert_int_equal(world->message_count, ARRAY_LEN(WANT));
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++)
        assert_string_equal(world->messages[i].topic, WANT[i]);
    assert_int_equal(outbox_cursor(world->outbox), 2);
    assert_true(outbox_is_drained(world->outbox));
    end_world(world);
}

static void
outbox_window_is_never_exceeded(void **state)
{
    struct world *world = make_world(7);

    (void)state;
    outbox_connected(world->outbox);
    add_rows(world, "power/a/b", false, 1, 300);
    run(world);
    assert_true(world->most_under_way <= 7);
    assert_int_equal(count_topic(world, "root/site/event/security"), 300);
    assert_int_equal(outbox_cursor(world->outbox), 300);
    end_world(world);
}

static void
outbox_cursor_waits_for_the_oldest_row(void **state)
{
    struct world *world = make_world(100);

    (void)state;
    outbox_connected(world->outbox);
    pump(world);
    add_rows(world, NULL, false, 1, 3);
    pump(world);
    assert_int_equal(world->message_count, 3);
    confirm(world, 2);
    confirm(world, 1);
    assert_int_equal(outbox_cursor(world->outbox), 0);
    confirm(world, 0);
    assert_int_equal(outbox_cursor(world->outbox), 3);
    end_world(world);
}

static void
outbox_reconnect_says_unconfirmed_rows_again(void **state)
{
    struct world *world = make_world(100);

    (void)state;
    outbox_connected(world->outbox);
    pump(world);
    add_rows(world, NULL, false, 1, 5);
    pump(world);
    confirm(world, 0);
    confirm(world, 1);
    outbox_disconnected(world->outbox);
    for (size_t i = 2; i < 5; i++)
        world->messages[i].is_confirmed = true; /* lost with the connection */
    outbox_connected(world->outbox);
    pump(world);
    assert_int_equal(world->message_count, 5 + 3);
    assert_int_equal(world->messages[5].token & SEQ_MASK, 3);
    end_world(world);
}

static void
outbox_connect_tells_present_alarms_first_and_no_older_state_after(void **state)
{
    struct world *world = make_world(4);

    (void)state;
    world->present[0] = "power/a/still";
    /* A backlog in which `still` came and went and came, and `gone` went. */
    add_rows(world, "power/a/still", true, 1, 1);
    add_rows(world, "power/a/gone", false, 1, 1);
    add_rows(world, "power/a/gone", true, 1, 1);
    add_rows(world, "power/a/still", false, 1, 1);
    outbox_connected(world->outbox);
    run(world);
    assert_string_equal(world->messages[0].topic, "root/site/alarm/power/a/still");
    assert_int_equal(count_topic(world, "root/site/alarm/power/a/still"), 1);
    /* Its last state is at rest: the topic is emptied, never filled. */
    assert_int_equal(count_topic(world, "root/site/alarm/power/a/gone"), 1);
    for (size_t i = 0; i < world->message_count; i++)
        if (strcmp(world->messages[i].topic, "root/site/alarm/power/a/gone") == 0)
            assert_true(world->messages[i].is_empty);
    assert_int_equal(count_topic(world, "root/site/event/security"), 4);
    assert_true(outbox_is_in_sync(world->outbox));
    end_world(world);
}

static void
outbox_busy_broker_is_tried_again(void **state)
{
    struct world *world = make_world(10);

    (void)state;
    outbox_connected(world->outbox);
    world->is_busy = true;
    add_rows(world, "power/a/b", false, 3, 2);
    pump(world);
    assert_int_equal(world->message_count, 0);
    world->is_busy = false;
    run(world);
    assert_int_equal(world->message_count, 6);
    assert_int_equal(outbox_cursor(world->outbox), 2);
    end_world(world);
}

static void
outbox_another_journal_starts_from_its_cursor(void **state)
{
    struct world *world = make_world(10);

    (void)state;
    outbox_connected(world->outbox);
    add_rows(world, NULL, false, 1, 9);
    run(world);
    outbox_set_cursor(world->outbox, 0); /* quarantine: a new journal, from its first row */
    world->head = 0;
    world->message_count = 0;
    add_rows(world, NULL, false, 1, 2);
    run(world);
    assert_int_equal(world->message_count, 2);
    assert_int_equal(outbox_cursor(world->outbox), 2);
    end_world(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outbox_unconnected_says_nothing),
        cmocka_unit_test(outbox_rows_go_in_order_to_each_audience_and_the_alarm_topic),
        cmocka_unit_test(outbox_window_is_never_exceeded),
        cmocka_unit_test(outbox_cursor_waits_for_the_oldest_row),
        cmocka_unit_test(outbox_reconnect_says_unconfirmed_rows_again),
        cmocka_unit_test(outbox_connect_tells_present_alarms_first_and_no_older_state_after),
        cmocka_unit_test(outbox_busy_broker_is_tried_again),
        cmocka_unit_test(outbox_another_journal_starts_from_its_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
