/*
 * test_link.c - one end of a link: what is sound, what is not, and what happens when a peer lags.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/link.h"

static struct rig {
    struct ev_loop *loop;
    struct link *link;
    int peer;
    unsigned messages, writable, closed;
    struct msg_head last;
    uint32_t first_word;
    bool frees_on_message;
} rig;

static void
on_message(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    rig.messages++;
    rig.last = *head;
    assert_int_equal((uintptr_t)body % _Alignof(max_align_t), 0);
    if (head->bytes >= sizeof rig.first_word)
        memcpy(&rig.first_word, body, sizeof rig.first_word);
    if (rig.frees_on_message) {
        link_free(rig.link);
        rig.link = NULL;
    }
}

static void
on_writable(void *ctx)
{
    (void)ctx;
    rig.writable++;
}

static void
on_closed(void *ctx)
{
    (void)ctx;
    rig.closed++;
}

static const struct link_handlers HANDLERS = {
    .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static int
set_up(void **state)
{
    int fds[2];

    (void)state;
    memset(&rig, 0, sizeof rig);
    rig.loop = ev_loop_new(EVFLAG_AUTO);
    if (rig.loop == NULL || link_pair(fds, NULL) != ERR_OK)
        return -1;
    rig.link = link_new(rig.loop, fds[0], 7, &HANDLERS, NULL);
    rig.peer = fds[1];
    return rig.link == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    (void)state;
    link_free(rig.link);
    if (rig.peer >= 0)
        close(rig.peer);
    ev_loop_destroy(rig.loop);
    return 0;
}

static void
turn(void)
{
    ev_run(rig.loop, EVRUN_NOWAIT);
}

static void
tell_raw(const void *bytes, size_t length)
{
    assert_int_equal(send(rig.peer, bytes, length, 0), length);
}

struct raw {
    struct msg_head head;
    uint32_t words[64];
};

static struct raw
poll_now(uint16_t count)
{
    struct raw raw = {.head = {.type = MSG_POLL_NOW, .count = count, .bytes = count * 4u}};

    raw.words[0] = 4711;
    return raw;
}

/* Takes one message of the peer's end; its type, or MSG_NONE. */
static enum msg_type
hear(void)
{
    static union {
        struct msg_head head;
        char bytes[sizeof(struct msg_head) + MSG_BYTES_MAX];
    } in;
    ssize_t got = recv(rig.peer, &in, sizeof in, MSG_DONTWAIT);

    return got < (ssize_t)sizeof in.head ? MSG_NONE : (enum msg_type)in.head.type;
}

static unsigned
fill(void)
{
    static struct sample samples[1000];
    unsigned sent = 0;

    while (link_send(rig.link, MSG_SAMPLES, ARRAY_LEN(samples), samples))
        sent++;
    return sent;
}

static void
sound_message_arrives_with_its_head_and_body(void **state)
{
    struct raw raw = poll_now(2);

    (void)state;
    tell_raw(&raw, sizeof raw.head + 8);
    turn();
    assert_int_equal(rig.messages, 1);
    assert_int_equal(rig.last.type, MSG_POLL_NOW);
    assert_int_equal(rig.last.count, 2);
    assert_int_equal(rig.first_word, 4711);
    assert_int_equal(link_unsound(rig.link), 0);
}

static void
unsound_messages_are_counted_and_the_next_sound_one_arrives(void **state)
{
    static const struct {
        struct msg_head head;
        size_t length; /* of the datagram */
    } rows[] = {
        {{.type = MSG_PING}, sizeof(struct msg_head) - 1},         /* half a head */
        {{.type = MSG_PING}, 1},                                   /* one byte */
        {{.type = MSG_NONE}, sizeof(struct msg_head)},             /* no type */
        {{.type = MSG_TYPE_COUNT}, sizeof(struct msg_head)},       /* beyond */
        {{.type = UINT16_MAX}, sizeof(struct msg_head)},           /* far beyond */
        {{.type = MSG_PING, .bytes = 4}, sizeof(struct msg_head)}, /* says more */
        {{.type = MSG_PING}, sizeof(struct msg_head) + 4},         /* holds more */
        {{.type = MSG_POLL_NOW, .count = 3, .bytes = 8}, sizeof(struct msg_head) + 8},
        {{.type = MSG_POLL_NOW, .count = 1, .bytes = 8}, sizeof(struct msg_head) + 8},
        {{.type = MSG_POLL_NOW, .count = 2, .bytes = 7}, sizeof(struct msg_head) + 7},
        {{.type = MSG_COMMAND, .count = 1, .bytes = 8}, sizeof(struct msg_head) + 8},
        {{.type = MSG_SAMPLES, .count = 1, .bytes = UINT32_MAX}, sizeof(struct msg_head) + 40},
    };
    struct raw good = poll_now(1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raw raw = {.head = rows[i].head};

        tell_raw(&raw, rows[i].length);
    }
    tell_raw(&good, sizeof good.head + 4);
    turn();
    assert_int_equal(link_unsound(rig.link), ARRAY_LEN(rows));
    assert_int_equal(rig.messages, 1);
    assert_int_equal(rig.first_word, 4711);
}

static void
message_larger_than_allowed_is_unsound(void **state)
{
    static char large[sizeof(struct msg_head) + MSG_BYTES_MAX + 8];
    struct msg_head head = {.type = MSG_METRICS, .count = 1, .bytes = MSG_BYTES_MAX + 8};

    (void)state;
    memcpy(large, &head, sizeof head);
    tell_raw(large, sizeof large);
    turn();
    assert_int_equal(link_unsound(rig.link), 1);
    assert_int_equal(rig.messages, 0);
}

static void
chatty_peer_gets_only_its_budget_of_a_turn(void **state)
{
    struct raw raw = poll_now(1);

    (void)state;
    for (int i = 0; i < LINK_BUDGET + 10; i++)
        tell_raw(&raw, sizeof raw.head + 4);
    turn();
    assert_int_equal(rig.messages, LINK_BUDGET);
    turn();
    assert_int_equal(rig.messages, LINK_BUDGET + 10);
}

static void
lagging_peer_refuses_and_room_is_told_once(void **state)
{
    (void)state;
    unsigned sent = fill();
    assert_true(sent > 0);
    assert_false(link_send(rig.link, MSG_PING, 0, NULL));
    turn();
    assert_int_equal(rig.writable, 0);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(hear(), MSG_SAMPLES); /* nothing refused was half sent */
    assert_int_equal(hear(), MSG_NONE);
    turn();
    turn();
    assert_int_equal(rig.writable, 1);
    assert_true(link_send(rig.link, MSG_PING, 0, NULL));
    assert_int_equal(hear(), MSG_PING);
}

static void
owed_hello_goes_before_anything_sent_later(void **state)
{
    (void)state;
    fill();
    link_hello(rig.link, 99);
    assert_false(link_send(rig.link, MSG_PING, 0, NULL));
    while (hear() == MSG_SAMPLES)
        ;
    assert_true(link_send(rig.link, MSG_PING, 0, NULL));
    assert_int_equal(hear(), MSG_HELLO);
    assert_int_equal(hear(), MSG_PING);
    assert_true(link_send(rig.link, MSG_PING, 0, NULL));
    assert_int_equal(hear(), MSG_PING); /* and only once */
}

static void
blob_travels_behind_its_fixed_part(void **state)
{
    struct msg_command command = {.verb = "ack", .payload_bytes = 5};
    struct {
        struct msg_head head;
        struct msg_command command;
        char payload[16];
    } in;

    (void)state;
    assert_true(link_send_blob(rig.link, MSG_COMMAND, &command, sizeof command, "hello", 5));
    ssize_t got = recv(rig.peer, &in, sizeof in, 0);
    assert_int_equal(got, sizeof in.head + sizeof command + 5);
    assert_int_equal(in.head.bytes, sizeof command + 5);
    assert_int_equal(in.head.generation, 7);
    assert_string_equal(in.command.verb, "ack");
    assert_memory_equal(in.payload, "hello", 5);
}

static void
link_may_be_freed_from_its_own_message(void **state)
{
    struct raw raw = poll_now(1);

    (void)state;
    rig.frees_on_message = true;
    tell_raw(&raw, sizeof raw.head + 4);
    tell_raw(&raw, sizeof raw.head + 4);
    turn();
    assert_int_equal(rig.messages, 1);
}

static void
closed_peer_is_told_once_and_sending_to_it_fails(void **state)
{
    (void)state;
    close(rig.peer);
    rig.peer = -1;
    assert_false(link_send(rig.link, MSG_PING, 0, NULL));
    turn();
    turn();
    assert_int_equal(rig.closed, 1);
    assert_false(link_send(rig.link, MSG_PING, 0, NULL));
}

static void
every_message_type_has_a_name_and_its_size(void **state)
{
    (void)state;
    for (int i = 0; i < MSG_TYPE_COUNT; i++)
        assert_string_not_equal(msg_type_name((enum msg_type)i), "unknown");
    assert_string_equal(msg_type_name(MSG_TYPE_COUNT), "unknown");
    assert_int_equal(msg_entry_bytes(MSG_SAMPLES), sizeof(struct sample));
    assert_int_equal(msg_entry_bytes(MSG_METRICS), 0);
    assert_int_equal(msg_entry_bytes(MSG_TYPE_COUNT), 0);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(sound_message_arrives_with_its_head_and_body),
        RIG_TEST(unsound_messages_are_counted_and_the_next_sound_one_arrives),
        RIG_TEST(message_larger_than_allowed_is_unsound),
        RIG_TEST(chatty_peer_gets_only_its_budget_of_a_turn),
        RIG_TEST(lagging_peer_refuses_and_room_is_told_once),
        RIG_TEST(owed_hello_goes_before_anything_sent_later),
        RIG_TEST(blob_travels_behind_its_fixed_part),
        RIG_TEST(link_may_be_freed_from_its_own_message),
        RIG_TEST(closed_peer_is_told_once_and_sending_to_it_fails),
        cmocka_unit_test(every_message_type_has_a_name_and_its_size),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
